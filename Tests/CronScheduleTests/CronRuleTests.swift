import CronSchedule
import KubernetesModel
import Testing
import ZoneInfo

/// The zones of this machine, read once for all tests.
let zones = ZoneDatabase()

func time(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }

func rule(_ expression: String, _ zone: String = "UTC", anchor: Timestamp = Timestamp(seconds: 0)) throws -> CronRule {
    CronRule(try CronExpression(expression), zone: try zones.rules(zone), anchor: anchor)
}

/// One row of a table: the first times of an expression in a zone after an instant, as the zone's clock shows them.
struct Times: Sendable, CustomTestStringConvertible {
    var expression: String
    var zone: String
    var after: String
    var expected: [String]

    init(_ expression: String, _ zone: String, _ after: String, _ expected: String...) {
        (self.expression, self.zone, self.after, self.expected) = (expression, zone, after, expected)
    }

    var testDescription: String { "\(expression) in \(zone) after \(after)" }

    /// The same forwards, backwards and counted.
    func check() throws {
        let rule = try rule(expression, zone)
        let start = try time(after)
        var last = start
        var found: [Timestamp] = []
        for _ in expected { if let next = rule.next(after: last) { found.append(next); last = next } }
        #expect(found.map(rule.zone.rfc3339) == expected)
        #expect(rule.count(after: start, through: last, limit: 1000) == expected.count)
        #expect(rule.count(after: start, through: last - .seconds(1), limit: 1000) == expected.count - 1)
        for (earlier, later) in zip(found, found.dropFirst()) { #expect(rule.previous(before: later) == earlier) }
        if let first = found.first, let previous = rule.previous(before: first) { #expect(previous <= start) }
    }
}

@Suite("Cron rules")
struct CronRuleTests {
    @Test(
        "Fixed times: a gap fires at its end, a repeat the first time",
        arguments: [
            // Spring in the north.
            Times(
                "30 1 * * *", "Europe/London", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00+00:00",
                "2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00"),
            Times(
                "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T03:00:00-04:00",
                "2026-03-09T02:30:00-04:00"),
            // Several in one gap: one start. One at its end is that start.
            Times(
                "0,15,30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00",
                "2026-03-30T02:00:00+02:00"),
            Times(
                "0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00",
                "2026-03-30T02:00:00+02:00"),
            Times(
                "30 1,2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00+01:00",
                "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"),
            // Autumn in the north.
            Times(
                "30 1 * * *", "Europe/London", "2026-10-24T12:00:00Z", "2026-10-25T01:30:00+01:00",
                "2026-10-26T01:30:00+00:00"),
            Times(
                "0,30 1,2 * * *", "America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T01:00:00-04:00",
                "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00", "2026-11-01T02:30:00-05:00",
                "2026-11-02T01:00:00-05:00"),
            // The start between the two passes: it has fired.
            Times("30 1 * * *", "America/New_York", "2026-11-01T06:00:00Z", "2026-11-02T01:30:00-05:00"),
            Times(
                "45 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T01:45:00-04:00",
                "2026-11-02T01:45:00-05:00"),
            // The south.
            Times(
                "30 2 * * *", "Australia/Sydney", "2026-10-03T00:00:00Z", "2026-10-04T03:00:00+11:00",
                "2026-10-05T02:30:00+11:00"),
            Times(
                "30 2 * * *", "Australia/Sydney", "2026-04-04T00:00:00Z", "2026-04-05T02:30:00+11:00",
                "2026-04-06T02:30:00+10:00"),
            Times(
                "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T01:00:00-03:00",
                "2026-09-07T00:00:00-03:00"),
            // Half an hour.
            Times(
                "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T02:30:00+11:00",
                "2026-10-05T02:15:00+11:00"),
            Times(
                "30 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T02:30:00+11:00",
                "2026-10-05T02:30:00+11:00"),
            Times(
                "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-05T01:45:00+11:00",
                "2026-04-06T01:45:00+10:30"),
            // At midnight, and before it.
            Times(
                "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-24T01:00:00+03:00",
                "2026-04-25T00:00:00+03:00"),
            Times(
                "30 23 * * *", "Africa/Cairo", "2026-10-28T22:00:00Z", "2026-10-29T23:30:00+03:00",
                "2026-10-30T23:30:00+02:00"),
            Times(
                "30 23 * * 6", "America/Nuuk", "2026-03-27T12:00:00Z", "2026-03-29T00:00:00-01:00",
                "2026-04-04T23:30:00-01:00"),
            // Ramadan.
            Times(
                "30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00:00Z", "2026-02-15T02:30:00+01:00",
                "2026-02-16T02:30:00+00:00"),
            Times(
                "30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00:00Z", "2026-03-22T03:00:00+01:00",
                "2026-03-23T02:30:00+01:00"),
            // A whole day that was not.
            Times(
                "30 10 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-29T10:30:00-10:00",
                "2011-12-31T00:00:00+14:00", "2011-12-31T10:30:00+14:00"),
            Times(
                "0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", "2011-12-31T00:00:00+14:00",
                "2012-12-30T12:00:00+14:00"),
            // Daylight saving in winter: the database has Dublin's turned round.
            Times(
                "30 1 * * *", "Europe/Dublin", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00",
                "2026-03-30T01:30:00+01:00"),
            // After the table of the file.
            Times(
                "30 1 * * *", "Europe/London", "2099-03-28T12:00:00Z", "2099-03-29T02:00:00+01:00",
                "2099-03-30T01:30:00+01:00"),
            Times(
                "30 1 * * *", "Europe/London", "2099-10-24T12:00:00Z", "2099-10-25T01:30:00+01:00",
                "2099-10-26T01:30:00+00:00"),
            // Local mean time, an offset with seconds; then the gap to Greenwich's.
            Times(
                "0 0 * * *", "Europe/London", "1847-11-29T12:00:00Z", "1847-11-30T00:00:00-00:01:15",
                "1847-12-01T00:01:15+00:00", "1847-12-02T00:00:00+00:00"),
            Times(
                "0 0 * * *", "Africa/Monrovia", "1972-01-06T12:00:00Z", "1972-01-07T00:44:30+00:00",
                "1972-01-08T00:00:00+00:00"),
        ])
    func fixed(_ times: Times) throws { try times.check() }

    @Test(
        "Wildcards go by elapsed time: they never pause and never double",
        arguments: [
            Times(
                "*/30 * * * *", "Europe/London", "2026-03-29T00:15:00Z", "2026-03-29T00:30:00+00:00",
                "2026-03-29T02:00:00+01:00", "2026-03-29T02:30:00+01:00"),
            Times(
                "*/30 * * * *", "Europe/London", "2026-10-25T00:15:00Z", "2026-10-25T01:30:00+01:00",
                "2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00", "2026-10-25T02:00:00+00:00"),
            Times(
                "30 * * * *", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T01:30:00-04:00",
                "2026-11-01T01:30:00-05:00", "2026-11-01T02:30:00-05:00"),
            Times(
                "30 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-04T02:30:00+11:00",
                "2026-10-04T03:30:00+11:00"),
            Times(
                "*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:40:00Z", "2026-04-05T01:45:00+11:00",
                "2026-04-05T01:30:00+10:30", "2026-04-05T01:45:00+10:30", "2026-04-05T02:00:00+10:30"),
            // A fixed hour that is not there has no real minutes; one that is there twice has them twice.
            Times("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T02:00:00+02:00"),
            Times(
                "*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"),
            Times(
                "0 */12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-29T12:00:00-10:00",
                "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"),
            // `5,*` does not begin with a star: a list of all hours, each local time once.
            Times(
                "30 0,* * * *", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T01:30:00-04:00",
                "2026-11-01T02:30:00-05:00"),
        ])
    func wildcards(_ times: Times) throws { try times.check() }

    @Test(
        "Days: either of two restricted fields, both where one begins with a star",
        arguments: [
            Times(
                "0 0 13 * 5", "UTC", "2026-02-10T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z",
                "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z"),
            Times(
                "0 0 */2 * 1", "UTC", "2026-06-01T00:00:00Z", "2026-06-15T00:00:00Z", "2026-06-29T00:00:00Z",
                "2026-07-13T00:00:00Z"),
            Times("0 0 1-7 * */7", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", "2026-02-01T00:00:00Z"),
            Times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"),
            Times("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
            Times(
                "0 0 29 2 */7", "UTC", "2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z", "2088-02-29T00:00:00Z",
                "2128-02-29T00:00:00Z"),
            Times(
                "0 0 29 2 1", "UTC", "2028-02-01T00:00:00Z", "2028-02-07T00:00:00Z", "2028-02-14T00:00:00Z",
                "2028-02-21T00:00:00Z", "2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z", "2029-02-05T00:00:00Z"),
            Times("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"),
            Times("59 23 31 12 *", "UTC", "2026-01-01T00:00:00Z", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
            Times("0 8-17 * * 1-5", "UTC", "2026-11-27T16:30:00Z", "2026-11-27T17:00:00Z", "2026-11-30T08:00:00Z"),
        ])
    func days(_ times: Times) throws { try times.check() }

    @Test func `The missed start of an irregular schedule is found exactly`() throws {
        // Last Friday 12:00, now Sunday: CronJob's estimate loses Friday 17:00.
        let rule = try rule("0 8-17 * * 1-5")
        #expect(rule.previous(before: try time("2026-11-29T10:00:00Z")) == (try time("2026-11-27T17:00:00Z")))
        #expect(
            rule.count(after: try time("2026-11-27T12:00:00Z"), through: try time("2026-11-29T10:00:00Z"), limit: 100)
                == 5)
    }

    @Test func `After and before are strict, to the microsecond`() throws {
        let rule = try rule("0 12 * * *")
        let noon = try time("2026-05-05T12:00:00Z")
        #expect(rule.next(after: noon - .microseconds(1)) == noon)
        #expect(rule.next(after: noon) == noon + .seconds(86_400))
        #expect(rule.next(after: noon + .microseconds(1)) == noon + .seconds(86_400))
        #expect(rule.previous(before: noon + .microseconds(1)) == noon)
        #expect(rule.previous(before: noon) == noon - .seconds(86_400))
        #expect(rule.previous(before: noon - .microseconds(1)) == noon - .seconds(86_400))
        #expect(rule.count(after: noon, through: noon + .seconds(86_400), limit: 9) == 1)
        #expect(rule.count(after: noon - .microseconds(1), through: noon, limit: 9) == 1)
        #expect(rule.count(after: noon, through: noon, limit: 9) == 0)
        #expect(rule.count(after: noon + .seconds(9), through: noon, limit: 9) == 0)
    }

    @Test func `Counts are exact over centuries, and end at the limit`() throws {
        let (start, end) = (try time("2000-01-01T00:00:00Z"), try time("2400-01-01T00:00:00Z"))
        #expect(try rule("* * * * *").count(after: start, through: end, limit: .max) == 146_097 * 1440)
        #expect(try rule("* * * * *").count(after: start, through: end, limit: 101) == 101)
        #expect(try rule("0 0 29 2 *").count(after: start, through: end, limit: .max) == 97)
        #expect(try rule("30 1 * * *", "Europe/London").count(after: start, through: end, limit: .max) == 146_097)
        #expect(try rule("30 2 * * *", "America/New_York").count(after: start, through: end, limit: .max) == 146_097)
        #expect(
            try rule("*/15 * * * *", "Australia/Lord_Howe").count(after: start, through: end, limit: .max) == 146_097
                * 96)
        #expect(try rule("* * * * *").count(after: start, through: end, limit: 0) == 0)
    }

    @Test func `@every counts from its anchor, without drift`() throws {
        let anchor = try time("2026-01-01T00:00:10Z")
        let rule = try rule("@every 90m", "Europe/London", anchor: anchor + .microseconds(5))
        #expect(rule.next(after: try time("2020-01-01T00:00:00Z")) == anchor + .seconds(5400))
        #expect(rule.next(after: anchor) == anchor + .seconds(5400))
        #expect(rule.next(after: anchor + .seconds(5400)) == anchor + .seconds(10_800))
        #expect(rule.next(after: anchor + .seconds(5399)) == anchor + .seconds(5400))
        #expect(rule.previous(before: anchor + .seconds(5400)) == nil)
        #expect(rule.previous(before: anchor + .seconds(5401)) == anchor + .seconds(5400))
        #expect(rule.previous(before: anchor + .seconds(10_800)) == anchor + .seconds(5400))
        #expect(rule.count(after: anchor, through: anchor + .seconds(54_000), limit: 100) == 10)
        #expect(rule.count(after: anchor, through: anchor + .seconds(54_000), limit: 3) == 3)
        #expect(rule.count(after: anchor - .seconds(9_000_000), through: anchor, limit: 3) == 0)
    }

    @Test func `The ends of time are no trap`() throws {
        for text in ["* * * * *", "0 0 29 2 */7", "0 0 1 1 *", "@every 1s", "@every 2562047h"] {
            for zone in ["UTC", "Europe/London", "Pacific/Apia", "Asia/Kolkata"] {
                for anchor in [Int64.min, 0, Int64.max] {
                    let rule = try rule(text, zone, anchor: Timestamp(microseconds: anchor))
                    for instant in [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max] {
                        let instant = Timestamp(microseconds: instant)
                        if let next = rule.next(after: instant) { #expect(next > instant) }
                        if let previous = rule.previous(before: instant) { #expect(previous < instant) }
                        _ = rule.count(after: Timestamp(microseconds: .min), through: instant, limit: 10)
                        #expect(!rule.zone.rfc3339(instant).isEmpty && !rule.zone.weekday(instant).isEmpty)
                    }
                }
            }
        }
        #expect(try rule("* * * * *").next(after: time("9999-12-31T23:59:00Z")) == nil)
        #expect(try rule("* * * * *").previous(before: time("0000-01-01T00:00:00Z")) == nil)
        #expect(try rule("* * * * *").next(after: Timestamp(microseconds: .min)) == time("0000-01-01T00:00:00Z"))
        #expect(try rule("* * * * *").previous(before: Timestamp(microseconds: .max)) == time("9999-12-31T23:59:00Z"))
    }

    @Test func `A wildcard whose every minute falls into a gap fires never again`() throws {
        // Sundays that are March 29, between 01:00 and 02:00.
        let rule = try rule("*/5 1 29 3 */7", "Europe/London")
        #expect(rule.next(after: try time("2026-01-01T00:00:00Z")) == nil)
        // Daylight saving began at other times before 1981.
        #expect(rule.previous(before: try time("2026-01-01T00:00:00Z")) == (try time("1970-03-29T00:55:00Z")))
        // Fixed, it fires after the gap.
        let fixed = try CronRule(
            CronExpression("5 1 29 3 */7"), zone: zones.rules("Europe/London"), anchor: Timestamp(seconds: 0))
        #expect(fixed.next(after: try time("2026-01-01T00:00:00Z")) == (try time("2026-03-29T01:00:00Z")))
    }
}
