/// Cuts what a container writes into lines that people read, whatever the sizes of the pieces that arrive. Keeps one line at most.
public struct LogLines: Sendable {
    /// Longer lines are shown up to here; the file has the whole.
    public static let maximumBytes = 8192

    private var rest: [UInt8] = []
    private var isCut = false
    /// A carriage return was the last byte: what follows is written over the line, unless the line ends.
    private var isReturned = false

    public init() {}

    /// Calls `line` with each line that these bytes complete, clean. A progress bar that is written over itself is one line, as
    /// it was last.
    public mutating func feed(_ bytes: some Sequence<UInt8>, _ line: (String) -> Void) {
        for byte in bytes {
            switch byte {
            case 0x0A: end(line)
            case 0x0D: isReturned = true
            default:
                if isReturned {
                    rest = []
                    isCut = false
                    isReturned = false
                }
                if rest.count < Self.maximumBytes { rest.append(byte) } else { isCut = true }
            }
        }
    }

    /// Calls `line` with what follows the last line break, if there is anything.
    public mutating func finish(_ line: (String) -> Void) {
        if !rest.isEmpty { end(line) }
    }

    private mutating func end(_ line: (String) -> Void) {
        line(TerminalText.clean(String(decoding: rest, as: UTF8.self)) + (isCut ? " [...]" : ""))
        rest.removeAll(keepingCapacity: true)
        isCut = false
        isReturned = false
    }

    /// The last lines of a text. `isWhole` is false for the end of a longer one, whose first line is not whole.
    public static func last(_ count: Int, of bytes: some Sequence<UInt8>, isWhole: Bool) -> [String] {
        var lines: [String] = []
        var splitter = LogLines()
        func add(_ line: String) {
            lines.append(line)
            if lines.count > 2 * count + 1 { lines.removeFirst(count) }
        }
        splitter.feed(bytes, add)
        splitter.finish(add)
        if !isWhole, lines.count > 1, lines.count <= count { lines.removeFirst() }
        return lines.suffix(count)
    }
}
