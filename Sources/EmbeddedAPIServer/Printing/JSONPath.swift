import JSON

/// The part of kubectl's JSONPath that printer columns use: `.a.b`, `['a']`, `[0]`, `[*]`, `[?(@.type=="x")]`.
struct JSONPath: Sendable, Hashable {
    private enum Step: Sendable, Hashable {
        case field(String)
        case index(Int)
        case all
        case filter(path: [String], isEqual: Bool, value: String)
    }

    private var steps: [Step] = []

    /// Parses a path; nil when it uses anything else.
    init?(_ text: String) {
        var rest = Array(text)[...]
        if rest.first == "{", rest.last == "}" { rest = rest.dropFirst().dropLast() }
        if rest.first == "$" { rest = rest.dropFirst() }
        while let first = rest.first {
            if first == "[" {
                guard let close = Self.closing(rest) else { return nil }
                guard let step = Self.bracket(String(rest[(rest.startIndex + 1)..<close])) else { return nil }
                steps.append(step)
                rest = rest[(close + 1)...]
            } else {
                if first == "." { rest = rest.dropFirst() }
                var name = ""
                while let next = rest.first, next != ".", next != "[" {
                    rest = rest.dropFirst()
                    if next == "\\", let escaped = rest.first {
                        name.append(escaped)
                        rest = rest.dropFirst()
                    } else {
                        name.append(next)
                    }
                }
                guard !name.isEmpty else { return nil }
                steps.append(name == "*" ? .all : .field(name))
            }
        }
    }

    /// The index of the bracket that closes the first one; brackets in quotes do not count.
    private static func closing(_ text: ArraySlice<Character>) -> Int? {
        var depth = 0
        var quote: Character?
        for index in text.indices {
            let character = text[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "[" {
                depth += 1
            } else if character == "]" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    private static func bracket(_ text: String) -> Step? {
        if text == "*" { return .all }
        if let index = Int(text) { return .index(index) }
        if text.count >= 2, let quote = text.first, quote == "'" || quote == "\"", text.last == quote {
            return .field(String(text.dropFirst().dropLast()))
        }
        guard text.hasPrefix("?("), text.hasSuffix(")") else { return nil }
        let inner = String(text.dropFirst(2).dropLast())
        for (sign, isEqual) in [("==", true), ("!=", false)] {
            guard let range = inner.firstRange(of: sign) else { continue }
            let left = inner[..<range.lowerBound].filter { !$0.isWhitespace }
            var right = inner[range.upperBound...].drop { $0.isWhitespace }
            while right.last?.isWhitespace == true { right = right.dropLast() }
            if right.count >= 2, let quote = right.first, quote == "'" || quote == "\"", right.last == quote {
                right = right.dropFirst().dropLast()
            }
            guard left.hasPrefix("@.") else { return nil }
            return .filter(
                path: left.dropFirst(2).split(separator: ".").map(String.init), isEqual: isEqual, value: String(right))
        }
        return nil
    }

    /// The values at the path.
    func values(in root: JSONValue) -> [JSONValue] {
        var current = [root]
        for step in steps {
            current = current.flatMap { value -> [JSONValue] in
                switch step {
                case .field(let name): return value[name].map { [$0] } ?? []
                case .index(let index):
                    guard let elements = value.array else { return [] }
                    return value[index < 0 ? elements.count + index : index].map { [$0] } ?? []
                case .all: return value.array ?? value.object?.map(\.value) ?? []
                case .filter(let path, let isEqual, let wanted):
                    return (value.array ?? []).filter { element in
                        var inner: JSONValue? = element
                        for part in path { inner = inner?[part] }
                        return (inner?.rendered == wanted) == isEqual
                    }
                }
            }
        }
        return current
    }
}
