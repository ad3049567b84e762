/// Builds paths and queries of the API. Everything but RFC 3986's unreserved characters is percent-encoded.
enum RequestPath {
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Returns `a=1&b=2`, or an empty text without parameters.
    static func query(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }

    /// Why a name cannot be a segment of a path; nil if it can. The API server refuses the same names.
    static func problem(ofSegment segment: String) -> String? {
        if segment.isEmpty { return "is empty" }
        if segment == "." || segment == ".." { return "may not be \(segment)" }
        if segment.utf8.contains(UInt8(ascii: "/")) || segment.utf8.contains(UInt8(ascii: "%")) {
            return "may not contain / or %"
        }
        return nil
    }
}
