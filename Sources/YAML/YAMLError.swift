/// Why a text is not the YAML that was expected: one sentence with the place.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String?
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int
    public var message: String

    /// An error at a place.
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
