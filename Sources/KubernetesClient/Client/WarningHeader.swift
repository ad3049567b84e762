/// The Warning header (RFC 7234, section 5.5) as the API server sends it: `299 - "text"`, several separated by commas.
enum WarningHeader {
    /// Returns the texts of the 299 warnings in a header's value. Malformed ones are left out.
    static func texts(_ value: String) -> [String] {
        var texts: [String] = []
        var rest = Substring(value)
        while let quote = rest.firstIndex(of: "\"") {
            let lead = rest[..<quote].drop { $0 == " " || $0 == "," }
            rest = rest[rest.index(after: quote)...]
            var text = ""
            var isClosed = false
            while let character = rest.popFirst() {
                if character == "\\", let escaped = rest.popFirst() {
                    text.append(escaped)
                } else if character == "\"" {
                    isClosed = true
                    break
                } else {
                    text.append(character)
                }
            }
            if isClosed, lead.hasPrefix("299 ") { texts.append(text) }
            // A quoted date may follow; it belongs to the same warning and does not begin with 299.
        }
        return texts
    }
}
