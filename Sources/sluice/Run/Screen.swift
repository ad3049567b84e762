import RunDisplay
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a run is shown: lines that stay, and below them a frame that is drawn over itself. For any number of tasks at once.
final class Screen: Sendable {
    private struct State {
        /// The lines of the frame as they were drawn, for going up over them.
        var frame: [String] = []
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Whether it is a terminal that understands moving the cursor.
    var isTerminal: Bool { Console.isTerminal(descriptor) }
    /// Whether colour is wanted: a terminal, and no NO_COLOR.
    var hasColour: Bool { isTerminal && getenv("NO_COLOR") == nil }

    /// The size of the terminal; 100 by 30 where nothing is known.
    var size: TerminalSize {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return TerminalSize(columns: 100, rows: 30)
        }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// Prints lines that stay, above the frame. One write, so that nothing flickers.
    func print(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        state.withLock { state in
            let text = lines.joined(separator: "\n") + "\n"
            Console.write(Self.erased(state.frame, size) + text + Self.drawn(state.frame), to: descriptor)
        }
    }

    func print(_ line: String) { print([line]) }

    /// Draws the frame over the one before.
    func draw(_ frame: [String]) {
        state.withLock { state in
            Console.write(Self.erased(state.frame, size) + Self.drawn(frame), to: descriptor)
            state.frame = frame
        }
    }

    /// What is drawn stays; the next frame comes below it.
    func keepFrame() { state.withLock { $0.frame = [] } }

    private static func drawn(_ frame: [String]) -> String { frame.map { $0 + "\n" }.joined() }

    /// Up over a frame and clear from there to the end. Lines that a narrower terminal has wrapped meanwhile are several.
    private static func erased(_ frame: [String], _ size: TerminalSize) -> String {
        guard !frame.isEmpty else { return "" }
        let rows = frame.reduce(0) { rows, line in
            rows + max(1, (DisplayWidth.of(TerminalText.clean(line)) + size.columns - 1) / size.columns)
        }
        return "\u{1B}[\(min(rows, size.rows - 1))A\r\u{1B}[J"
    }
}
