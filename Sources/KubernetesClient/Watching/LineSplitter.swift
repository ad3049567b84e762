/// Cuts a stream of bytes into lines, whatever pieces it comes in.
struct LineSplitter {
    /// Why a stream cannot be cut any further.
    struct LineTooLong: Error, CustomStringConvertible {
        let limit: Int
        var description: String { "a line is longer than \(limit) bytes" }
    }

    private var rest: [UInt8] = []
    private let limit: Int

    /// A splitter for lines of at most `limit` bytes.
    init(limit: Int = 64 << 20) { self.limit = limit }

    /// Calls `line` with each line that these bytes complete, without its line break; blank ones are left out.
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

    /// Calls `line` with what stands behind the last line break, if anything does.
    mutating func finish(_ line: (UnsafeRawBufferPointer) throws -> Void) throws {
        let last = rest
        rest = []
        try last.withUnsafeBytes { if !Self.isBlank($0) { try line($0) } }
    }

    private static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }
    }
}
