import KubernetesModel

extension CronExpression {
    /// The expression in words, without the zone: `at 02:30 on weekdays`.
    public var english: String {
        switch plan {
        case .every(let seconds): Self.english(every: seconds)
        case .fields(let fields): fields.english
        }
    }

    /// `every 90 minutes` becomes `every 1 hour 30 minutes`.
    private static func english(every seconds: Int64) -> String {
        let units: [(name: String, size: Int64)] = [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)]
        var rest = seconds
        var parts: [String] = []
        for unit in units {
            let count = rest / unit.size
            rest -= count * unit.size
            if count == 1, rest == 0, parts.isEmpty { return "every \(unit.name)" }
            if count > 0 { parts.append("\(count) \(unit.name)\(count == 1 ? "" : "s")") }
        }
        return "every " + parts.joined(separator: " ")
    }
}

extension CronFields {
    fileprivate var english: String {
        let (time, isTimeOfDay) = timeWords
        let days = dayWords
        if days.isEmpty { return isTimeOfDay ? "\(time) every day\(monthWords)" : time + monthWords }
        return "\(time) \(days)"
    }

    private static func values(_ set: UInt64) -> [Int] { (0..<64).filter { set & (1 << UInt64($0)) != 0 } }

    /// Numbers in words: neighbours as `8 to 17`, long rows of steps as `0, 7, ..., 56`.
    private static func list(_ numbers: [Int], name: (Int) -> String = { String($0) }) -> String {
        if numbers.count > 4 {
            let step = numbers[1] - numbers[0]
            if step > 1, zip(numbers, numbers.dropFirst()).allSatisfy({ $1 - $0 == step }) {
                return "\(name(numbers[0])), \(name(numbers[1])), ..., \(name(numbers[numbers.count - 1]))"
            }
        }
        var words: [String] = []
        var index = 0
        while index < numbers.count {
            var last = index
            while last + 1 < numbers.count, numbers[last + 1] == numbers[last] + 1 { last += 1 }
            if last >= index + 2 {
                words.append("\(name(numbers[index])) to \(name(numbers[last]))")
                index = last + 1
            } else {
                words.append(name(numbers[index]))
                index += 1
            }
        }
        return CronNames.list(words)
    }

    /// The step of numbers that begin at 0 and go round without a seam, as 0, 15, 30 and 45 of 60.
    private static func evenStep(_ numbers: [Int], of size: Int) -> Int? {
        guard numbers.first == 0, size % numbers.count == 0 else { return nil }
        let step = size / numbers.count
        return zip(numbers, 0...).allSatisfy { $0 == $1 * step } ? step : nil
    }

    private static func clock(_ hour: Int, _ minute: Int) -> String {
        "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }

    /// The time, and whether it names times of the day rather than a rhythm.
    private var timeWords: (String, Bool) {
        let minutes = Self.values(minutes)
        let hours = Self.values(hours)
        let minuteStep = Self.evenStep(minutes, of: 60)
        let hourStep = Self.evenStep(hours, of: 24)
        let single = minutes.count == 1 ? minutes[0] : nil
        // The minutes in words, for any hours.
        let past: String
        if let minuteStep, minutes.count > 1 {
            past = minuteStep == 1 ? "every minute" : "every \(minuteStep) minutes"
        } else {
            past = "at minute\(minutes.count == 1 ? "" : "s") \(Self.list(minutes))"
        }
        if hours.count == 24 {
            if single == 0 { return ("every hour", false) }
            return (minutes.count > 1 && minuteStep != nil ? past : "\(past) of every hour", false)
        }
        let isRange = hours.count > 2 && hours[hours.count - 1] - hours[0] == hours.count - 1
        if let single {
            if let hourStep, hours.count > 4 {
                return (
                    single == 0 ? "every \(hourStep) hours" : "at minute \(single) of every \(hourStep) hours", false
                )
            }
            if isRange {
                return (
                    "every hour from \(Self.clock(hours[0], single)) to \(Self.clock(hours[hours.count - 1], single))",
                    false
                )
            }
        }
        if minutes.count * hours.count <= 6 {
            let times = hours.flatMap { hour in minutes.map { Self.clock(hour, $0) } }
            return ("at \(CronNames.list(times))", true)
        }
        if let hourStep, hours.count > 4 { return ("\(past) in every \(ordinal(hourStep)) hour from 00:00", false) }
        if isRange || hours.count == 1 {
            let last = hours[hours.count - 1]
            return ("\(past) from \(Self.clock(hours[0], 0)) to \(Self.clock(last, 59))", false)
        }
        return ("\(past) of the hour\(hours.count == 1 ? "" : "s") \(Self.list(hours))", false)
    }

    private func ordinal(_ number: Int) -> String {
        switch number {
        case 2: "2nd"
        case 3: "3rd"
        default: "\(number)th"
        }
    }

    private var monthWords: String {
        let months = Self.values(months)
        return months.count == 12 ? "" : " in \(Self.list(months) { CronNames.fullMonths[$0 - 1] })"
    }

    private var weekdayWords: String {
        switch weekdays {
        case 0b011_1110: return "weekdays"
        case 0b100_0001: return "weekends"
        default:
            // The week of these lists begins on Monday.
            let numbers = Self.values(weekdays).map { $0 == 0 ? 7 : $0 }.sorted()
            return Self.list(numbers) { CronNames.fullWeekdays[$0 % 7] }
        }
    }

    /// The days with their months; empty for all days.
    private var dayWords: String {
        let days = Self.values(days)
        let months = Self.values(months)
        let hasDays = days.count < 31
        let hasWeekdays = weekdays != 0x7F
        // A list of all days is still a restriction to cron: with `or` it makes the rest void.
        if eitherDay, !hasDays || !hasWeekdays { return "" }
        guard hasDays || hasWeekdays else { return "" }
        guard hasDays else { return "on \(weekdayWords)\(monthWords)" }
        let both = hasWeekdays && !eitherDay
        let isDate = months.count == 1 && days.count <= 4
        let date =
            isDate
            ? "\(Self.list(days)) \(CronNames.fullMonths[months[0] - 1])"
            : "day\(days.count == 1 || both ? "" : "s") \(Self.list(days)) of the month"
        let suffix = isDate ? "" : monthWords
        guard hasWeekdays else { return "on \(date)\(suffix)" }
        if eitherDay {
            let isGroup = weekdays == 0b011_1110 || weekdays == 0b100_0001
            let other = isGroup ? "all \(weekdayWords)" : "every \(weekdayWords)"
            // The months hold for both.
            return isDate
                ? "on \(date) and on \(other)\(monthWords)" : "on \(date) and on \(other)\(suffix)"
        }
        return isDate ? "on \(weekdayWords) if it is \(date)" : "on \(weekdayWords) if it is \(date)\(suffix)"
    }
}
