import RunDisplay
import Testing

@Suite struct TerminalTextTests {
    @Test(arguments: [
        ("plain", "plain"),
        ("a\tb", "a\tb"),
        ("\u{1B}[31mred\u{1B}[0m", "red"),
        ("\u{1B}[2J\u{1B}[1;1Hgone", "gone"),
        ("\u{1B}]0;title\u{07}text", "text"),
        ("\u{1B}]8;;http://x\u{1B}\\link", "link"),
        ("\u{1B}(Bx\u{1B}7y", "xy"),
        ("cut \u{1B}[", "cut "),
        ("cut \u{1B}", "cut "),
        ("bell\u{07}", "bell\u{FFFD}"),
        ("c1 \u{9B}2J", "c1 \u{FFFD}2J"),
        ("\u{202E}abc", "\u{FFFD}abc"),
        ("größe 模型", "größe 模型"),
    ])
    func `No text of a task steers the terminal`(text: String, clean: String) {
        #expect(TerminalText.clean(text) == clean)
    }

    private func lines(_ pieces: [String]) -> [String] {
        var splitter = LogLines()
        var lines: [String] = []
        for piece in pieces { splitter.feed(Array(piece.utf8)) { lines.append($0) } }
        splitter.finish { lines.append($0) }
        return lines
    }

    @Test func `Lines are the same however the bytes arrive`() {
        #expect(lines(["a\nb\n\nc"]) == ["a", "b", "", "c"])
        #expect(lines(["a", "\n", "b\n\n", "c"]) == ["a", "b", "", "c"])
        #expect(lines(["windows\r\nline\r\n"]) == ["windows", "line"])
    }

    @Test func `A progress bar that is written over itself is one line, as it was last`() {
        #expect(lines(["10%\r50%", "\r100%\nnext\n"]) == ["100%", "next"])
    }

    @Test func `A line without an end is held only up to a limit`() {
        let long = lines([String(repeating: "x", count: 1_000_000), "\nshort\n"])
        #expect(long.count == 2)
        #expect(long[0] == String(repeating: "x", count: LogLines.maximumBytes) + " [...]")
        #expect(long[1] == "short")
    }

    @Test func `The last lines of a text are whole ones`() {
        let text = (1...100).map { "line \($0)\n" }.joined()
        #expect(LogLines.last(3, of: Array(text.utf8), isWhole: true) == ["line 98", "line 99", "line 100"])
        #expect(
            LogLines.last(3, of: Array("e 98\nline 99\nline 100\n".utf8), isWhole: false) == ["line 99", "line 100"])
        #expect(LogLines.last(3, of: Array("one".utf8), isWhole: true) == ["one"])
    }
}
