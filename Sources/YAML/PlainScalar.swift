import JSON

/// The meaning of an unquoted scalar in Kubernetes: YAML 1.1 as goyaml.v2 reads it (yes and no are booleans, a leading
/// 0 means octal, there are no numbers to base 60, times are strings), then converted to JSON (an integral float is an
/// integer).
enum PlainScalar {
    enum Resolution: Equatable {
        case value(JSONValue)
        /// Infinity or not a number.
        case notFinite
    }

    static func resolve(_ text: String) -> Resolution {
        guard let first = text.utf8.first else { return .value(.null) }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return number(text)
        default: break
        }
        switch text {
        case "~", "null", "Null", "NULL": return .value(.null)
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .value(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .value(false)
        default: return .value(.string(text))
        }
    }

    private static func number(_ text: String) -> Resolution {
        switch text {
        case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
            return .notFinite
        default: break
        }
        // No meaningful number is longer.
        guard text.utf8.count <= 512 else { return .value(.string(text)) }
        let plain = text.filter { $0 != "_" }
        if let integer = integer(plain) { return .value(integer) }
        guard isFloat(plain) else { return .value(.string(text)) }
        // A number beyond the range of a double is a string, as in Go.
        guard let double = Double(plain), double.isFinite else { return .value(.string(text)) }
        return .value(Int64(exactly: double).map(JSONValue.int) ?? .double(double))
    }

    private static func integer(_ text: String) -> JSONValue? {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative || digits.first == "+" { digits = digits.dropFirst() }
        var radix = 10
        if digits.first == "0", digits.utf8.count > 1 {
            switch digits.dropFirst().first {
            case "x", "X": (radix, digits) = (16, digits.dropFirst(2))
            case "o", "O": (radix, digits) = (8, digits.dropFirst(2))
            case "b", "B": (radix, digits) = (2, digits.dropFirst(2))
            default: (radix, digits) = (8, digits.dropFirst())
            }
        }
        guard let lead = digits.utf8.first, lead != UInt8(ascii: "+"), lead != UInt8(ascii: "-") else { return nil }
        if let magnitude = UInt64(digits, radix: radix) {
            if isNegative {
                return magnitude <= Int64.min.magnitude ? .int(Int64(truncatingIfNeeded: 0 &- magnitude)) : nil
            }
            return Int64(exactly: magnitude).map(JSONValue.int) ?? .double(Double(magnitude))
        }
        return nil
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isFloat(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func take(_ accepts: (UInt8) -> Bool) -> Int {
            let count = rest.prefix(while: accepts).count
            rest = rest.dropFirst(count)
            return count
        }
        func takeOne(_ bytes: String) -> Bool {
            guard let byte = rest.first, bytes.utf8.contains(byte) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        _ = takeOne("+-")
        let whole = take(isDigit)
        if takeOne(".") {
            if take(isDigit) == 0, whole == 0 { return false }
        } else if whole == 0 {
            return false
        }
        if takeOne("eE") {
            _ = takeOne("+-")
            if take(isDigit) == 0 { return false }
        }
        return rest.isEmpty
    }
}
