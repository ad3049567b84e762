import KubernetesModel

/// Reads the text of an expression.
struct CronParser {
    private let characters: [Character]

    init(_ text: String) { characters = Array(text) }

    static let macros: [(name: String, fields: String)] = [
        ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"), ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@hourly", "0 * * * *"),
    ]
    private static let macroNames = "@yearly, @monthly, @weekly, @daily, @hourly or @every"

    /// One of the five fields.
    private struct Field {
        let name: String
        let range: ClosedRange<Int>
        var names: [String] = []
        /// The number of the first of `names`.
        var firstName = 0

        /// What is expected, such as `0 to 7 or SUN to SAT`.
        var expected: String {
            let numbers = "\(range.lowerBound) to \(range.upperBound)"
            guard let first = names.first, let last = names.last else { return numbers }
            return "\(numbers) or \(first) to \(last)"
        }
    }

    private static let fields = [
        Field(name: "minute", range: 0...59), Field(name: "hour", range: 0...23),
        Field(name: "day of month", range: 1...31),
        Field(name: "month", range: 1...12, names: CronNames.months, firstName: 1),
        Field(name: "day of week", range: 0...7, names: CronNames.weekdays),
    ]

    /// A run of characters without blanks.
    private typealias Word = Range<Int>

    private func isBlank(_ index: Int) -> Bool { characters[index] == " " || characters[index] == "\t" }

    private var words: [Word] {
        var words: [Word] = []
        var index = 0
        while index < characters.count {
            let start = index
            while index < characters.count, !isBlank(index) { index += 1 }
            if index > start { words.append(start..<index) }
            index += 1
        }
        return words
    }

    private func text(_ range: Range<Int>) -> String { String(characters[range]) }

    /// The text in quotes, short enough for a message.
    private func quoted(_ range: Range<Int>) -> String {
        let shown = text(range.lowerBound..<min(range.upperBound, range.lowerBound + 20))
        // Line ends and the like as they are written in code.
        let escaped = shown.unicodeScalars.map { $0.value < 32 ? $0.escaped(asASCII: true) : String($0) }.joined()
        return "`\(escaped)\(range.count > 20 ? "..." : "")`"
    }

    func parse() throws(CronError) -> CronExpression.Plan {
        let words = words
        guard let first = words.first else {
            throw CronError(
                position: 0,
                message:
                    "the schedule is empty; expected five fields (minute hour day month weekday) or a macro such as @daily"
            )
        }
        if characters[first.lowerBound] == "@" { return try parseMacro(words) }
        let start = text(first)
        if start.hasPrefix("TZ=") || start.hasPrefix("CRON_TZ=") {
            throw CronError(
                position: first.lowerBound,
                message:
                    "\(quoted(first)) names a zone; expected five fields, with the zone beside the expression (timeZone)"
            )
        }
        if words.count > 5 {
            let hint = words.count == 6 ? " (there is no field for seconds or years)" : ""
            throw CronError(
                position: words[5].lowerBound,
                message: "\(words.count) fields; expected five: minute hour day month weekday\(hint)")
        }
        if words.count < 5 {
            throw CronError(
                position: characters.count,
                message:
                    "\(words.count == 1 ? "1 field" : "\(words.count) fields"); expected five: minute hour day month weekday, and the \(Self.fields[words.count].name) is missing"
            )
        }
        var sets: [UInt64] = []
        for (word, field) in zip(words, Self.fields) { sets.append(try parse(word, field)) }
        func hasStar(_ word: Int) -> Bool { "*?".contains(characters[words[word].lowerBound]) }
        // Sunday is 0 and 7.
        let weekdays = (sets[4] | sets[4] >> 7) & 0x7F
        let result = CronFields(
            minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: weekdays,
            hasStarMinute: hasStar(0), hasStarHour: hasStar(1), hasStarDay: hasStar(2), hasStarWeekday: hasStar(4))
        try checkDays(result, at: words[2])
        return .fields(result)
    }

    /// A day that none of the months has, such as 31 February, leaves nothing but the days of the week.
    private func checkDays(_ fields: CronFields, at word: Word) throws(CronError) {
        guard !fields.eitherDay else { return }
        let months = (1...12).filter { fields.months & (1 << UInt64($0)) != 0 }
        let longest = months.map { Int(Timestamp.days(inMonth: Int64($0), of: 2000)) }.max() ?? 0
        let day = fields.days.trailingZeroBitCount
        guard day > longest else { return }
        let names = months.map { CronNames.fullMonths[$0 - 1] }
        throw CronError(
            position: word.lowerBound,
            message:
                "\(CronNames.list(names)) \(names.count == 1 ? "has" : "have") no day \(day), so this never fires; expected a day up to \(longest)"
        )
    }

    // MARK: - Fields

    private func parse(_ word: Word, _ field: Field) throws(CronError) -> UInt64 {
        var set: UInt64 = 0
        var start = word.lowerBound
        while true {
            var end = start
            while end < word.upperBound, characters[end] != "," { end += 1 }
            if start == end {
                throw CronError(
                    position: start,
                    message: "an empty item in the list of the \(field.name); expected \(field.expected)")
            }
            set |= try parseItem(start..<end, field)
            if end == word.upperBound { return set }
            start = end + 1
        }
    }

    private func parseItem(_ item: Range<Int>, _ field: Field) throws(CronError) -> UInt64 {
        var index = item.lowerBound
        var low = field.range.lowerBound
        var high = field.range.upperBound
        var isSingle = false
        if "*?".contains(characters[index]) {
            index += 1
        } else {
            low = try parseValue(&index, item, field)
            let dash = index
            if index < item.upperBound, characters[index] == "-" {
                index += 1
                high = try parseValue(&index, item, field)
                if high < low { throw descending(item.lowerBound..<index, low, high, field, dash: dash) }
            } else {
                isSingle = true
            }
        }
        var step = 1
        if index < item.upperBound, characters[index] == "/" {
            index += 1
            let start = index
            while index < item.upperBound, characters[index].isASCIIDigit { index += 1 }
            if index == start {
                throw CronError(
                    position: start,
                    message:
                        "\(start == item.upperBound ? "nothing" : quoted(start..<item.upperBound)) after `/` in the \(field.name); expected a step, a number from 1"
                )
            }
            // A number of any length: what is beyond the range gives the first value.
            step = Int(text(start..<index)) ?? 1000
            if step == 0 {
                throw CronError(position: start, message: "a step of 0 in the \(field.name); expected a number from 1")
            }
        } else if isSingle {
            high = low
        }
        if index < item.upperBound {
            throw CronError(
                position: index,
                message:
                    "\(quoted(index..<item.upperBound)) in the \(field.name); \(hint(item, field) ?? "expected `,`, `-`, `/` or the next field")"
            )
        }
        var set: UInt64 = 0
        for value in stride(from: low, through: high, by: min(step, 1000)) { set |= 1 << UInt64(value) }
        return set
    }

    private func descending(_ range: Range<Int>, _ low: Int, _ high: Int, _ field: Field, dash: Int) -> CronError {
        let from = text(range.lowerBound..<dash)
        let to = text((dash + 1)..<range.upperBound)
        var expected = "\(from)-\(field.range.upperBound),\(field.range.lowerBound)-\(to)"
        if field.range.upperBound == 7 {
            expected = high == 0 ? "\(from)-7" : "\(from)-7,1-\(to)"
        }
        return CronError(
            position: range.lowerBound,
            message: "the range \(quoted(range)) of the \(field.name) goes down; expected it to go up: \(expected)")
    }

    private func parseValue(_ index: inout Int, _ item: Range<Int>, _ field: Field) throws(CronError) -> Int {
        let start = index
        if index < item.upperBound, characters[index].isASCIIDigit {
            while index < item.upperBound, characters[index].isASCIIDigit { index += 1 }
            let value = Int(text(start..<index)) ?? Int.max
            // A number with letters after it is no number: 2ND, 5L.
            if index < item.upperBound, characters[index].isASCIILetter || characters[index] == "#" {
                throw unknown(start, item, field)
            }
            guard field.range.contains(value) else {
                throw CronError(
                    position: start, message: "\(quoted(start..<index)) is no \(field.name); expected \(field.expected)"
                )
            }
            return value
        }
        while index < item.upperBound, characters[index].isASCIILetter { index += 1 }
        let name = text(start..<index).uppercased()
        guard !name.isEmpty, let position = field.names.firstIndex(of: name),
            index == item.upperBound || characters[index] == "-" || characters[index] == "/"
        else { throw unknown(start, item, field) }
        return field.firstName + position
    }

    private func unknown(_ start: Int, _ item: Range<Int>, _ field: Field) -> CronError {
        guard start < item.upperBound else {
            return CronError(
                position: start, message: "nothing after `-` in the \(field.name); expected \(field.expected)")
        }
        var end = start
        while end < item.upperBound, !"-/".contains(characters[end]) || end == start { end += 1 }
        let expected = hint(item, field) ?? "expected \(field.expected)"
        return CronError(position: start, message: "\(quoted(start..<end)) is no \(field.name); \(expected)")
    }

    /// What to say of things that other schedulers know.
    private func hint(_ item: Range<Int>, _ field: Field) -> String? {
        let text = text(item).uppercased()
        let letters = text.filter { $0.isLetter || $0 == "#" }
        if field.names.isEmpty || field.firstName == 0 {
            if letters == "L" || letters == "W" || letters == "LW" || text.contains("#")
                || (letters.hasSuffix("L") && field.names.contains(String(letters.dropLast())))
            {
                return "L, W and # are not of cron; expected \(field.expected)"
            }
        }
        if letters.count > 3, let short = field.names.first(where: { letters.hasPrefix($0) }) {
            return "expected names of three letters, such as \(short)"
        }
        return nil
    }

    // MARK: - Macros

    private func parseMacro(_ words: [Word]) throws(CronError) -> CronExpression.Plan {
        let word = words[0]
        let name = text(word)
        let known = Self.macros.first { $0.name == name }
        guard known != nil || name == "@every" else {
            let lower = name.lowercased()
            let expected: String
            if lower == "@reboot" {
                expected = "expected a schedule of times: \(Self.macroNames)"
            } else if lower == "@every" || Self.macros.contains(where: { $0.name == lower }) {
                expected = "expected \(lower), in lower case"
            } else {
                expected = "expected \(Self.macroNames)"
            }
            throw CronError(position: word.lowerBound, message: "\(quoted(word)) is no macro; \(expected)")
        }
        if let known {
            if words.count > 1 {
                throw CronError(
                    position: words[1].lowerBound, message: "\(quoted(words[1])) after \(name); expected nothing")
            }
            return try CronParser(known.fields).parse()
        }
        guard words.count > 1 else {
            throw CronError(
                position: characters.count, message: "@every has no duration; expected one such as @every 90m")
        }
        let duration = words[1]
        if words.count > 2 {
            throw CronError(
                position: words[2].lowerBound,
                message: "\(quoted(words[2])) after the duration; expected one duration without blanks, such as 1h30m")
        }
        guard let value = Duration(goText: text(duration)) else {
            throw CronError(
                position: duration.lowerBound,
                message: "\(quoted(duration)) is no duration; expected one such as 90m, 1h30m or 45s")
        }
        guard value > .zero else {
            throw CronError(
                position: duration.lowerBound, message: "\(quoted(duration)) is not positive; expected 1s or more")
        }
        let (seconds, attoseconds) = value.components
        guard attoseconds == 0 else {
            throw CronError(
                position: duration.lowerBound,
                message: "\(quoted(duration)) has a fraction of a second; expected whole seconds")
        }
        return .every(seconds: seconds)
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) && isASCII }
    fileprivate var isASCIILetter: Bool { isASCII && isLetter }
}
