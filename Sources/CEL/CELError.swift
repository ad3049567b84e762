/// A mistake in an expression, or the failure of its evaluation.
public struct CELError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong.
    public enum Kind: Sendable, Hashable {
        /// The text is no expression.
        case syntax
        /// An operator or a function does not take what it was given: found by the checker, or while evaluating `dyn`.
        case type
        /// The expression is too large or nested too deep, or its evaluation costs more than was allowed.
        case limit
        /// The evaluation has no result: overflow, a division by zero, a text that is no number.
        case evaluation
        /// A field or key that is not there. `path` is the chain of names from the root variable to what is missing when
        /// the operand is such a chain, as in `["tasks", "a", "results", "r"]`; else it is empty.
        case missing(path: [String])
    }

    /// What went wrong.
    public var kind: Kind
    /// One plain sentence, without the place.
    public var message: String
    /// The line of the place, from 1.
    public var line: Int
    /// The column of the place, from 1, in Unicode scalars.
    public var column: Int

    /// Creates an error at a place.
    public init(kind: Kind, message: String, line: Int = 1, column: Int = 1) {
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column
    }

    /// The message after its place: "column 5: …", from the second line on "line 2, column 5: …".
    public var description: String { (line > 1 ? "line \(line), " : "") + "column \(column): \(message)" }
}

/// An error whose place is an offset in the text, once it is known.
struct Failure: Error {
    var kind: CELError.Kind
    var message: String
    var offset: Int?

    init(_ kind: CELError.Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    static func evaluation(_ message: String) -> Failure { Failure(.evaluation, message) }
    static func type(_ message: String) -> Failure { Failure(.type, message) }
}

/// The name among `candidates` that `name` was probably meant to be; nil when none is near.
/// O(number of candidates x lengths of the names); of long names nothing is suggested.
func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.utf8.prefix(65))
    guard wanted.count <= 64 else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates {
        let other = Array(candidate.utf8)
        let most = max(1, (min(wanted.count, other.count) + 1) / 3)
        guard abs(other.count - wanted.count) <= most else { continue }
        var row = Array(0...other.count)
        for (index, byte) in wanted.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (byte == other[column] ? 0 : 1))
                diagonal = above
            }
        }
        let distance = row[other.count]
        if distance <= most, best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    return best?.name
}
