import JSON

extension JSONValue {
    /// Whether the JSON text has more bytes. Never says so of a text that fits: escapes count as the characters that they
    /// stand for, and fractions as three bytes.
    func isLarger(than limit: Int) -> Bool { size(upTo: limit) == nil }

    /// About how many bytes the JSON text has; nil when they are more than the limit, which is all that is counted.
    func size(upTo limit: Int) -> Int? {
        var rest = limit
        return take(&rest) ? limit - rest : nil
    }

    private func take(_ rest: inout Int) -> Bool {
        switch self {
        case .null, .bool: rest -= 4
        case .int(let number):
            var digits = number.magnitude
            repeat {
                rest -= 1
                digits /= 10
            } while digits > 0
        case .double: rest -= 3
        case .string(let text): rest -= text.utf8.count + 2
        case .array(let items):
            rest -= 1 + max(1, items.count)
            for item in items {
                guard item.take(&rest) else { return false }
            }
        case .object(let fields):
            rest -= 1 + max(1, fields.count)
            for (key, value) in fields {
                rest -= key.utf8.count + 3
                guard value.take(&rest) else { return false }
            }
        }
        return rest >= 0
    }
}
