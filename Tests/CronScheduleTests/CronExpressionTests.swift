import SeededRandom
import Testing

@testable import CronSchedule

@Suite("Cron expressions")
struct CronExpressionTests {
    private func fields(_ text: String) throws -> CronFields {
        let expression = try CronExpression(text)
        guard case .fields(let fields) = expression.plan else {
            throw CronError(position: 0, message: "not five fields")
        }
        return fields
    }

    private func numbers(_ set: UInt64) -> [Int] { (0..<64).filter { set & (1 << UInt64($0)) != 0 } }

    @Test(
        "A minute is read as Debian's cron reads it",
        arguments: [
            ("5", [5]), ("05", [5]), ("1,2,59", [1, 2, 59]), ("10-13", [10, 11, 12, 13]), ("*/15", [0, 15, 30, 45]),
            ("?/15", [0, 15, 30, 45]), ("50/4", [50, 54, 58]), ("10-20/5", [10, 15, 20]), ("*/90", [0]), ("7/60", [7]),
            ("3-9/99999999999999999999", [3]), ("5-5", [5]), ("5-5/2", [5]), ("1,1,1-2", [1, 2]), ("0-59/59", [0, 59]),
        ])
    func minutes(_ text: String, _ expected: [Int]) throws {
        #expect(numbers(try fields("\(text) * * * *").minutes) == expected)
    }

    @Test(
        "A day of the week is 0 to 7 or a name, Sunday is 0 and 7",
        arguments: [
            ("0", [0]), ("7", [0]), ("SUN", [0]), ("sat", [6]), ("MON-FRI", [1, 2, 3, 4, 5]), ("FRI-7", [0, 5, 6]),
            ("5-7", [0, 5, 6]), ("0-7", [0, 1, 2, 3, 4, 5, 6]), ("1-7/2", [0, 1, 3, 5]), ("1/2", [0, 1, 3, 5]),
            ("*/2", [0, 2, 4, 6]), ("*/7", [0]), ("Mon,wEd", [1, 3]), ("MON/3", [0, 1, 4]), ("7,1", [0, 1]),
        ])
    func weekdays(_ text: String, _ expected: [Int]) throws {
        #expect(numbers(try fields("* * * * \(text)").weekdays) == expected)
    }

    @Test func `Months are 1 to 12 or names`() throws {
        #expect(numbers(try fields("0 0 1 JAN,mar-MAY,12 *").months) == [1, 3, 4, 5, 12])
        #expect(numbers(try fields("0 0 1 NOV/1 *").months) == [11, 12])
    }

    @Test func `A field that begins with a star is not restricted, one that holds a star is`() throws {
        let first = try fields("*/5 ?/2 *,3 * *")
        #expect(first.hasStarMinute && first.hasStarHour && first.hasStarDay && first.hasStarWeekday)
        let second = try fields("5,* 1,* 3,* * 1,*")
        #expect(!second.hasStarMinute && !second.hasStarHour && !second.hasStarDay && !second.hasStarWeekday)
    }

    @Test func `Blanks before, between and after the fields do not count, and the text is kept`() throws {
        let expression = try CronExpression("  0\t12  * *   1 ")
        #expect(expression.text == "  0\t12  * *   1 ")
        #expect(try fields(expression.text) == fields("0 12 * * 1"))
    }

    @Test(
        "Macros are five fields",
        arguments: [
            ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"), ("@weekly", "0 0 * * 0"),
            ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@hourly", "0 * * * *"),
        ])
    func macros(_ macro: String, _ same: String) throws { #expect(try fields(macro) == fields(same)) }

    @Test(
        "@every takes a duration of Go in whole seconds",
        arguments: [
            ("@every 90m", Duration.seconds(5400)), ("@every 1h30m", .seconds(5400)), ("@every  1s", .seconds(1)),
            ("@every 1.5m", .seconds(90)), ("@every 1000ms", .seconds(1)), ("@every 8760h", .seconds(31_536_000)),
        ])
    func every(_ text: String, _ expected: Duration) throws { #expect(try CronExpression(text).every == expected) }

    @Test(
        "What is refused is refused at its character, with what was expected",
        arguments: [
            ("", 0, "expected five fields"), ("   ", 0, "expected five fields"),
            ("* * * *", 7, "the day of week is missing"), ("5", 1, "1 field; expected five"),
            ("0 * * * * *", 10, "no field for seconds"), ("0 * * * * * 2026", 10, "7 fields"),
            ("TZ=UTC 0 0 * * *", 0, "names a zone"), ("CRON_TZ=UTC 0 0 * * *", 0, "names a zone"),
            ("60 * * * *", 0, "`60` is no minute; expected 0 to 59"), ("0 24 * * *", 2, "expected 0 to 23"),
            ("0 0 0 * *", 4, "expected 1 to 31"), ("0 0 32 * *", 4, "expected 1 to 31"),
            ("0 0 1 13 *", 6, "expected 1 to 12 or JAN to DEC"), ("0 0 1 0 *", 6, "expected 1 to 12"),
            ("0 0 * * 8", 8, "expected 0 to 7 or SUN to SAT"), ("0 0 * * 1-8", 10, "expected 0 to 7"),
            ("99999999999999999999 * * * *", 0, "is no minute"), ("-1 * * * *", 0, "is no minute"),
            ("+1 * * * *", 0, "is no minute"), ("1.5 * * * *", 1, "`.5` in the minute"),
            ("x * * * *", 0, "`x` is no minute"),
            (",1 * * * *", 0, "an empty item"), ("1, * * * *", 2, "an empty item"),
            ("1,,2 * * * *", 2, "an empty item"),
            (", * * * *", 0, "an empty item"), ("1- * * * *", 2, "nothing after `-`"),
            ("1-2-3 * * * *", 3, "in the minute"),
            ("*/ * * * *", 2, "expected a step"), ("*/0 * * * *", 2, "a step of 0"), ("5/00 * * * *", 2, "a step of 0"),
            ("*/-5 * * * *", 2, "expected a step"), ("*/5/5 * * * *", 3, "`/5` in the minute"),
            ("*/x * * * *", 2, "expected a step"),
            ("*5 * * * *", 1, "`5` in the minute"), ("** * * * *", 1, "in the minute"),
            ("*-5 * * * *", 1, "in the minute"),
            ("30-10 * * * *", 0, "goes down; expected it to go up: 30-59,0-10"), ("0 22-4 * * *", 2, "22-23,0-4"),
            ("1,30-10 * * * *", 2, "goes down"), ("0 0 * OCT-MAR *", 6, "OCT-12,1-MAR"),
            ("0 0 * * FRI-SUN", 8, "expected it to go up: FRI-7"), ("0 0 * * SAT-MON", 8, "SAT-7,1-MON"),
            ("0 0 * * 5-1", 8, "5-7,1-1"),
            ("0 0 * * MONDAY", 8, "names of three letters, such as MON"), ("0 0 * March *", 6, "such as MAR"),
            ("0 0 * * MOX", 8, "`MOX` is no day of week"), ("0 0 MON * *", 4, "`MON` is no day of month"),
            ("MON * * * *", 0, "`MON` is no minute"), ("0 0 * MON *", 6, "`MON` is no month"),
            ("0 0 * * 2ND", 8, "`2ND`"),
            ("0 0 L * *", 4, "L, W and # are not of cron"), ("0 0 15W * *", 4, "L, W and #"),
            ("0 0 * * 5L", 8, "L, W and #"),
            ("0 0 * * 1#2", 8, "L, W and #"), ("0 0 * * FRIL", 8, "L, W and #"),
            ("0 0 31 2 *", 4, "February has no day 31, so this never fires; expected a day up to 29"),
            ("0 0 30,31 feb *", 4, "no day 30"),
            ("0 0 31 4,6,9,11 *", 4, "April, June, September and November have no day 31"),
            ("0 0 31 2 */2", 4, "never fires"), ("0 0 31 2 ?", 4, "never fires"), ("  0 0 30 2 *", 6, "never fires"),
            ("@Hourly", 0, "expected @hourly, in lower case"), ("@EVERY 5m", 0, "expected @every, in lower case"),
            ("@fortnightly", 0, "is no macro; expected @yearly"), ("@", 0, "is no macro"),
            ("@reboot", 0, "expected a schedule of times"),
            ("@daily 5", 7, "after @daily; expected nothing"), ("@every", 6, "has no duration"),
            ("@every ", 7, "has no duration"),
            ("@every 5", 7, "is no duration"), ("@every soon", 7, "is no duration"),
            ("@every 0s", 7, "is not positive"),
            ("@every -5m", 7, "is not positive"), ("@every 1500ms", 7, "fraction of a second"),
            ("@every 1.5s", 7, "whole seconds"),
            ("@every 1h 30m", 10, "without blanks"), ("@every 9999999999h", 7, "is no duration"),
            ("0 0 * * *\n", 9, "`\\n` in the day of week"), ("０ 0 * * *", 0, "is no minute"),
            ("é * * * *", 0, "is no minute"),
        ])
    func refusals(_ text: String, _ position: Int, _ message: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(text) }
        #expect(error?.position == position)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        #expect(error?.description == "\(error?.message ?? "") (at character \(position + 1))")
    }

    @Test func `A day that the month has not is void where days of the week are there too`() throws {
        _ = try CronExpression("0 0 31 2 1")
        _ = try CronExpression("0 0 29 2 *")
    }

    @Test(
        "An expression reads as English",
        arguments: [
            ("30 2 * * 1-5", "at 02:30 on weekdays"), ("30 2 * * *", "at 02:30 every day"),
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"), ("0 * * * *", "every hour"), ("@hourly", "every hour"),
            ("30 * * * *", "at minute 30 of every hour"), ("5,10 * * * *", "at minutes 5 and 10 of every hour"),
            ("*/7 * * * *", "at minutes 0, 7, ..., 56 of every hour"), ("0 */2 * * *", "every 2 hours"),
            ("15 */2 * * *", "at minute 15 of every 2 hours"),
            ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
            ("0 8-17 * * 1-5", "every hour from 08:00 to 17:00 on weekdays"),
            ("*/10 8-17 * * 1-5", "every 10 minutes from 08:00 to 17:59 on weekdays"),
            ("* 3 * * *", "every minute from 03:00 to 03:59"),
            ("*/15 2,4 * * *", "every 15 minutes of the hours 2 and 4"),
            ("*/20 */4 * * *", "every 20 minutes in every 4th hour from 00:00"),
            ("0 9,17 * * 6,0", "at 09:00 and 17:00 on weekends"),
            ("0 0 * * MON,WED,FRI", "at 00:00 on Monday, Wednesday and Friday"),
            ("0 0 * * FRI-7", "at 00:00 on Friday to Sunday"), ("@weekly", "at 00:00 on Sunday"),
            ("@monthly", "at 00:00 on day 1 of the month"),
            ("@yearly", "at 00:00 on 1 January"), ("0 0 29 2 *", "at 00:00 on 29 February"),
            ("0 0 1,15 * *", "at 00:00 on days 1 and 15 of the month"),
            ("0 0 1 1,7 *", "at 00:00 on day 1 of the month in January and July"),
            ("0 0 13 * 5", "at 00:00 on day 13 of the month and on every Friday"),
            ("0 0 1 * 1-5", "at 00:00 on day 1 of the month and on all weekdays"),
            ("0 0 29 2 1", "at 00:00 on 29 February and on every Monday in February"),
            ("0 0 */2 * 1", "at 00:00 on Monday if it is day 1, 3, ..., 31 of the month"),
            ("0 0 * 3-5 *", "at 00:00 every day in March to May"), ("*/5 * * 12 *", "every 5 minutes in December"),
            ("@every 90m", "every 1 hour 30 minutes"), ("@every 60m", "every hour"), ("@every 45s", "every 45 seconds"),
            ("@every 36h", "every 1 day 12 hours"),
        ])
    func english(_ text: String, _ expected: String) throws { #expect(try CronExpression(text).english == expected) }

    @Test func `No text traps, and each is read or refused within itself`() throws {
        var random = SeededGenerator(seed: 6)
        let pieces = [
            "*", "?", "/", "-", ",", " ", "\t", "0", "7", "31", "60", "MON", "feb", "@every", "@daily", "1h", "L", "#",
            "é", "\n", "\u{0}", "9999999999",
        ]
        for _ in 0..<20_000 {
            let text = (0..<random.pick(0...12)).map { _ in random.pick(pieces) }.joined()
            do {
                let expression = try CronExpression(text)
                #expect(!expression.english.isEmpty)
            } catch {
                #expect((0...text.count).contains(error.position), "\(text)")
                #expect(error.message.contains("expected"), "\(text): \(error.message)")
            }
        }
    }
}
