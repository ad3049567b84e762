/// Text of others, made fit for a terminal: what a task writes must not move the cursor or change colours.
public enum TerminalText {
    /// The text without escape sequences; every other control character but the tab becomes U+FFFD.
    public static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        var scalars = text.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            if scalar == escape {
                skipSequence(&scalars)
            } else {
                result.append(isControl(scalar) ? "\u{FFFD}" : scalar)
            }
        }
        return String(result)
    }

    /// The text as one clean line.
    public static func line(_ text: String) -> String {
        clean(text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    private static let escape: Unicode.Scalar = "\u{1B}"

    /// Control characters, and those that turn the direction of the text around.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: false
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Drops the rest of a sequence that began with ESC.
    private static func skipSequence(_ scalars: inout Substring.UnicodeScalarView) {
        switch scalars.first {
        case "[":
            scalars.removeFirst()
            // Parameters, then one final character; anything else ends a sequence that is none.
            while let next = scalars.first, (0x20...0x3F).contains(next.value) { scalars.removeFirst() }
            if let next = scalars.first, (0x40...0x7E).contains(next.value) { scalars.removeFirst() }
        case "]", "P", "_", "^":
            // A string for the terminal, up to BEL or ESC \.
            while let next = scalars.popFirst() {
                if next == "\u{07}" { return }
                if next == escape {
                    if scalars.first == "\\" { scalars.removeFirst() }
                    return
                }
            }
        case let next?:
            // ESC, characters between blank and slash, and a final one.
            if (0x20...0x2F).contains(next.value) {
                while let between = scalars.first, (0x20...0x2F).contains(between.value) { scalars.removeFirst() }
            }
            if let last = scalars.first, (0x30...0x7E).contains(last.value) { scalars.removeFirst() }
        case nil: break
        }
    }
}
