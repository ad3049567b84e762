public import JSON

/// A string cut into its literal parts and its references (rule E3).
public struct ReferenceTemplate: Sendable, Hashable {
    /// One part.
    public enum Part: Sendable, Hashable {
        case literal(String)
        case reference(Reference)
        /// Begins as a reference and is not a valid one: kept unchanged, and refused by validation.
        case malformed(MalformedReference)
    }

    public var parts: [Part]

    /// Cuts a string up. `$$(` before a reference gives a literal `$(`; every other `$(...)`, and a `$$(` before
    /// anything else, is left for the shell and the kubelet. `item` is what the item of a forEach is called. O(n).
    public init(_ text: String, item: String = ForEachSpec.defaultItemName) {
        parts = []
        var literal = ""
        // Bytes, not characters: a combining mark after the parenthesis does not make it another one.
        let bytes = text.utf8
        var rest = bytes[...]
        var close = bytes.startIndex
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            literal += Substring(rest[..<dollar])
            rest = rest[dollar...]
            let isEscaped = rest.starts(with: "$$(".utf8)
            guard isEscaped || rest.starts(with: "$(".utf8) else {
                literal += "$"
                rest = rest.dropFirst()
                // `$$$(x)`: the first dollar is a literal, the other two are looked at again.
                continue
            }
            let start = bytes.index(dollar, offsetBy: isEscaped ? 3 : 2)
            if close < start {
                // Searched for once, for all references before it: without another `)` no reference can follow.
                guard let next = bytes[start...].firstIndex(of: UInt8(ascii: ")")) else { break }
                close = next
            }
            guard let part = Self.part(Substring(bytes[start..<close]), item) else {
                literal += "$"
                rest = rest.dropFirst()
                continue
            }
            if isEscaped {
                literal += "$("
                literal += Substring(bytes[start...close])
            } else {
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = ""
                parts.append(part)
            }
            rest = bytes[bytes.index(after: close)...]
        }
        literal += Substring(rest)
        if !literal.isEmpty { parts.append(.literal(literal)) }
    }

    private static func part(_ text: Substring, _ item: String) -> Part? {
        do {
            return try Reference(parsing: text, item: item).map(Part.reference)
        } catch let error as MalformedReference {
            return .malformed(error)
        } catch {
            return nil
        }
    }

    /// The references inside.
    public var references: [Reference] {
        parts.compactMap { if case .reference(let reference) = $0 { reference } else { nil } }
    }

    /// Puts values in place of the references: a string that is one reference takes the value with its type, inside text
    /// it is rendered (strings bare, the rest as compact JSON). `resolve` returns nil for what is not to be replaced, and
    /// its errors pass through.
    public func substitute(_ resolve: (Reference) throws -> JSONValue?) rethrows -> JSONValue {
        if parts.count == 1, case .reference(let reference) = parts[0], let value = try resolve(reference) {
            return value
        }
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .malformed(let malformed): text += "$(\(malformed.text))"
            case .reference(let reference): text += try resolve(reference)?.rendered ?? "$(\(reference))"
            }
        }
        return .string(text)
    }
}

extension Reference: CustomStringConvertible {
    public var description: String {
        var text =
            switch root {
            case .parameter(let name): "params.\(name)"
            case .result(let task, let name): "tasks.\(task).results.\(name)"
            case .taskPhase(let task): "tasks.\(task).phase"
            case .item: "item"
            case .run(let field): "run.\(field.rawValue)"
            case .attempt: "task.attempt"
            case .replicaIndex: "replica.index"
            }
        for step in steps {
            switch step {
            case .field(let name): text += ".\(name)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

extension JSONValue {
    /// Calls `body` with every string inside, keys aside, and the path to it. Not recursive.
    public func forEachString(_ body: (_ string: String, _ path: [Reference.Step]) -> Void) {
        var open: [(JSONValue, [Reference.Step])] = [(self, [])]
        while let (value, path) = open.popLast() {
            switch value {
            case .string(let string): body(string, path)
            case .array(let elements):
                for (index, element) in elements.enumerated().reversed() {
                    open.append((element, path + [.index(index)]))
                }
            case .object(let fields):
                for (key, field) in fields.reversed() { open.append((field, path + [.field(key)])) }
            default: break
            }
        }
    }

    /// The same tree with the references in every string replaced, keys aside. With `asText` strings stay strings, also
    /// those that are one reference: for fields that must be strings, as all are in which a pod may have a reference.
    public func substitutingReferences(
        asText: Bool = false, item: String = ForEachSpec.defaultItemName, _ resolve: (Reference) throws -> JSONValue?
    ) rethrows -> JSONValue {
        switch self {
        case .string(let string):
            guard string.utf8.contains(UInt8(ascii: "$")) else { return self }
            let value = try ReferenceTemplate(string, item: item).substitute(resolve)
            return asText ? .string(value.rendered) : value
        case .array(let elements):
            return .array(try elements.map { try $0.substitutingReferences(asText: asText, item: item, resolve) })
        case .object(var fields):
            try fields.mapValues { _, value in
                value = try value.substitutingReferences(asText: asText, item: item, resolve)
            }
            return .object(fields)
        default: return self
        }
    }
}
