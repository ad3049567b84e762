extension Duration {
    private static let goUnits: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    /// Parses a duration as Go writes it: `1h30m`, `10m`, `1.5s`, `500ms`, `0`. Nil for any other text, and for
    /// durations that 64 bits of nanoseconds (292 years) cannot express. Fractions of a nanosecond are dropped.
    public init?(goText text: String) {
        var rest = Substring(text)
        var sign: Int64 = 1
        if let first = rest.first, first == "-" || first == "+" {
            if first == "-" { sign = -1 }
            rest = rest.dropFirst()
        }
        if rest == "0" {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            var fraction = Substring()
            if rest.first == "." {
                rest = rest.dropFirst()
                fraction = rest.prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(fraction.count)
            }
            guard !digits.isEmpty || !fraction.isEmpty else { return nil }
            let name = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
            guard let unit = Self.goUnits.first(where: { $0.name == name }) else { return nil }
            rest = rest.dropFirst(name.count)
            guard let whole = digits.isEmpty ? 0 : Int64(digits) else { return nil }
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
            var scale = unit.nanoseconds
            var part: Int64 = 0
            for digit in fraction {
                scale /= 10
                part += scale * Int64(digit.wholeNumberValue ?? 0)
            }
            let (sum, overflow2) = total.addingReportingOverflow(product)
            let (sum2, overflow3) = sum.addingReportingOverflow(part)
            guard !overflow, !overflow2, !overflow3 else { return nil }
            total = sum2
        }
        self = .nanoseconds(sign * total)
    }

    /// The duration as Go writes it, to the microsecond: `1h30m0s`, `1.5s`, `500ms`, `0s`.
    public var goText: String {
        let total = microseconds
        guard total != 0 else { return "0s" }
        let magnitude = total.magnitude
        let sign = total < 0 ? "-" : ""
        func decimal(_ value: UInt64, per unit: UInt64) -> String {
            let rest = value % unit
            guard rest != 0 else { return String(value / unit) }
            var digits = String(rest + unit).dropFirst()
            while digits.last == "0" { digits = digits.dropLast() }
            return "\(value / unit).\(digits)"
        }
        if magnitude < 1000 { return "\(sign)\(magnitude)µs" }
        if magnitude < 1_000_000 { return "\(sign)\(decimal(magnitude, per: 1000))ms" }
        let minutes = magnitude / 60_000_000
        var text = sign
        if minutes >= 60 { text += "\(minutes / 60)h" }
        if minutes > 0 { text += "\(minutes % 60)m" }
        return text + decimal(magnitude % 60_000_000, per: 1_000_000) + "s"
    }
}
