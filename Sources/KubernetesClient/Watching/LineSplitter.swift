/// Cuts a stream of bytes into lines, whatever the sizes of the pieces that arrive.
struct LineSplitter {
    /// A line is longer than the limit.
    struct LineTooLong: Error, CustomStringConvertible {
        let limit: Int
        var description: String { "a line is longer than \(limit) bytes" }
    }

    private var rest: [UInt8] = []
    private let limit: Int

    /// Creates a splitter for lines of at most `limit` bytes.
    init(limit: Int = 64 << 20) { self.limit = limit }

    /// Calls `line` with each line that these bytes complete, without its line break. Blank lines are left out. Throws
    /// ``LineTooLong`` and what `line` throws.
    mutating func feed(_ bytes: [UInt8], _ line: (UnsafeRawBufferPointer) throws -> Void) throws {
        try bytes.withUnsafeBytes { buffer in
            var start = 0
            while let end = buffer[start...].firstIndex(of: 0x0A) {
                let piece = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
                start = end + 1
                if rest.isEmpty {
                    if !Self.isBlank(piece) { try line(piece) }
                } else {
                    rest.append(contentsOf: piece)
                    let whole = rest
                    rest = []
                    try whole.withUnsafeBytes { if !Self.isBlank($0) { try line($0) } }
                }
            }
            guard rest.count + buffer.count - start <= limit else { throw LineTooLong(limit: limit) }
            rest.append(contentsOf: buffer[start...])
        }
    }

    /// Calls `line` with the bytes after the last line break, if there are any. Throws what `line` throws.
    mutating func finish(_ line: (UnsafeRawBufferPointer) throws -> Void) throws {
        let last = rest
        rest = []
        try last.withUnsafeBytes { if !Self.isBlank($0) { try line($0) } }
    }

    private static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }
    }
}
