import KubernetesModel

/// The five fields as sets of bits, and what they match on the local calendar.
///
/// Local times are seconds since 1970-01-01 00:00 on the clock of the zone, without any offset: only ``CronRule`` knows of
/// offsets. The calendar repeats in 400 years, so no search is longer than that.
struct CronFields: Sendable, Hashable {
    /// Bits 0 to 59.
    var minutes: UInt64 = 0
    /// Bits 0 to 23.
    var hours: UInt64 = 0
    /// Bits 1 to 31.
    var days: UInt64 = 0
    /// Bits 1 to 12.
    var months: UInt64 = 0
    /// Bits 0 (Sunday) to 6.
    var weekdays: UInt64 = 0

    /// Whether the field begins with `*`.
    var hasStarMinute = false
    var hasStarHour = false
    var hasStarDay = false
    var hasStarWeekday = false

    /// Whether it names times of the day, which daylight saving neither loses nor doubles, rather than goes by elapsed time.
    var isFixed: Bool { !hasStarMinute && !hasStarHour }

    /// Whether either of day of month and day of week is enough; else both have to match.
    var eitherDay: Bool { !hasStarDay && !hasStarWeekday }

    static let secondsPerDay: Int64 = 86_400
    /// 400 years and the longest way to a day, in seconds.
    static let cycle: Int64 = 146_097 * secondsPerDay

    // MARK: - Days

    /// The days of a month that match, as bits 1 to 31; `first` is the number of its first day since 1970.
    private func matchingDays(first: Int64, count: Int64) -> UInt64 {
        // 1970-01-01 was a Thursday.
        let weekday = UInt64((first + 4) - (first + 4).floorDivided(by: 7) * 7)
        let week = ((weekdays >> weekday) | (weekdays << (7 - weekday))) & 0x7F
        let byWeekday = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1
        let both = eitherDay ? days | byWeekday : days & byWeekday
        return both & ((1 << UInt64(count + 1)) - 2)
    }

    private func hasMonth(_ month: Int64) -> Bool { months & (1 << UInt64(month)) != 0 }

    /// The first matching day from that one on.
    private func day(from start: Int64) -> Int64? {
        var (year, month, day) = Timestamp.civil(fromDay: start)
        var first = start - day + 1
        for _ in 0...4800 {
            let count = Timestamp.days(inMonth: month, of: year)
            if hasMonth(month) {
                let found = matchingDays(first: first, count: count) & (UInt64.max << UInt64(day))
                if found != 0 { return first + Int64(found.trailingZeroBitCount) - 1 }
            }
            first += count
            day = 1
            month += 1
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        return nil
    }

    /// The last matching day up to that one.
    private func day(upTo end: Int64) -> Int64? {
        var (year, month, day) = Timestamp.civil(fromDay: end)
        var first = end - day + 1
        for _ in 0...4800 {
            if hasMonth(month) {
                let count = Timestamp.days(inMonth: month, of: year)
                let found = matchingDays(first: first, count: count) & ((2 << UInt64(day)) - 1)
                if found != 0 { return first + 62 - Int64(found.leadingZeroBitCount) }
            }
            month -= 1
            if month < 1 { (year, month) = (year - 1, 12) }
            day = Timestamp.days(inMonth: month, of: year)
            first -= day
        }
        return nil
    }

    private func hasDay(_ day: Int64) -> Bool {
        let (year, month, dayOfMonth) = Timestamp.civil(fromDay: day)
        guard hasMonth(month) else { return false }
        let count = Timestamp.days(inMonth: month, of: year)
        return matchingDays(first: day - dayOfMonth + 1, count: count) & (1 << UInt64(dayOfMonth)) != 0
    }

    /// How many days match from one to before another.
    private func dayCount(from start: Int64, before end: Int64) -> Int64 {
        guard start < end else { return 0 }
        var (year, month, day) = Timestamp.civil(fromDay: start)
        var first = start - day + 1
        var total: Int64 = 0
        while first < end {
            let count = Timestamp.days(inMonth: month, of: year)
            if hasMonth(month) {
                var found = matchingDays(first: first, count: count) & (UInt64.max << UInt64(day))
                if first + count > end { found &= (2 << UInt64(end - first)) - 1 }
                total += Int64(found.nonzeroBitCount)
            }
            first += count
            day = 1
            month += 1
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        return total
    }

    // MARK: - Times of the day, in minutes

    private func time(from start: Int64) -> Int64? {
        let (hour, minute) = (UInt64(start / 60), UInt64(start % 60))
        if hours & (1 << hour) != 0 {
            let rest = minutes & (UInt64.max << minute)
            if rest != 0 { return Int64(hour) * 60 + Int64(rest.trailingZeroBitCount) }
        }
        let rest = hours & (UInt64.max << (hour + 1))
        return rest == 0 ? nil : Int64(rest.trailingZeroBitCount) * 60 + Int64(minutes.trailingZeroBitCount)
    }

    private func time(upTo end: Int64) -> Int64? {
        let (hour, minute) = (UInt64(end / 60), UInt64(end % 60))
        if hours & (1 << hour) != 0 {
            let rest = minutes & ((2 << minute) - 1)
            if rest != 0 { return Int64(hour) * 60 + 63 - Int64(rest.leadingZeroBitCount) }
        }
        let rest = hours & ((1 << hour) - 1)
        guard rest != 0 else { return nil }
        return (63 - Int64(rest.leadingZeroBitCount)) * 60 + 63 - Int64(minutes.leadingZeroBitCount)
    }

    private func timeCount(before end: Int64) -> Int64 {
        let (hour, minute) = (UInt64(end / 60), UInt64(end % 60))
        var count = Int64((hours & ((1 << hour) - 1)).nonzeroBitCount * minutes.nonzeroBitCount)
        if hours & (1 << hour) != 0 { count += Int64((minutes & ((1 << minute) - 1)).nonzeroBitCount) }
        return count
    }

    // MARK: - Local times

    /// The first matching local time from `local` on; nil where there is none in 400 years, which is never.
    func match(from local: Int64) -> Int64? {
        let minute = (local + 59).floorDivided(by: 60)
        let day = minute.floorDivided(by: 1440)
        if let time = time(from: minute - day * 1440), hasDay(day) { return day * Self.secondsPerDay + time * 60 }
        guard let next = self.day(from: day + 1), let time = time(from: 0) else { return nil }
        return next * Self.secondsPerDay + time * 60
    }

    /// The last matching local time up to `local`.
    func match(upTo local: Int64) -> Int64? {
        let minute = local.floorDivided(by: 60)
        let day = minute.floorDivided(by: 1440)
        if let time = time(upTo: minute - day * 1440), hasDay(day) { return day * Self.secondsPerDay + time * 60 }
        guard let previous = self.day(upTo: day - 1), let time = time(upTo: 1439) else { return nil }
        return previous * Self.secondsPerDay + time * 60
    }

    /// How many local times match from one to before another.
    func count(from start: Int64, before end: Int64) -> Int64 {
        guard start < end else { return 0 }
        let first = (start + 59).floorDivided(by: 60)
        let last = (end + 59).floorDivided(by: 60)
        let (firstDay, lastDay) = (first.floorDivided(by: 1440), last.floorDivided(by: 1440))
        var total = dayCount(from: firstDay, before: lastDay) * timeCount(before: 1440)
        if hasDay(firstDay) { total -= timeCount(before: first - firstDay * 1440) }
        if hasDay(lastDay) { total += timeCount(before: last - lastDay * 1440) }
        return total
    }
}
