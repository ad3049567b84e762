import KubernetesModel

/// The rule for the years after the table: a POSIX TZ text such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneFooter: Sendable, Hashable {
    /// A day of the year and a time on it.
    struct Moment: Sendable, Hashable {
        enum Day: Sendable, Hashable {
            /// `Mm.w.d`: a weekday of a week of a month; week 5 is the last.
            case weekday(month: Int64, week: Int64, weekday: Int64)
            /// `Jn`: from 1, February 29 is never counted.
            case withoutLeapDay(Int64)
            /// `n`: from 0.
            case dayOfYear(Int64)
        }

        var day: Day
        /// Seconds after local midnight; may be negative or beyond the day.
        var time: Int64 = 7200

        /// The local time of it in a year, as seconds since 1970 on the clock before it.
        func local(in year: Int64) -> Int64 {
            let date: Int64
            switch day {
            case .weekday(let month, let week, let weekday):
                let first = Timestamp.day(year: year, month: month, day: 1)
                let firstWeekday = (first + 4) - (first + 4).floorDivided(by: 7) * 7
                var dayOfMonth = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                if dayOfMonth >= Timestamp.days(inMonth: month, of: year) { dayOfMonth -= 7 }
                date = first + dayOfMonth
            case .withoutLeapDay(let number):
                let isLeap = Timestamp.days(inMonth: 2, of: year) == 29
                date = Timestamp.day(year: year, month: 1, day: 1) + number - (isLeap && number >= 60 ? 0 : 1)
            case .dayOfYear(let number):
                date = Timestamp.day(year: year, month: 1, day: 1) + number
            }
            return date * CronFields.secondsPerDay + time
        }
    }

    struct Saving: Sendable, Hashable {
        var offset: Int64
        var start: Moment
        var end: Moment
    }

    private struct Change {
        var second: Int64
        var offset: Int64
    }

    var standard: Int64
    var saving: Saving?

    var offsets: [Int64] { saving.map { [standard, $0.offset] } ?? [standard] }

    /// The segment of a second, which is not before `start`, where the table ends; `high` is what clocks have shown until then.
    func segment(at second: Int64, start: Int64, high: Int64) -> ZoneRules.Segment {
        var result = ZoneRules.Segment(start: start, end: ZoneRules.farFuture, offset: standard, high: high)
        guard let saving else { return result }
        let year = Timestamp.civil(fromDay: second.floorDivided(by: CronFields.secondsPerDay)).year
        var changes: [Change] = []
        for year in (year - 2)...(year + 2) {
            // Where one saving ends as the next begins, it never ends.
            changes.append(Change(second: saving.end.local(in: year) - saving.offset, offset: standard))
            changes.append(Change(second: saving.start.local(in: year) - standard, offset: saving.offset))
        }
        changes.sort {
            ($0.second, $0.offset == saving.offset ? 1 : 0) < ($1.second, $1.offset == saving.offset ? 1 : 0)
        }
        if let first = changes.first { result.offset = first.offset == standard ? saving.offset : standard }
        for change in changes {
            if change.second > second {
                result.end = change.second
                return result
            }
            if change.second > start {
                result.high = max(result.high, change.second + result.offset)
                result.start = change.second
            }
            result.offset = change.offset
        }
        return result
    }

    // MARK: - Reading

    /// Reads the text; nil where it is none.
    init?(_ text: [UInt8]) {
        var reader = Reader(bytes: text[...])
        guard reader.skipName(), let west = reader.offset() else { return nil }
        standard = -west
        guard !reader.bytes.isEmpty else { return }
        guard reader.skipName() else { return nil }
        var offset = standard + 3600
        if reader.bytes.first != UInt8(ascii: ",") {
            guard let west = reader.offset() else { return nil }
            offset = -west
        }
        guard reader.skip(","), let start = reader.moment(), reader.skip(","), let end = reader.moment(),
            reader.bytes.isEmpty
        else { return nil }
        if offset != standard { saving = Saving(offset: offset, start: start, end: end) }
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard bytes.first == UInt8(ascii: character) else { return false }
            bytes = bytes.dropFirst()
            return true
        }

        /// Three letters or more, or anything of letters, digits and signs in `<>`.
        mutating func skipName() -> Bool {
            func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
            if skip("<") {
                let name = bytes.prefix {
                    isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
                }
                bytes = bytes.dropFirst(name.count)
                return name.count >= 3 && skip(">")
            }
            let name = bytes.prefix(while: isLetter)
            bytes = bytes.dropFirst(name.count)
            return name.count >= 3
        }

        mutating func number(upTo limit: Int64) -> Int64? {
            var value: Int64 = 0
            var hasDigits = false
            while let byte = bytes.first, (0x30...0x39).contains(byte) {
                value = value * 10 + Int64(byte - 0x30)
                guard value <= limit else { return nil }
                hasDigits = true
                bytes = bytes.dropFirst()
            }
            return hasDigits ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time(upTo hours: Int64) -> Int64? {
            let isNegative = skip("-")
            if !isNegative { _ = skip("+") }
            guard let hour = number(upTo: hours) else { return nil }
            var seconds = hour * 3600
            if skip(":") {
                guard let minute = number(upTo: 59) else { return nil }
                seconds += minute * 60
                if skip(":") {
                    guard let second = number(upTo: 59) else { return nil }
                    seconds += second
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func offset() -> Int64? { time(upTo: 24) }

        mutating func moment() -> Moment? {
            var moment: Moment
            if skip("M") {
                guard let month = number(upTo: 12), month >= 1, skip("."), let week = number(upTo: 5), week >= 1,
                    skip("."),
                    let weekday = number(upTo: 6)
                else { return nil }
                moment = Moment(day: .weekday(month: month, week: week, weekday: weekday))
            } else if skip("J") {
                guard let number = number(upTo: 365), number >= 1 else { return nil }
                moment = Moment(day: .withoutLeapDay(number))
            } else {
                guard let number = number(upTo: 365) else { return nil }
                moment = Moment(day: .dayOfYear(number))
            }
            if skip("/") {
                guard let time = time(upTo: 167) else { return nil }
                moment.time = time
            }
            return moment
        }
    }
}
