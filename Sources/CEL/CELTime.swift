/// A point in time, to the nanosecond, from 0001-01-01T00:00:00Z to the end of the year 9999.
public struct CELTimestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z.
    public let seconds: Int64
    /// What comes on top: `0..<1_000_000_000`.
    public let nanoseconds: Int32

    static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// Creates a point in time; nil outside of the years 1 to 9999.
    public init?(seconds: Int64, nanoseconds: Int32 = 0) {
        guard Self.range.contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public static func < (left: CELTimestamp, right: CELTimestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// The time in RFC 3339, in UTC, with as many digits of the second as it needs.
    public var description: String {
        let date = CivilTime(seconds: seconds)
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T\(padded(date.hour, 2)):"
            + "\(padded(date.minute, 2)):\(padded(date.second, 2))\(fraction(nanoseconds))Z"
    }

    /// Reads RFC 3339; nil when the text is none, or out of range.
    public init?(_ text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T") || reader.skip("t"), let hour = reader.number(2),
            reader.skip(":"), let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            (1...12).contains(month), (1...CivilTime.days(in: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var nanoseconds: Int32 = 0
        if reader.skip(".") {
            guard let value = reader.fraction() else { return nil }
            nanoseconds = value
        }
        var offset: Int64 = 0
        if !(reader.skip("Z") || reader.skip("z")) {
            let isNegative = reader.skip("-")
            guard isNegative || reader.skip("+"), let hours = reader.number(2), reader.skip(":"),
                let minutes = reader.number(2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (isNegative ? -1 : 1)
        }
        guard reader.isAtEnd else { return nil }
        let days = CivilTime.dayNumber(year: year, month: month, day: day)
        self.init(
            seconds: days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
    }
}

/// A span of time: 64 bits of nanoseconds, some 292 years in both directions.
public struct CELDuration: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The length.
    public let nanoseconds: Int64

    /// Creates a span of that length.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (left: CELDuration, right: CELDuration) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The length in seconds, with as many digits as it needs: `1.5s`.
    public var description: String {
        let magnitude = nanoseconds.magnitude
        return (nanoseconds < 0 ? "-" : "") + "\(magnitude / 1_000_000_000)"
            + fraction(Int32(magnitude % 1_000_000_000)) + "s"
    }

    /// Reads what Go writes: `1h30m`, `-1.5s`, `10ms`, with the units h, m, s, ms, us, µs, ns. Throws for another text and
    /// for a length beyond 64 bits.
    init(parsing text: String) throws(Failure) {
        let unreadable = Failure.evaluation("\(excerpt(text)) is no duration: expected one such as '1h30m' or '1.5s'")
        let outOfRange = Failure.evaluation("\(excerpt(text)) is out of the range of a duration, some 292 years")
        var rest = Substring(text).unicodeScalars
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        if rest.elementsEqual("0".unicodeScalars) {
            self.init(nanoseconds: 0)
            return
        }
        guard !rest.isEmpty else { throw unreadable }
        var total: UInt64 = 0
        while !rest.isEmpty {
            var whole: UInt64 = 0
            var digits = 0
            var isTooLarge = false
            while let digit = rest.first.flatMap(decimal) {
                let (product, overflow) = whole.multipliedReportingOverflow(by: 10)
                whole = product &+ digit
                if overflow || whole < digit { isTooLarge = true }
                digits += 1
                rest.removeFirst()
            }
            var part: Double = 0
            var place: Double = 0.1
            if rest.first == "." {
                rest.removeFirst()
                while let digit = rest.first.flatMap(decimal) {
                    part += Double(digit) * place
                    place /= 10
                    digits += 1
                    rest.removeFirst()
                }
            }
            let name = rest.prefix { $0 != "." && decimal($0) == nil }
            rest = rest[name.endIndex...]
            guard digits > 0, let unit = Self.units[String(String.UnicodeScalarView(name))] else { throw unreadable }
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            let (sum, overflowOfSum) = total.addingReportingOverflow(product)
            let (withPart, overflowOfPart) = sum.addingReportingOverflow(UInt64((part * Double(unit)).rounded()))
            guard !isTooLarge, !overflow, !overflowOfSum, !overflowOfPart else { throw outOfRange }
            total = withPart
        }
        guard total <= UInt64(Int64.max) + (isNegative ? 1 : 0) else { throw outOfRange }
        self.init(nanoseconds: isNegative ? Int64(truncatingIfNeeded: 0 &- total) : Int64(total))
    }

    private static let units: [String: UInt64] = [
        "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    ]
}

/// A date and time of the Gregorian calendar.
struct CivilTime {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64
    var minute: Int64
    var second: Int64
    /// From Sunday, 0.
    var dayOfWeek: Int64
    /// From 0.
    var dayOfYear: Int64

    /// The date and time of so many seconds after 1970-01-01T00:00:00.
    init(seconds: Int64) {
        let ofDay = seconds.quotientAndRemainder(dividingBy: 86_400)
        let number = ofDay.quotient - (ofDay.remainder < 0 ? 1 : 0)
        let second = seconds - number * 86_400
        hour = second / 3600
        minute = second / 60 % 60
        self.second = second % 60
        dayOfWeek = ((number % 7) + 11) % 7
        // Years that begin in March have the leap day at their end; eras of 400 years are all alike.
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        dayOfYear = number - Self.dayNumber(year: year, month: 1, day: 1)
    }

    /// Days since 1970-01-01.
    static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// The seconds that a zone is ahead of UTC. Throws for a name other than UTC: a table of zones is not here.
func zoneOffset(_ name: String) throws(Failure) -> Int64 {
    if ["UTC", "Z", "", "Etc/UTC", "GMT"].contains(name) { return 0 }
    var reader = DigitReader(name)
    let isNegative = reader.skip("-")
    if !isNegative { _ = reader.skip("+") }
    guard let hours = reader.number(2), reader.skip(":"), let minutes = reader.number(2), reader.isAtEnd, hours < 24,
        minutes < 60
    else {
        throw .evaluation("the zone \(excerpt(name)) is not supported: expected 'UTC' or an offset such as '+02:00'")
    }
    return (hours * 3600 + minutes * 60) * (isNegative ? -1 : 1)
}

private func decimal(_ scalar: Unicode.Scalar) -> UInt64? {
    (48...57).contains(scalar.value) ? UInt64(scalar.value - 48) : nil
}

private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// `.5` for 500,000,000 nanoseconds; nothing for none.
private func fraction(_ nanoseconds: Int32) -> String {
    guard nanoseconds != 0 else { return "" }
    var digits = padded(Int64(nanoseconds), 9)
    while digits.last == "0" { digits.removeLast() }
    return "." + digits
}

/// Takes numbers of fixed width off a text.
private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ width: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<width {
            guard let digit = rest.first, (48...57).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 48)
            rest.removeFirst()
        }
        return value
    }

    /// The digits of a fraction as nanoseconds; what is beyond them is dropped.
    mutating func fraction() -> Int32? {
        var value: Int32 = 0
        var count = 0
        while let digit = rest.first, (48...57).contains(digit) {
            if count < 9 { value = value * 10 + Int32(digit - 48) }
            count += 1
            rest.removeFirst()
        }
        guard count > 0 else { return nil }
        for _ in min(count, 9)..<9 { value *= 10 }
        return value
    }
}
