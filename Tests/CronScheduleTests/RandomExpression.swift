import SeededRandom

/// A random expression with the sets that its text means: built beside the text, so that the parser is checked too.
struct RandomExpression {
    var minute: [Bool]
    var hour: [Bool]
    var day: [Bool]
    var month: [Bool]
    /// From Sunday.
    var weekday: [Bool]
    var texts: [String]

    var text: String { texts.joined(separator: " ") }
    var isFixed: Bool { !texts[0].hasPrefix("*") && !texts[1].hasPrefix("*") }
    var eitherDay: Bool { !texts[2].hasPrefix("*") && !texts[4].hasPrefix("*") }

    /// What it means of a local time.
    func matches(minute: Int, hour: Int, day: Int, month: Int, weekday: Int) -> Bool {
        guard self.minute[minute], self.hour[hour], self.month[month] else { return false }
        return eitherDay ? self.day[day] || self.weekday[weekday] : self.day[day] && self.weekday[weekday]
    }

    /// `dense` expressions fire about daily or more often, around the hours in which clocks change.
    init(_ random: inout SeededGenerator, dense: Bool) {
        func field(_ range: ClosedRange<Int>, star: Double, prefer: ClosedRange<Int>? = nil, names: [String] = []) -> (
            String, [Bool]
        ) {
            var set = [Bool](repeating: false, count: 61)
            if random.chance(star) {
                guard random.chance(0.4) else { return ("*", [Bool](repeating: true, count: 61)) }
                let step = random.pick(1...(range.upperBound + 3))
                for value in range where (value - range.lowerBound) % step == 0 { set[value] = true }
                return ("*/\(step)", set)
            }
            func write(_ value: Int) -> String {
                let index = value - (names.count == 12 ? 1 : 0)
                return names.indices.contains(index) && random.chance(0.5) ? names[index] : String(value)
            }
            var items: [String] = []
            for _ in 0..<random.pick([1, 1, 1, 2, 3]) {
                let low = random.chance(0.7) ? random.pick(prefer ?? range) : random.pick(range)
                switch random.pick(0...5) {
                case 0:
                    let high = random.pick(low...range.upperBound)
                    items.append("\(write(low))-\(write(high) == "SUN" ? "7" : write(high))")
                    if high == 0, names.count == 7 { items[items.count - 1] = "0-0" }
                    for value in low...high { set[value] = true }
                case 1:
                    let step = random.pick(1...20)
                    items.append("\(write(low))/\(step)")
                    for value in stride(from: low, through: range.upperBound, by: step) { set[value] = true }
                case 2:
                    let high = random.pick(low...range.upperBound)
                    // cronsim takes 5-5/2 for 5/2.
                    let step = low == high ? 1 : random.pick(1...9)
                    items.append("\(low)-\(high)/\(step)")
                    for value in stride(from: low, through: high, by: step) { set[value] = true }
                    if low == high { for value in low...high { set[value] = true }; items[items.count - 1] = "\(low)" }
                default:
                    items.append(write(low))
                    set[low] = true
                }
            }
            return (items.joined(separator: ","), set)
        }
        let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        let days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        let minutes = field(0...59, star: 0.35)
        let hours = field(0...23, star: dense ? 0.5 : 0.35, prefer: 0...3)
        let dates = field(1...31, star: dense ? 0.9 : 0.5)
        let monthsOfYear = field(1...12, star: dense ? 1 : 0.6, names: months)
        let weekdays = field(0...7, star: dense ? 0.8 : 0.5, names: days)
        (minute, hour, day, month, weekday) = (minutes.1, hours.1, dates.1, monthsOfYear.1, weekdays.1)
        if weekday[7] { weekday[0] = true }
        texts = [minutes.0, hours.0, dates.0, monthsOfYear.0, weekdays.0]
    }
}
