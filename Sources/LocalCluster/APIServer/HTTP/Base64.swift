/// Base64 (RFC 4648), of both alphabets; padding may be missing.
enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let url = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The text; the URL alphabet goes without padding.
    static func encode(_ bytes: [UInt8], isURL: Bool = false) -> String {
        let alphabet = isURL ? url : standard
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let rest = bytes.count - index
            let word =
                UInt32(bytes[index]) << 16 | (rest > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (rest > 2 ? UInt32(bytes[index + 2]) : 0)
            for position in 0..<4 {
                if position <= rest {
                    result.append(alphabet[Int(word >> UInt32(18 - 6 * position)) & 63])
                } else if !isURL {
                    result.append(UInt8(ascii: "="))
                }
            }
            index += 3
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The bytes; nil when the text is not base64.
    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        var isPadding = false
        for byte in text.utf8 {
            let value: UInt32
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(byte - 65)
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(byte - 71)
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(byte + 4)
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            case UInt8(ascii: "="):
                isPadding = true
                continue
            case 0x0A, 0x0D: continue
            default: return nil
            }
            if isPadding { return nil }
            word = word << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
                word &= (1 << UInt32(bits)) - 1
            }
        }
        return result
    }
}
