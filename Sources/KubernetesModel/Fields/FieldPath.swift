public import JSON

/// The path from the root of an object to a value in it, written as in Kubernetes: `spec.tasks[0].name`.
public struct FieldPath: Sendable, Hashable {
    /// One step of a path: a field of an object or an element of an array.
    public enum Step: Sendable, Hashable {
        case field(String)
        case index(Int)
    }

    /// The steps from the root; empty for the root itself.
    public var steps: [Step]

    /// Creates a path of these steps.
    public init(_ steps: [Step] = []) { self.steps = steps }

    /// The root of an object.
    public static let root = FieldPath()

    /// The path of a field of this value.
    public func field(_ name: String) -> FieldPath { FieldPath(steps + [.field(name)]) }

    /// The path of an element of this array.
    public func index(_ index: Int) -> FieldPath { FieldPath(steps + [.index(index)]) }

    /// The path one step up. The root is its own parent.
    public var parent: FieldPath { FieldPath(Array(steps.dropLast())) }

    /// The value at this path in `value`; nil when there is none.
    public func value(in value: JSONValue) -> JSONValue? {
        var value = value
        for step in steps {
            let next: JSONValue? =
                switch step {
                case .field(let name): value[name]
                case .index(let index): value[index]
                }
            guard let next else { return nil }
            value = next
        }
        return value
    }

    /// Parses what ``description`` writes. There is no escaping: a name that contains a dot or a bracket is split
    /// there.
    public init(parsing text: String) {
        steps = []
        for part in text.split(separator: ".", omittingEmptySubsequences: true) {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            if let name = pieces.first, !name.isEmpty { steps.append(.field(String(name))) }
            for piece in pieces.dropFirst() {
                let inner = piece.last == "]" ? piece.dropLast() : piece
                steps.append(Int(inner).map(Step.index) ?? .field(String(inner)))
            }
        }
    }
}

extension FieldPath: CustomStringConvertible, ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(parsing: value) }

    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .field(let name):
                if !text.isEmpty { text += "." }
                text += name
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
