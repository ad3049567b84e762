import KubernetesModel
import SeededRandom
import Testing
import ZoneInfo

@testable import CronSchedule

/// Writes TZif files, for what the ones of this machine are not.
struct TZifWriter {
    var version: UInt8 = UInt8(ascii: "2")
    var changes: [Int64] = []
    var kinds: [UInt8] = []
    var offsets: [Int32] = [0]
    var leapSeconds = 0
    var footer = "UTC0"

    private func integer(_ value: Int64, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> Int64($0 * 8)) }
    }

    private func block(width: Int, isEmpty: Bool) -> [UInt8] {
        var bytes = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
        let (changes, kinds) = isEmpty ? ([], []) : (changes, kinds)
        let offsets = isEmpty ? [0] : offsets
        let leaps = isEmpty ? 0 : leapSeconds
        for count in [0, 0, leaps, changes.count, offsets.count, 4] { bytes += integer(Int64(count), 4) }
        for change in changes { bytes += integer(change, width) }
        bytes += kinds
        for offset in offsets { bytes += integer(Int64(offset), 4) + [0, 0] }
        bytes += Array("LMT\0".utf8)
        bytes += [UInt8](repeating: 0, count: leaps * (width + 4))
        return bytes
    }

    var bytes: [UInt8] {
        if version == 0 { return block(width: 4, isEmpty: false) }
        return block(width: 4, isEmpty: true) + block(width: 8, isEmpty: false) + Array("\n\(footer)\n".utf8)
    }

    func rules(_ name: String = "Test/Zone") throws -> ZoneRules { try ZoneRules(name: name, tzif: bytes) }
}

/// A footer and what it gives at some instants.
struct FooterRow: Sendable {
    var text: String
    var expected: [(String, Int64)]

    init(_ text: String, _ expected: [(String, Int64)]) { (self.text, self.expected) = (text, expected) }
}

/// Bytes that are refused, and a part of the message.
struct DamagedRow: Sendable {
    var bytes: [UInt8]
    var message: String

    init(_ bytes: [UInt8], _ message: String) { (self.bytes, self.message) = (bytes, message) }
}

@Suite("Zone rules")
struct ZoneRulesTests {
    @Test func `UTC is at nought and writes itself with Z`() throws {
        #expect(ZoneRules.utc.offset(at: try time("2026-05-05T00:00:00Z")) == 0)
        #expect(ZoneRules.utc.rfc3339(try time("2026-05-05T00:00:00Z")) == "2026-05-05T00:00:00Z")
        #expect(ZoneRules.utc.weekday(try time("2026-11-26T23:59:59Z")) == "Thursday")
        #expect(try zones.rules("Asia/Tokyo").weekday(time("2026-11-26T23:59:59Z")) == "Friday")
    }

    @Test func `A file of version 1 is read, and stays where its table ends`() throws {
        let zone = try TZifWriter(version: 0, changes: [-1000, 1000], kinds: [1, 0], offsets: [3600, 7200]).rules()
        #expect(zone.offset(at: Timestamp(seconds: -1001)) == 3600)
        #expect(zone.offset(at: Timestamp(seconds: -1000)) == 7200)
        #expect(zone.offset(at: Timestamp(seconds: 999)) == 7200)
        #expect(zone.offset(at: Timestamp(seconds: 1000)) == 3600)
        #expect(zone.offset(at: Timestamp(seconds: 9_999_999_999)) == 3600)
    }

    @Test func `A change at the beginning of time holds from there`() throws {
        let zone = try TZifWriter(changes: [-(1 << 59), 0], kinds: [1, 0], offsets: [0, 3600]).rules()
        #expect(zone.offset(at: Timestamp(seconds: -60_000_000_000)) == 3600)
        #expect(zone.changes == [0])
    }

    @Test func `What clocks have shown stays shown, over several changes`() throws {
        // 02:00 becomes 03:00, 03:10 becomes 02:10, 02:30 becomes 03:30.
        let zone = try TZifWriter(
            changes: [7200, 7800, 9000], kinds: [1, 0, 1], offsets: [0, 3600], footer: "XXX-1"
        ).rules()
        for (text, expected) in [
            ("0 3 * * *", Int64(7200)), ("30 2 * * *", 7200), ("5 3 * * *", 7500), ("20 3 * * *", 9000),
        ] {
            let rule = CronRule(try CronExpression(text), zone: zone, anchor: Timestamp(seconds: 0))
            #expect(rule.next(after: Timestamp(seconds: 0)) == Timestamp(seconds: expected))
            #expect(rule.count(after: Timestamp(seconds: 0), through: Timestamp(seconds: 40_000), limit: 9) == 1)
            #expect(rule.previous(before: Timestamp(seconds: 40_000)) == Timestamp(seconds: expected))
        }
    }

    @Test func `A slim file goes by its footer`() throws {
        let berlin = try zones.rules("Europe/Berlin")
        let slim = try TZifWriter(
            changes: [846_378_000], kinds: [0], offsets: [3600], footer: "CET-1CEST,M3.5.0,M10.5.0/3"
        ).rules()
        let start = try time("1997-01-01T00:00:00Z").seconds
        let end = try time("2120-01-01T00:00:00Z").seconds
        for second in stride(from: start, to: end, by: 45_000) {
            let instant = Timestamp(seconds: second)
            #expect(slim.offset(at: instant) == berlin.offset(at: instant))
        }
    }

    @Test(
        "Rules for the years after the table",
        arguments: [
            FooterRow("<+0330>-3:30", [("2026-07-01T00:00:00Z", 12_600)]),
            FooterRow(
                "EST5EDT,M3.2.0,M11.1.0", [("2026-07-01T00:00:00Z", -14_400), ("2026-12-01T00:00:00Z", -18_000)]),
            // Days of the year, with and without the leap day.
            FooterRow(
                "AAA0BBB,J60,J61",
                [("2028-03-01T01:59:59Z", 0), ("2028-03-01T02:00:00Z", 3600), ("2028-03-02T01:00:00Z", 0)]
            ),
            FooterRow(
                "AAA0BBB,59,60",
                [("2028-02-29T02:00:00Z", 3600), ("2028-03-01T01:00:00Z", 0), ("2027-03-01T02:00:00Z", 3600)]
            ),
            // Times beyond the day, an offset of its own.
            FooterRow(
                "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", [("2026-03-29T00:59:59Z", -7200), ("2026-03-29T01:00:00Z", -3600)]),
            FooterRow(
                "EET-2EEST,M3.4.4/50,M10.4.4/50", [("2026-03-27T23:59:59Z", 7200), ("2026-03-28T00:00:00Z", 10_800)]),
            FooterRow(
                "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                [("2026-01-01T00:00:00Z", 39_600), ("2026-07-01T00:00:00Z", 37_800)]
            ),
            // Turned round: winter is the saving.
            FooterRow("IST-1GMT0,M10.5.0,M3.5.0/1", [("2026-01-01T00:00:00Z", 0), ("2026-07-01T00:00:00Z", 3600)]),
            // For ever.
            FooterRow(
                "XXX3EDT4,0/0,J365/23",
                [
                    ("2026-01-01T03:00:00Z", -14_400), ("2026-12-31T23:59:59Z", -14_400),
                    ("2027-01-01T04:00:00Z", -14_400),
                ]
            ),
        ])
    func footers(_ row: FooterRow) throws {
        let zone = try TZifWriter(footer: row.text).rules()
        for (instant, offset) in row.expected { #expect(zone.offset(at: try time(instant)) == offset, "\(instant)") }
    }

    @Test(
        "Damaged files are refused, with what is wrong",
        arguments: [
            DamagedRow([], "header"), DamagedRow(Array("TZif".utf8), "header"),
            DamagedRow(Array("nonsense".utf8) + [UInt8](repeating: 0, count: 99), "header"),
            DamagedRow(TZifWriter(version: UInt8(ascii: "1")).bytes, "version"),
            DamagedRow(TZifWriter(leapSeconds: 1).bytes, "leap seconds"),
            DamagedRow(TZifWriter(offsets: []).bytes, "no type"),
            DamagedRow(TZifWriter(offsets: [100_000]).bytes, "an offset of 100000 seconds"),
            DamagedRow(TZifWriter(changes: [5, 5], kinds: [0, 0]).bytes, "do not ascend"),
            DamagedRow(TZifWriter(changes: [5], kinds: [1]).bytes, "a type that is not there"),
            DamagedRow(TZifWriter(footer: "CET-1CEST").bytes, "`CET-1CEST` is no rule"),
            DamagedRow(TZifWriter(footer: "nonsense").bytes, "is no rule"),
            DamagedRow(TZifWriter(footer: "CET-1CEST,M13.1.0,M10.5.0").bytes, "is no rule"),
            DamagedRow(TZifWriter().bytes.dropLast(), "before its last line"),
            DamagedRow(Array(TZifWriter().bytes.prefix(100)), "within the table"),
            DamagedRow(Array("TZif2".utf8) + [UInt8](repeating: 255, count: 99), "a count of"),
        ])
    func damaged(_ row: DamagedRow) {
        let error = #expect(throws: ZoneError.self) { try ZoneRules(name: "Test/Zone", tzif: row.bytes) }
        #expect(error?.message.contains(row.message) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("Test/Zone") == true)
    }

    @Test func `No bytes trap the reader, nor a search in what it read`() throws {
        var random = SeededGenerator(seed: 7)
        let seeds = [
            TZifWriter(
                changes: [-900, 0, 900], kinds: [1, 0, 1], offsets: [0, 3600], footer: "CET-1CEST,M3.5.0,M10.5.0/3"
            ).bytes,
            TZifWriter(version: 0, changes: [0, 900], kinds: [1, 0], offsets: [0, 3600]).bytes,
            TZifWriter(footer: "AAA0BBB-1,J365/167,0/-167").bytes,
        ]
        let expressions = try ["0 2 * * *", "*/15 * * * *", "0 0 29 2 */7"].map { try CronExpression($0) }
        var read = 0
        for _ in 0..<8000 {
            var bytes = random.pick(seeds)
            for _ in 0..<random.pick(1...3) {
                switch random.pick(0...3) {
                case 0: bytes[random.pick(0...(bytes.count - 1))] = UInt8(random.pick(0...255))
                case 1: bytes[random.pick(0...(bytes.count - 1))] ^= 1 << UInt8(random.pick(0...7))
                case 2: bytes.removeLast(random.pick(0...(bytes.count / 2)))
                default: bytes.insert(UInt8(random.pick(0...255)), at: random.pick(0...bytes.count))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            guard let zone = try? ZoneRules(name: "Test/Zone", tzif: bytes) else { continue }
            read += 1
            let rule = CronRule(random.pick(expressions), zone: zone, anchor: Timestamp(seconds: 0))
            let instant = Timestamp(seconds: Int64(random.pick(-5_000_000...4_000_000_000)))
            if let next = rule.next(after: instant) {
                #expect(next > instant)
                #expect(rule.count(after: instant, through: next, limit: 9) == 1)
                #expect(rule.previous(before: next).map { $0 <= instant } ?? true)
            }
            if let previous = rule.previous(before: instant) { #expect(previous < instant) }
        }
        #expect(read > 500)
        for _ in 0..<3000 {
            let bytes = (0..<random.pick(0...200)).map { _ in UInt8(random.pick(0...255)) }
            _ = try? ZoneRules(name: "Test/Zone", tzif: Array("TZif2".utf8) + bytes)
        }
    }

    @Test(.enabled(if: Python.executable != nil, "a Python with zoneinfo is needed"))
    func `Offsets are those of Python's zoneinfo, in all zones from 1850 to 2150`() throws {
        var random = SeededGenerator(seed: 8)
        var questions = ""
        var expected: [(name: String, instant: Timestamp, offset: Int64)] = []
        for name in zones.names {
            let zone = try zones.rules(name)
            // At changes, and anywhere.
            var seconds = (0..<12).map { _ in Int64(random.pick(-3_700_000_000...5_600_000_000)) }
            for _ in 0..<6 where !zone.changes.isEmpty {
                // Python's dates begin in the year 1.
                let change = max(random.pick(zone.changes), -6_000_000_000)
                seconds += [change - 1, change]
            }
            for second in seconds {
                let instant = Timestamp(seconds: second)
                expected.append((name, instant, zone.offset(at: instant)))
                questions += "\(name) \(second)\n"
            }
        }
        let script = """
            import sys, datetime, zoneinfo
            for line in sys.stdin:
                name, second = line.split()
                instant = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=int(second))
                offset = instant.astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
                print(offset.days * 86400 + offset.seconds)
            """
        let answers = try Python.run(script, input: questions)
        #expect(answers.count == expected.count)
        for (answer, row) in zip(answers, expected) {
            #expect(Int64(answer) == row.offset, "\(row.name) at \(row.instant)")
        }
    }

    // MARK: - Names

    @Test func `Every name of the tz database is one`() {
        #expect(zones.names.count > 400)
        for name in zones.names { #expect(ZoneRules.nameProblem(name) == nil) }
    }

    @Test(
        "Names that are none are refused with a hint",
        arguments: [
            ("", "expected a name of the tz database such as Europe/Berlin, or UTC"),
            ("Local", "depends on the machine"), ("localtime", "depends on the machine"),
            ("+02:00", "is an offset"), ("-0530", "is an offset"),
            ("UTC+2", "or Etc/GMT-2 (whose sign is turned round)"), ("GMT-3", "or Etc/GMT+3"),
            ("utc+02:00", "Etc/GMT-2"), ("UTC+0", "is an offset"), ("+5", "Etc/GMT-5"), ("Z", "expected UTC"),
            ("/etc/passwd", "is a path"), ("../Europe/London", "is a path"),
            ("Europe/../Europe/London", "is a path"), ("./UTC", "is a path"), (".hidden", "is a path"),
            ("Europe/", "an empty part"), ("Europe//London", "an empty part"),
            ("America/New York", "expected `_` in place of blanks"), ("Europe/Lond\u{F6}n", "the character"),
            ("EST5EDT,M3.2.0,M11.1.0", "the character `,`"),
            ("Europe/London\u{0}", "the character"), ("europe/london", "expected capitals"),
            ("Europe/london", "expected capitals"), ("posix/Europe/London", "expected capitals"),
            (String(repeating: "A", count: 65), "too long"),
        ])
    func names(_ name: String, _ hint: String) {
        let problem = ZoneRules.nameProblem(name)
        #expect(problem?.contains(hint) == true, "\(problem ?? "")")
        #expect(ZoneRules.nameProblem(name, among: zones.names) != nil)
    }

    @Test(
        "With the names of a database the hint is the name that was meant",
        arguments: [
            ("europe/london", "expected Europe/London"), ("EUROPE/LONDON", "expected Europe/London"),
            ("utc", "expected UTC"), ("America/New York", "expected America/New_York"),
            ("Europe/Lodnon", "did you mean Europe/London?"), ("Berlin", "did you mean Europe/Berlin?"),
            ("Asia/Sydney", "did you mean Australia/Sydney?"),
            ("Mars/Olympus_Mons", "is unknown; expected a name of the tz database"),
        ])
    func nearest(_ name: String, _ hint: String) {
        let problem = ZoneRules.nameProblem(name, among: zones.names)
        #expect(problem?.contains(hint) == true, "\(problem ?? "")")
    }
}
