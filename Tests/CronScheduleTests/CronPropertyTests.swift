import KubernetesModel
import SeededRandom
import Testing
import ZoneInfo

@testable import CronSchedule

/// What a clock shows.
private struct Clock {
    var minute: Int
    var hour: Int
    var day: Int
    var month: Int
    var weekday: Int

    init(local second: Int64) {
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let time = Int(second - day * 86_400)
        (minute, hour) = (time / 60 % 60, time / 3600)
        weekday = Int(((day + 4) % 7 + 7) % 7)
        // Year by year: unlike the arithmetic of the module.
        var (rest, year) = (Int(day), 1970)
        func size(_ year: Int) -> Int { (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365 }
        while rest < 0 { year -= 1; rest += size(year) }
        while rest >= size(year) { rest -= size(year); year += 1 }
        month = 1
        for days in [31, size(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if rest < days { break }
            rest -= days
            month += 1
        }
        self.day = rest + 1
    }
}

extension RandomExpression {
    func matches(local second: Int64) -> Bool {
        guard second % 60 == 0 else { return false }
        let clock = Clock(local: second)
        return matches(
            minute: clock.minute, hour: clock.hour, day: clock.day, month: clock.month, weekday: clock.weekday)
    }

    /// The instants after one and up to another, found minute by minute.
    func instants(in zone: ZoneRules, after start: Int64, through end: Int64) -> [Int64] {
        // Two days before as well: what clocks have shown already.
        let first = start - 172_800
        var found: [Int64] = []
        var high = Int64.min
        for second in stride(from: first, through: end, by: 60) {
            let local = second + zone.offset(at: Timestamp(seconds: second))
            if !isFixed {
                if second > start, matches(local: local) { found.append(second) }
                continue
            }
            // The local minutes that come now for the first time: one, none in a repeat, many after a gap.
            if high == .min { high = local - 60 }
            if local > high {
                let isNew = stride(from: high + 60, through: local, by: 60).contains { matches(local: $0) }
                if isNew, second > start { found.append(second) }
                high = local
            }
        }
        return found
    }
}

@Suite("Cron rules, by generated expressions in all zones")
struct CronPropertyTests {
    private static let start: Int64 = 1_577_836_800  // 2020
    private static let end: Int64 = 2_208_988_800  // 2040

    @Test func `next, previous and count agree, ascend and stay within the expression`() throws {
        var random = SeededGenerator(seed: 1)
        let names = zones.names
        for draw in 0..<4000 {
            let zone = try zones.rules(names[draw % names.count])
            let drawn = RandomExpression(&random, dense: false)
            guard let expression = try? CronExpression(drawn.text) else { continue }
            let rule = CronRule(expression, zone: zone, anchor: Timestamp(seconds: 0))
            var instant = Timestamp(seconds: Int64(random.pick(Int(Self.start)...Int(Self.end))))
            // Half of them near a change.
            if random.chance(0.5), let change = zone.changes.last(where: { $0 < instant.seconds }) {
                instant = Timestamp(seconds: change + Int64(random.pick(-90_000...90_000)))
            }
            let origin = instant
            var passed = 0
            for _ in 0..<4 {
                guard let next = rule.next(after: instant) else {
                    #expect(!drawn.isFixed, "\(drawn.text) in \(zone.name) after \(instant)")
                    break
                }
                passed += 1
                let context: Comment = "seed 1, draw \(draw): \(drawn.text) in \(zone.name) after \(instant): \(next)"
                #expect(next > instant, context)
                #expect(rule.count(after: instant, through: next, limit: 9) == 1, context)
                #expect(rule.previous(before: next).map { $0 <= instant } ?? true, context)
                #expect(rule.previous(before: next + .microseconds(1)) == next, context)
                let offset = zone.offset(at: next)
                let before = zone.offset(at: next - .seconds(1))
                let isMatch = drawn.matches(local: next.seconds + offset)
                // In a gap some local time that matches was skipped.
                let skipped = stride(from: next.seconds + before, to: next.seconds + offset, by: 60)
                #expect(isMatch || (drawn.isFixed && skipped.contains { drawn.matches(local: $0) }), context)
                instant = next
            }
            #expect(rule.count(after: origin, through: instant, limit: 9) == passed)
            if let previous = rule.previous(before: origin) {
                #expect(previous < origin)
                #expect(rule.next(after: previous).map { $0 >= origin } ?? true)
                #expect(rule.next(after: previous - .seconds(1)) == previous)
            }
        }
    }

    @Test func `Minute by minute around changes of clocks it is the same`() throws {
        var random = SeededGenerator(seed: 2)
        let changing = try zones.names.map { try zones.rules($0) }.filter {
            $0.changes.contains { $0 > Self.start && $0 % 60 == 0 }
        }
        #expect(changing.count > 50)
        let special = [
            "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "America/Nuuk", "Antarctica/Troll",
            "Antarctica/Casey",
        ]
        for draw in 0..<150 {
            let zone = draw % 3 == 0 ? try zones.rules(random.pick(special)) : random.pick(changing)
            let drawn = RandomExpression(&random, dense: random.chance(0.7))
            guard let expression = try? CronExpression(drawn.text) else { continue }
            // Of real changes: files of 64 bits may end with one of nothing at 2^31 - 1.
            let changes = zone.changes.filter { (Self.start...Self.end).contains($0) && $0 % 60 == 0 }
            guard !changes.isEmpty else { continue }
            let from = random.pick(changes) - Int64(random.pick(600...6000) * 60)
            let through = from + 10 * 86_400
            check(drawn, expression, zone, from, through, "seed 2, draw \(draw)")
        }
    }

    @Test func `Minute by minute it is the same on Apia's lost day, and where a day came twice`() throws {
        var random = SeededGenerator(seed: 3)
        // The date line moved: a day was lost in Apia, Kiritimati and Kwajalein, and came again in Kwajalein in 1969.
        let lines = [
            ("Pacific/Apia", "2011-12-28T00:00:00Z"), ("Pacific/Kiritimati", "1994-12-29T00:00:00Z"),
            ("Pacific/Kwajalein", "1993-08-19T00:00:00Z"),
            ("Pacific/Kwajalein", "1969-09-28T00:00:00Z"),
        ]
        for (name, start) in lines {
            let zone = try zones.rules(name)
            for draw in 0..<10 {
                let drawn = RandomExpression(&random, dense: true)
                let expression = try CronExpression(drawn.text)
                let from = try time(start).seconds
                check(drawn, expression, zone, from, from + 5 * 86_400, "seed 3, draw \(draw)")
            }
        }
    }

    private func check(
        _ drawn: RandomExpression, _ expression: CronExpression, _ zone: ZoneRules, _ from: Int64, _ through: Int64,
        _ label: String
    ) {
        let rule = CronRule(expression, zone: zone, anchor: Timestamp(seconds: 0))
        let expected = drawn.instants(in: zone, after: from, through: through)
        var found: [Int64] = []
        var instant = Timestamp(seconds: from)
        while let next = rule.next(after: instant), next.seconds <= through {
            found.append(next.seconds)
            instant = next
        }
        let context: Comment = "\(label): \(drawn.text) in \(zone.name) after \(Timestamp(seconds: from))"
        #expect(found == expected, context)
        let count = rule.count(after: Timestamp(seconds: from), through: Timestamp(seconds: through), limit: .max)
        #expect(count == expected.count, context)
        var back: [Int64] = []
        instant = Timestamp(seconds: through + 1)
        while let previous = rule.previous(before: instant), previous.seconds > from {
            back.append(previous.seconds)
            instant = previous
        }
        #expect(back.reversed() == expected, context)
    }

    @Test func `In every segment of every zone the first and the last second are found from within`() throws {
        for name in zones.names {
            let zone = try zones.rules(name)
            for second in stride(from: Self.start - 6_000_000_000, to: Self.end + 6_000_000_000, by: 40_000_019) {
                let segment = zone.segment(at: second)
                #expect(segment.start <= second && second < segment.end)
                if segment.end < ZoneRules.farFuture { #expect(zone.segment(at: segment.end - 1) == segment) }
                #expect(zone.segment(at: segment.start) == segment)
                if segment.start > ZoneRules.farPast {
                    let before = zone.segment(at: segment.start - 1)
                    #expect(before.end == segment.start)
                    #expect(segment.high == max(before.high, before.end + before.offset), "\(name) at \(second)")
                }
            }
        }
    }
}
