public import JSON

/// The way from the root of an object to a value inside, written as Kubernetes writes it: `spec.tasks[0].name`.
public struct FieldPath: Sendable, Hashable {
    /// One step down.
    public enum Step: Sendable, Hashable {
        case field(String)
        case index(Int)
    }

    /// The steps from the root on; empty at the root.
    public var steps: [Step]

    /// The path of those steps.
    public init(_ steps: [Step] = []) { self.steps = steps }

    /// The root of an object.
    public static let root = FieldPath()

    /// The path of a field of the value that stands here.
    public func field(_ name: String) -> FieldPath { FieldPath(steps + [.field(name)]) }

    /// The path of an element of the array that stands here.
    public func index(_ index: Int) -> FieldPath { FieldPath(steps + [.index(index)]) }

    /// The path one step up; the root's is the root.
    public var parent: FieldPath { FieldPath(Array(steps.dropLast())) }

    /// The value that stands there in `value`; nil when there is none.
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

    /// Reads what ``description`` writes. A name with a dot or a bracket in it is cut there: no escaping exists.
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
