import Testing

@testable import CEL

struct TimeTests {
    @Test(arguments: [
        ("timestamp('2026-01-31T12:34:56Z')", "2026-01-31T12:34:56Z"),
        ("timestamp('2026-01-31t12:34:56z')", "2026-01-31T12:34:56Z"),
        ("timestamp('2026-01-31T12:34:56.120Z')", "2026-01-31T12:34:56.12Z"),
        ("timestamp('2026-01-31T12:34:56.1234567899Z')", "2026-01-31T12:34:56.123456789Z"),
        ("timestamp('2026-01-31T00:30:00+02:00')", "2026-01-30T22:30:00Z"),
        ("timestamp('2024-02-29T00:00:00-00:30')", "2024-02-29T00:30:00Z"),
        ("timestamp(0)", "1970-01-01T00:00:00Z"), ("timestamp(-1)", "1969-12-31T23:59:59Z"),
        ("timestamp(-62135596800)", "0001-01-01T00:00:00Z"), ("timestamp(253402300799)", "9999-12-31T23:59:59Z"),
        ("timestamp(-62135596801)", "evaluation error"), ("timestamp(253402300800)", "evaluation error"),
        ("timestamp('0001-01-01T00:00:00+00:01')", "evaluation error"),
        ("timestamp('10000-01-01T00:00:00Z')", "evaluation error"),
        ("timestamp('2023-02-29T00:00:00Z')", "evaluation error"),
        ("timestamp('1900-02-29T00:00:00Z')", "evaluation error"),
        ("timestamp('2000-02-29T00:00:00Z')", "2000-02-29T00:00:00Z"),
        ("timestamp('2026-13-01T00:00:00Z')", "evaluation error"),
        ("timestamp('2026-04-31T00:00:00Z')", "evaluation error"),
        ("timestamp('2026-01-01T24:00:00Z')", "evaluation error"),
        ("timestamp('2026-01-01T00:00:00')", "evaluation error"), ("timestamp('2026-01-01')", "evaluation error"),
        ("timestamp('2026-01-01T00:00:00.Z')", "evaluation error"), ("timestamp('')", "evaluation error"),
        ("timestamp(1.5)", "type error"),
    ])
    func `A timestamp is read from RFC 3339 or seconds, of the years 1 to 9999`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("duration('1h30m')", "5400s"), ("duration('1.5s')", "1.5s"), ("duration('-1.5h')", "-5400s"),
        ("duration('+10ms')", "0.01s"),
        ("duration('1us')", "0.000001s"), ("duration('1µs')", "0.000001s"), ("duration('100ns')", "0.0000001s"),
        ("duration('0')", "0s"),
        ("duration('.5s')", "0.5s"), ("duration('1.s')", "1s"),
        ("duration('9223372036854775807ns')", "9223372036.854775807s"),
        ("duration('-9223372036854775808ns')", "-9223372036.854775808s"),
        ("duration('9223372036854775808ns')", "evaluation error"),
        ("duration('320000000000s')", "evaluation error"), ("duration('99999999999999999999s')", "evaluation error"),
        ("duration('')", "evaluation error"), ("duration('1')", "evaluation error"),
        ("duration('s')", "evaluation error"),
        ("duration('.s')", "evaluation error"), ("duration('1d')", "evaluation error"),
        ("duration('1s ')", "evaluation error"),
        ("duration('--1s')", "evaluation error"), ("duration(1)", "type error"),
    ])
    func `A duration is read as Go writes it, within 64 bits of nanoseconds`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("timestamp(0) + duration('1m')", "1970-01-01T00:01:00Z"),
        ("duration('1m') + timestamp(0)", "1970-01-01T00:01:00Z"),
        ("timestamp(0) - duration('1ns')", "1969-12-31T23:59:59.999999999Z"), ("timestamp(60) - timestamp(0)", "60s"),
        ("timestamp('1970-01-01T00:00:00.9Z') + duration('0.2s')", "1970-01-01T00:00:01.1Z"),
        ("timestamp(0) - timestamp('1970-01-01T00:00:00.5Z')", "-0.5s"), ("duration('1m') + duration('1s')", "61s"),
        ("duration('1m') - duration('1s')", "59s"), ("timestamp(253402300799) + duration('1s')", "evaluation error"),
        ("timestamp(-62135596800) - duration('1ns')", "evaluation error"),
        ("timestamp(4102444800) - timestamp(0)", "4102444800s"),
        ("timestamp(253402300799) - timestamp(-62135596800)", "evaluation error"),
        ("duration('9223372036854775807ns') + duration('1ns')", "evaluation error"),
        ("duration('-9223372036854775807ns') - duration('2ns')", "evaluation error"),
        ("timestamp(0) + timestamp(0)", "type error"), ("duration('1s') - timestamp(0)", "type error"),
        ("duration('1s') * 2", "type error"), ("timestamp(0) + 1", "type error"),
        ("dyn(duration('1s')) - dyn(timestamp(0))", "type error"),
        ("timestamp(0) == timestamp('1970-01-01T01:00:00+01:00')", "true"),
        ("duration('60s') == duration('1m')", "true"),
        ("timestamp(0) == duration('0')", "type error"), ("dyn(timestamp(0)) == duration('0')", "false"),
    ])
    func `Times and spans add up`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("getFullYear()", "2009"), ("getMonth()", "1"), ("getDate()", "13"), ("getDayOfMonth()", "12"),
        ("getDayOfWeek()", "5"),
        ("getDayOfYear()", "43"), ("getHours()", "23"), ("getMinutes()", "31"), ("getSeconds()", "30"),
        ("getMilliseconds()", "123"),
        ("getDate('+11:00')", "14"), ("getHours('02:00')", "1"), ("getMinutes('-02:45')", "46"),
        ("getHours('UTC')", "23"),
        ("getFullYear('-09:30')", "2009"), ("getDayOfWeek('+01:00')", "6"), ("getSeconds('-00:00')", "30"),
        ("getHours('Europe/Berlin')", "evaluation error"), ("getHours('+2:00')", "evaluation error"),
        ("getHours('+25:00')", "evaluation error"),
        ("getHours(1)", "type error"), ("getHours('UTC', 'UTC')", "type error"),
    ])
    func `A timestamp has its parts, in UTC or at an offset`(call: String, expected: String) {
        #expect(outcome("timestamp('2009-02-13T23:31:30.123456Z').\(call)") == expected)
    }

    @Test(arguments: [
        ("duration('3730.5s').getHours()", "1"), ("duration('3730.5s').getMinutes()", "62"),
        ("duration('3730.5s').getSeconds()", "3730"),
        ("duration('3730.5s').getMilliseconds()", "500"), ("duration('-90s').getMinutes()", "-1"),
        ("duration('1s').getDate()", "type error"), ("duration('1s').getHours('UTC')", "type error"),
        ("getHours(duration('1s'))", "type error"),
        ("dyn(duration('1s')).getFullYear()", "type error"), ("dyn(1).getHours()", "type error"),
    ])
    func `A duration is had in whole units`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test
    func `Every day of the calendar is written and read back`() throws {
        var date = try #require(CELTimestamp("1896-01-01T00:00:00Z"))
        var previous = CivilTime(seconds: date.seconds - 86_400)
        while date.seconds < 1_800_000_000 {
            let civil = CivilTime(seconds: date.seconds)
            let isRight =
                CELTimestamp(date.description) == date && civil.dayOfWeek == (previous.dayOfWeek + 1) % 7
                && civil.dayOfYear == (civil.year == previous.year ? previous.dayOfYear + 1 : 0)
            if !isRight { Issue.record("\(date): \(civil)") }
            previous = civil
            date = try #require(CELTimestamp(seconds: date.seconds + 86_400))
        }
    }
}
