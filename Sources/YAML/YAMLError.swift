/// Why a text is not valid YAML for Kubernetes: one sentence with the position.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name of the file, as it was passed to the reader.
    public var file: String?
    /// The line, from 1.
    public var line: Int
    /// The column, from 1, in Unicode scalars.
    public var column: Int
    public var message: String

    /// Creates an error at a position.
    public init(file: String?, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        let place = "line \(line), column \(column): \(message)"
        return file.map { "\($0): \(place)" } ?? place
    }
}
