/// One mistake in a file.
public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable, Hashable { case error, warning }

    public var file: String?
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int
    /// The field; empty when it is not about one.
    public var path: String
    public var severity: Severity
    public var message: String

    /// `file.yaml:12:5: spec.tasks[1].container.imge: unknown field (did you mean image?)`
    public var description: String {
        let place = (file.map { "\($0):" } ?? "") + "\(line):\(column): "
        return place + (severity == .warning ? "warning: " : "") + (path.isEmpty ? "" : "\(path): ") + message
    }
}
