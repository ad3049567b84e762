/// The fields of a JSON object, ordered by name.
///
/// The fixed order makes equal objects compare equal field by field and gives them the same text. A look-up is a binary
/// search, O(log n); adding a field in the middle is O(n). Of a repeated name the last value is kept, as in Go's
/// decoder. Names are compared by their UTF-8 bytes: two that only look the same, as `é` can be written in two ways, are
/// two names.
public struct JSONObject: Sendable, Hashable {
    @usableFromInline var fields: [Field]

    /// One field.
    @usableFromInline struct Field: Sendable, Hashable {
        @usableFromInline var key: String
        @usableFromInline var value: JSONValue

        @usableFromInline init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }

        // As strings the keys would be equal when they look the same.
        @usableFromInline static func == (left: Field, right: Field) -> Bool {
            isSame(left.key, right.key) && left.value == right.value
        }

        @usableFromInline func hash(into hasher: inout Hasher) {
            hasher.combine(key)
            hasher.combine(value)
        }
    }

    /// Whether two strings have the same bytes.
    static func isSame(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        let answer = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in
                for index in left.indices where left[index] != right[index] { return false }
                return true
            }
        }
        if let answer, let answer { return answer }
        return left.utf8.elementsEqual(right.utf8)
    }

    /// Whether the bytes of one string come before those of another.
    static func precedes(_ left: String, _ right: String) -> Bool {
        let answer = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in
                for index in 0..<Swift.min(left.count, right.count) where left[index] != right[index] {
                    return left[index] < right[index]
                }
                return left.count < right.count
            }
        }
        if let answer, let answer { return answer }
        return left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// Creates an object without fields.
    public init() { fields = [] }

    /// Creates an object with these fields; of a repeated name the last one wins. O(n log n), or O(n) when already in
    /// order.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init(unordered: pairs.map { Field(key: $0.0, value: $0.1) })
    }

    init(unordered: [Field]) {
        var isOrdered = true
        for index in unordered.indices.dropFirst() where !Self.precedes(unordered[index - 1].key, unordered[index].key)
        {
            isOrdered = false
            break
        }
        guard !isOrdered else {
            fields = unordered
            return
        }
        // Sorted by name and then by position, so that the last of equal names is the last of its group.
        let order = unordered.indices.sorted {
            let (left, right) = (unordered[$0].key, unordered[$1].key)
            return Self.isSame(left, right) ? $0 < $1 : Self.precedes(left, right)
        }
        fields = []
        fields.reserveCapacity(unordered.count)
        for index in order {
            if let last = fields.last, Self.isSame(last.key, unordered[index].key) {
                fields[fields.count - 1] = unordered[index]
            } else {
                fields.append(unordered[index])
            }
        }
    }

    func index(of key: String) -> (index: Int, found: Bool) {
        var low = 0
        var high = fields.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(fields[middle].key, key) { low = middle + 1 } else { high = middle }
        }
        return (low, low < fields.count && Self.isSame(fields[low].key, key))
    }

    /// The value of a field. Setting nil removes the field. O(log n) to read, O(n) to add or remove.
    public subscript(key: String) -> JSONValue? {
        get {
            let (index, found) = index(of: key)
            return found ? fields[index].value : nil
        }
        set {
            let (index, found) = index(of: key)
            switch (found, newValue) {
            case (true, let value?): fields[index].value = value
            case (true, nil): fields.remove(at: index)
            case (false, let value?): fields.insert(Field(key: key, value: value), at: index)
            case (false, nil): break
            }
        }
    }

    /// Whether there is a field of this name. O(log n).
    public func contains(_ key: String) -> Bool { index(of: key).found }

    /// The names of the fields, in order.
    public var keys: [String] { fields.map(\.key) }

    /// Changes every value in place. O(n). Throws what `transform` throws.
    public mutating func mapValues(_ transform: (_ key: String, _ value: inout JSONValue) throws -> Void) rethrows {
        for index in fields.indices { try transform(fields[index].key, &fields[index].value) }
    }

    /// Removes the fields for which `isRemoved` returns true. O(n). Throws what `isRemoved` throws.
    public mutating func removeAll(where isRemoved: (_ key: String, _ value: JSONValue) throws -> Bool) rethrows {
        try fields.removeAll { try isRemoved($0.key, $0.value) }
    }
}

extension JSONObject: RandomAccessCollection {
    /// A field: its name and value.
    public typealias Element = (key: String, value: JSONValue)
    public var startIndex: Int { 0 }
    public var endIndex: Int { fields.count }
    public subscript(position: Int) -> Element { (fields[position].key, fields[position].value) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
