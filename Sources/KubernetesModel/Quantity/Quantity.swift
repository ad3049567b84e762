public import JSON

/// An exact amount of a resource as Kubernetes writes it: `500m`, `1.5Gi`, `2`, `1e3`.
///
/// Stored as a whole number of billionths, the finest amount in Kubernetes; finer text is rounded away from zero, as
/// there. Unlike Kubernetes, parsing refuses amounts beyond 2^63-1 units (of which Kubernetes silently caps some) and a
/// suffix without digits (which Kubernetes reads as 0). See
/// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
public struct Quantity: Sendable {
    /// How an amount is written.
    public enum Format: String, Sendable, Hashable, CaseIterable {
        /// With the suffixes n u m k M G T P E.
        case decimal
        /// With the suffixes Ki Mi Gi Ti Pi Ei.
        case binary
        /// With an exponent: e3.
        case exponent
    }

    /// The amount in billionths of a unit.
    public private(set) var nanoUnits: Int128
    /// The way in which the amount is written. It has no effect on comparisons.
    public var format: Format

    private static let unit: Int128 = 1_000_000_000
    /// 2^63-1 units, in billionths.
    private static let limit = Int128(Int64.max) * unit

    /// The amount 0.
    public static let zero = Quantity(0)

    /// Creates a whole number of units.
    public init(_ units: Int64, format: Format = .decimal) {
        nanoUnits = Int128(units) * Self.unit
        self.format = format
    }

    /// Creates an amount from thousandths of a unit.
    public init(milli: Int64, format: Format = .decimal) {
        nanoUnits = Int128(milli) * (Self.unit / 1000)
        self.format = format
    }

    /// Creates an amount from billionths of a unit; nil beyond 2^63-1 units.
    public init?(nanoUnits: Int128, format: Format = .decimal) {
        guard nanoUnits.magnitude <= Self.limit.magnitude else { return nil }
        self.nanoUnits = nanoUnits
        self.format = format
    }

    /// Parses a quantity. Throws ``QuantityError`` when the text is malformed or the amount too large.
    public init(parsing text: String) throws {
        var parser = QuantityParser(text: text)
        let (digits, scale, format) = try parser.parse()
        guard let nano = Self.scaled(digits, scale: scale, format: format), nano.magnitude <= Self.limit.magnitude
        else {
            throw QuantityError(text: text, problem: QuantityError.tooLarge)
        }
        nanoUnits = parser.isNegative ? -nano : nano
        // As in Kubernetes, an amount below one byte in a binary format is written in decimals.
        self.format = format == .binary && nano > 0 && nano < Self.unit ? .decimal : format
    }

    /// Returns digits x 10^scale (or x 1024^n) in billionths, rounded up; nil on overflow.
    private static func scaled(_ digits: Int128, scale: QuantityParser.Scale, format: Format) -> Int128? {
        if digits == 0 { return 0 }
        var result = digits
        func times(_ factor: Int128) -> Bool {
            let (product, overflow) = result.multipliedReportingOverflow(by: factor)
            result = product
            return !overflow
        }
        for _ in 0..<scale.binary { guard times(1024) else { return nil } }
        var decimal = scale.decimal + 9
        guard decimal <= 38 else { return nil }
        while decimal > 0 {
            guard times(10) else { return nil }
            decimal -= 1
        }
        var isRounded = false
        while decimal < 0, result > 0 {
            let (quotient, remainder) = result.quotientAndRemainder(dividingBy: 10)
            if remainder != 0 { isRounded = true }
            result = quotient
            decimal += 1
        }
        return isRounded ? result + 1 : result
    }

    // MARK: Values

    private func roundedAwayFromZero(per size: Int128) -> Int128 {
        let (quotient, remainder) = nanoUnits.quotientAndRemainder(dividingBy: size)
        return remainder == 0 ? quotient : quotient + remainder.signum()
    }

    /// The amount in whole units, rounded away from zero.
    public var value: Int64 { Int64(roundedAwayFromZero(per: Self.unit)) }

    /// The amount in thousandths, rounded away from zero; nil when it does not fit 64 bits.
    public var milliValue: Int64? { Int64(exactly: roundedAwayFromZero(per: Self.unit / 1000)) }

    public var isZero: Bool { nanoUnits == 0 }
    public var isNegative: Bool { nanoUnits < 0 }

    /// The sum; nil beyond 2^63-1 units. It has this quantity's format, or the other's when this one is zero.
    public func adding(_ other: Quantity) -> Quantity? {
        Quantity(nanoUnits: nanoUnits + other.nanoUnits, format: isZero ? other.format : format)
    }

    /// The difference; nil beyond 2^63-1 units. It has this quantity's format, or the other's when this one is zero.
    public func subtracting(_ other: Quantity) -> Quantity? {
        Quantity(nanoUnits: nanoUnits - other.nanoUnits, format: isZero ? other.format : format)
    }

    /// The product with a whole number; nil beyond 2^63-1 units.
    public func multiplied(by factor: Int64) -> Quantity? {
        let (product, overflow) = nanoUnits.multipliedReportingOverflow(by: Int128(factor))
        return overflow ? nil : Quantity(nanoUnits: product, format: format)
    }
}

// Equal amounts are equal in any format: 1Ki is 1024.
extension Quantity: Hashable, Comparable {
    public static func == (left: Quantity, right: Quantity) -> Bool { left.nanoUnits == right.nanoUnits }
    public static func < (left: Quantity, right: Quantity) -> Bool { left.nanoUnits < right.nanoUnits }
    public func hash(into hasher: inout Hasher) { hasher.combine(nanoUnits) }
}

extension Quantity: CustomStringConvertible, JSONReadable, JSONWritable {
    /// The canonical form: exact, without a fraction, with the largest suffix for which that is possible.
    public var description: String {
        guard nanoUnits != 0 else { return "0" }
        let sign = nanoUnits < 0 ? "-" : ""
        // A binary amount below 1024, or with a fraction of a byte, is written in decimals.
        if format == .binary, nanoUnits.magnitude >= 1024 * Self.unit.magnitude, nanoUnits % Self.unit == 0 {
            var number = nanoUnits.magnitude / Self.unit.magnitude
            var suffix = 0
            while suffix < 6, number % 1024 == 0 {
                number /= 1024
                suffix += 1
            }
            return sign + String(number) + ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][suffix]
        }
        var number = nanoUnits.magnitude
        var exponent = -9
        while number % 1000 == 0, format == .exponent || exponent < 18 {
            number /= 1000
            exponent += 3
        }
        let suffix =
            if format == .exponent {
                exponent == 0 ? "" : "e\(exponent)"
            } else {
                ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][(exponent + 9) / 3]
            }
        return sign + String(number) + suffix
    }

    /// Reads a quantity from a string or a number, as Kubernetes does. Throws ``JSONError`` for any other value.
    public init(from reader: inout JSONReader) throws {
        let offset = reader.offset
        let value = try reader.readValue()
        guard let quantity = Quantity(json: value) else { throw JSONError("expected a quantity", offset: offset) }
        self = quantity
    }

    /// Creates a quantity from a string or a number; nil for any other value.
    public init?(json: JSONValue) {
        switch json {
        case .string(let text): try? self.init(parsing: text)
        case .int(let number): self.init(number)
        case .double: try? self.init(parsing: json.text)
        default: return nil
        }
    }

    public var json: JSONValue { .string(description) }
}

/// Why a text is not a valid quantity.
public struct QuantityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The text that was parsed.
    public var text: String
    /// What is wrong, as the end of a sentence.
    public var problem: String

    static let tooLarge = "it is more than 2^63-1"

    /// Whether the text is well-formed, and only the amount is beyond what is kept.
    public var isTooLarge: Bool { problem == Self.tooLarge }

    public var description: String {
        "\(JSONValue.string(String(text.prefix(64))).text) is not a valid quantity: \(problem)"
    }
}

/// Reads sign, digits and suffix.
private struct QuantityParser {
    struct Scale {
        var decimal = 0
        var binary = 0
    }

    /// More digits than any amount within the limits needs, and few enough to leave room in 128 bits.
    private static let maximumDigits = 30

    let text: String
    var isNegative = false

    func error(_ problem: String) -> QuantityError { QuantityError(text: text, problem: problem) }

    mutating func parse() throws -> (digits: Int128, scale: Scale, format: Quantity.Format) {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
            isNegative = rest.first == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        var digits: Int128 = 0
        var scale = Scale()
        var hasDigit = false
        var isFraction = false
        var count = 0
        var hasLostDigits = false
        while let byte = rest.first {
            if byte == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                hasDigit = true
                if count < Self.maximumDigits {
                    digits = digits * 10 + Int128(byte - UInt8(ascii: "0"))
                    if digits > 0 { count += 1 }
                    if isFraction { scale.decimal -= 1 }
                } else if isFraction {
                    if byte != UInt8(ascii: "0") { hasLostDigits = true }
                } else {
                    throw error(QuantityError.tooLarge)
                }
            } else {
                break
            }
            rest = rest.dropFirst()
        }
        // Digits after the 30th of a fraction only make the number slightly larger.
        if hasLostDigits { digits += 1 }
        guard hasDigit else { throw error("expected a number such as 500m, 2 or 1.5Gi") }
        let format = try suffix(String(Substring(rest)), &scale)
        return (digits, scale, format)
    }

    private func suffix(_ suffix: String, _ scale: inout Scale) throws -> Quantity.Format {
        if let index = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].firstIndex(of: suffix) {
            scale.binary = index + 1
            return .binary
        }
        if let index = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].firstIndex(of: suffix) {
            scale.decimal += 3 * index - 9
            return .decimal
        }
        if suffix.first == "e" || suffix.first == "E" {
            let digits = suffix.utf8.dropFirst()
            let magnitude =
                digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") ? digits.dropFirst() : digits
            guard !magnitude.isEmpty, magnitude.allSatisfy({ (48...57).contains($0) }) else {
                throw error("expected digits after \(suffix.prefix(1))")
            }
            // An exponent that does not fit an Int has the same effect as one of a million.
            let exponent = Int(suffix.dropFirst()) ?? (digits.first == UInt8(ascii: "-") ? -1_000_000 : 1_000_000)
            scale.decimal += min(max(exponent, -1_000_000), 1_000_000)
            return .exponent
        }
        throw error(
            "the suffix \(JSONValue.string(String(suffix.prefix(16))).text) is none of n u m k M G T P E Ki Mi Gi Ti Pi Ei"
        )
    }
}
