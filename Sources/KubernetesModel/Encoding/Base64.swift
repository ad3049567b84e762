/// Base64 as Go's encoding/base64 reads and writes it, and so Kubernetes (RFC 4648).
public enum Base64 {
    /// The two alphabets that Kubernetes uses.
    public enum Alphabet: Sendable, Hashable {
        /// With `+` and `/`, padded: for bytes in JSON, such as the data of a Secret.
        case standard
        /// With `-` and `_`, not padded: for tokens in a URL.
        case url

        fileprivate var digits: [UInt8] { self == .standard ? Base64.standardDigits : Base64.urlDigits }
    }

    fileprivate static let standardDigits = digits(last: "+/")
    fileprivate static let urlDigits = digits(last: "-_")

    private static func digits(last: String) -> [UInt8] {
        Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8) + Array(last.utf8)
    }

    /// Encodes bytes. O(bytes).
    public static func encode(_ bytes: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> String {
        let digits = alphabet.digits
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var word: UInt32 = 0
        var count = 0
        func append(_ places: Int) {
            for place in 0..<places { result.append(digits[Int(word >> UInt32(18 - 6 * place)) & 63]) }
        }
        for byte in bytes {
            word |= UInt32(byte) << UInt32(16 - 8 * count)
            count += 1
            guard count == 3 else { continue }
            append(4)
            (word, count) = (0, 0)
        }
        if count > 0 {
            append(count + 1)
            if alphabet == .standard { result += repeatElement(UInt8(ascii: "="), count: 3 - count) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Decodes a text; nil when it uses another alphabet or its padding is wrong. Like Go, it ignores line breaks and
    /// the unused bits of the last character. O(text).
    public static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        let digits = alphabet.digits
        var result: [UInt8] = []
        var word: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text.utf8 where byte != 0x0A && byte != 0x0D {
            if byte == UInt8(ascii: "="), alphabet == .standard {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: byte, digits) else { return nil }
            word = word << 6 | value
            count += 1
            guard count == 4 else { continue }
            result += [UInt8(truncatingIfNeeded: word >> 16), UInt8(truncatingIfNeeded: word >> 8)]
            result.append(UInt8(truncatingIfNeeded: word))
            (word, count) = (0, 0)
        }
        guard count != 1, padding == (alphabet == .standard && count > 0 ? 4 - count : 0) else { return nil }
        switch count {
        case 2: result.append(UInt8(truncatingIfNeeded: word >> 4))
        case 3: result += [UInt8(truncatingIfNeeded: word >> 10), UInt8(truncatingIfNeeded: word >> 2)]
        default: break
        }
        return result
    }

    private static func value(of byte: UInt8, _ digits: [UInt8]) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - 65)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - 71)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte + 4)
        case digits[62]: 62
        case digits[63]: 63
        default: nil
        }
    }
}
