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

    /// The line of the text that it is about, and a caret below the place; empty when the text has no such line. A long line is cut
    /// around the place.
    public func excerpt(of text: String) -> [String] {
        let lines = text.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
        guard line >= 1, lines.count >= line else { return [] }
        // Columns count scalars, and what is shown takes one column each.
        var scalars = lines[line - 1].unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
        var place = min(max(0, column - 1), scalars.count)
        guard !scalars.isEmpty else { return [] }
        let width = 100
        if scalars.count > width, place > width * 3 / 4 {
            let cut = place - width / 2
            scalars = ["…"] + scalars[cut...]
            place -= cut - 1
        }
        if scalars.count > width { scalars = scalars[..<width] + ["…"] }
        let number = String(line)
        let margin = String(repeating: " ", count: number.count)
        return ["  \(number) | \(String(scalars))", "  \(margin) | \(String(repeating: " ", count: place))^"]
    }
}
