internal import COpenSSL

/// Random bytes, hashes and comparisons for secrets, by OpenSSL.
public enum SecureRandom {
    /// Returns `count` random bytes. Throws ``TLSError`` when the generator cannot be seeded.
    public static func bytes(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard count == 0 || RAND_bytes(&bytes, Int32(count)) == 1 else { throw TLSError.current("making random bytes") }
        return bytes
    }

    /// Returns a token of `byteCount` random bytes as lower-case hexadecimal digits. Throws ``TLSError`` when the
    /// generator cannot be seeded.
    public static func token(byteCount: Int = 32) throws -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = try bytes(byteCount).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether two byte strings are equal. The time depends on their lengths alone.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// The SHA-512 of bytes as upper-case hexadecimal digits.
    public static func sha512(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 64)
        SHA512(bytes, bytes.count, &digest)
        let digits = Array("0123456789ABCDEF".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
