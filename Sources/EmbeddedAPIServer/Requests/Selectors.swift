import KubernetesModel

/// A label selector, parsed from its text: `a=b,c in (d,e),!f`.
struct LabelSelector: Sendable, Hashable {
    enum Requirement: Sendable, Hashable {
        case isIn(String, [String])
        case notIn(String, [String])
        case exists(String)
        case absent(String)
        case greater(String, Int64)
        case less(String, Int64)
    }

    var requirements: [Requirement] = []

    /// Parses the text. Throws `APIStatus` 400 when it is malformed.
    init(_ text: String) throws {
        var parser = Parser(text: Array(text))
        requirements = try parser.parse()
    }

    /// Whether an object with these labels is selected.
    func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isIn(let key, let values): labels[key].map { values.contains($0) } ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .exists(let key): labels[key] != nil
            case .absent(let key): labels[key] == nil
            case .greater(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 > bound } ?? false
            case .less(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 < bound } ?? false
            }
        }
    }

    private struct Parser {
        var text: [Character]
        var index = 0

        mutating func skipSpace() {
            while index < text.count, text[index].isWhitespace { index += 1 }
        }

        /// The next word or operator; empty at the end.
        mutating func token() -> String {
            skipSpace()
            guard index < text.count else { return "" }
            let start = index
            if "=!<>,()".contains(text[index]) {
                index += 1
                if index < text.count, text[index] == "=", "=!".contains(text[start]) { index += 1 }
                return String(text[start..<index])
            }
            while index < text.count, !text[index].isWhitespace, !"=!<>,()".contains(text[index]) { index += 1 }
            return String(text[start..<index])
        }

        mutating func peek() -> String {
            let start = index
            defer { index = start }
            return token()
        }

        func failure(_ found: String, _ expected: String) -> APIStatus {
            .badRequest(
                "unable to parse requirement: found '\(found)', expected: \(expected)")
        }

        mutating func parse() throws -> [Requirement] {
            var result: [Requirement] = []
            if peek().isEmpty { return [] }
            while true {
                result.append(try requirement())
                let next = token()
                if next.isEmpty { return result }
                guard next == "," else { throw failure(next, "',' or 'end of string'") }
            }
        }

        mutating func requirement() throws -> Requirement {
            var key = token()
            let isNegated = key == "!"
            if isNegated { key = token() }
            guard !key.isEmpty, !"=!<>,()".contains(key.first ?? "(") else {
                throw failure(key, "!, identifier, or 'end of string'")
            }
            if let error = Names.qualifiedNameProblem(key) {
                throw APIStatus.badRequest(
                    "unable to parse requirement: <nil>: Invalid value: \"\(key)\": \(error)")
            }
            if isNegated { return .absent(key) }
            switch peek() {
            case "", ",": return .exists(key)
            case "=", "==":
                _ = token()
                return .isIn(key, [try value()])
            case "!=":
                _ = token()
                return .notIn(key, [try value()])
            case ">", "<":
                let sign = token()
                let bound = token()
                guard let number = Int64(bound) else { throw failure(bound, "integer") }
                return sign == ">" ? .greater(key, number) : .less(key, number)
            case "in":
                _ = token()
                return .isIn(key, try values())
            case "notin":
                _ = token()
                return .notIn(key, try values())
            case let other: throw failure(other, "in, notin, =, ==, !=, gt, lt")
            }
        }

        /// One value, which may be empty.
        mutating func value() throws -> String {
            let next = peek()
            if next.isEmpty || next == "," || next == ")" { return "" }
            guard !"=!<>(".contains(next.first ?? "(") else { throw failure(next, "identifier") }
            let value = token()
            if let error = Names.labelValueProblem(value) {
                throw APIStatus.badRequest(
                    "unable to parse requirement: values[0][\(value)]: Invalid value: \"\(value)\": \(error)")
            }
            return value
        }

        mutating func values() throws -> [String] {
            let open = token()
            guard open == "(" else { throw failure(open, "'('") }
            var result: [String] = []
            while true {
                result.append(try value())
                let next = token()
                if next == ")" { return result }
                guard next == "," else { throw failure(next, "',', or ')'") }
            }
        }
    }
}

/// A field selector, parsed from its text: `metadata.name=a,status.phase!=Failed`.
struct FieldSelector: Sendable, Hashable {
    struct Term: Sendable, Hashable {
        var field: String
        var value: String
        var isEqual: Bool
    }

    var terms: [Term] = []

    /// Parses the text. Throws `APIStatus` 400 when it is malformed or names a field that the resource does not
    /// support.
    init(_ text: String, supported: [String]) throws {
        for part in Self.split(text) where !part.isEmpty {
            // Splits at the first operator: `==` and `!=` are tried before `=`.
            guard let equals = part.firstIndex(of: "=") else {
                throw APIStatus.badRequest("invalid selector: '\(text)'; can't understand '\(part)'")
            }
            var field = part[..<equals]
            var value = part[part.index(after: equals)...]
            let isEqual = field.last != "!"
            if !isEqual { field = field.dropLast() }
            if isEqual, value.first == "=" { value = value.dropFirst() }
            let name = String(field)
            guard ["metadata.name", "metadata.namespace"].contains(name) || supported.contains(name) else {
                throw APIStatus.badRequest("field label not supported: \(name)")
            }
            terms.append(Term(field: name, value: Self.unescape(value), isEqual: isEqual))
        }
    }

    /// Splits at commas that are not escaped with a backslash.
    private static func split(_ text: String) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == "\\" {
                index = text.index(after: index)
                if index == text.endIndex { break }
            } else if text[index] == "," {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
            index = text.index(after: index)
        }
        parts.append(text[start...])
        return parts
    }

    private static func unescape(_ text: Substring) -> String {
        var result = ""
        var isEscaped = false
        for character in text {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }

    /// Whether the object is selected.
    func matches(_ object: StoredObject) -> Bool {
        terms.allSatisfy { term in
            let value =
                switch term.field {
                case "metadata.name": object.key.name
                case "metadata.namespace": object.key.namespace
                default: object.fields[term.field] ?? ""
                }
            return (value == term.value) == term.isEqual
        }
    }
}

/// The conditions that select the objects of a list or a watch.
struct ObjectFilter: Sendable {
    var namespace: String?
    var labels: LabelSelector?
    var fields: FieldSelector?

    /// Reads the selectors of a request. Throws `APIStatus` 400.
    init(_ request: InboundRequest, _ resource: ResourceDefinition, namespace: String?) throws {
        self.namespace = namespace
        labels = try request.nonEmptyParameter("labelSelector").map { try LabelSelector($0) }
        fields = try request.nonEmptyParameter("fieldSelector").map {
            try FieldSelector($0, supported: resource.strategy.selectableFields)
        }
    }

    var isEverything: Bool { labels == nil && fields == nil }

    func matches(_ object: StoredObject) -> Bool {
        (namespace == nil || namespace == object.key.namespace) && labels?.matches(object.labels) ?? true
            && fields?.matches(object) ?? true
    }
}
