/// What names must look like.
enum Names {
    /// Labels of pods hold the names of runs and tasks.
    static let maximumLength = 63

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Why a text is no DNS label; nil when it is one.
    static func problem(asLabel text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count <= maximumLength else { return "must be no more than \(maximumLength) characters" }
        guard let first = bytes.first, let last = bytes.last,
            isLower(first) || isDigit(first), isLower(last) || isDigit(last),
            bytes.allSatisfy({ isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") })
        else {
            return "must consist of lower case letters, digits and -, and begin and end with a letter or digit"
        }
        return nil
    }

    /// Why a text is no name of an object (DNS subdomain); nil when it is one.
    static func problem(asSubdomain text: String, maximumLength: Int = 253) -> String? {
        guard text.utf8.count <= maximumLength else { return "must be no more than \(maximumLength) characters" }
        for part in text.split(separator: ".", omittingEmptySubsequences: false)
        where problem(asLabel: String(part.prefix(Self.maximumLength))) != nil {
            return "must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"
        }
        return nil
    }

    /// Why a text is no name of a parameter or result; nil when it is one. References must be able to hold it.
    static func problem(asIdentifier text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= maximumLength else {
            return "must have 1 to \(maximumLength) characters"
        }
        let isFine = text.utf8.allSatisfy { byte in
            isLower(byte | 0x20) || isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        return isFine ? nil : "must consist of letters, digits, _ and -"
    }
}
