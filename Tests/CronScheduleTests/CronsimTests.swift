import KubernetesModel
import SeededRandom
import Testing
import ZoneInfo

@testable import CronSchedule

/// The rules beside another reader of cron expressions that follows Debian's cron: cronsim of PyPI.
@Suite(
    "Cron rules beside cronsim",
    .enabled(if: Python.cronsim != nil, "hack/setup.sh --tests makes .venv with cronsim; or set CRONSIM_PYTHON"))
struct CronsimTests {
    /// Reads lines `zone second count expression`, and prints the next instants as seconds.
    private static let script = """
        import sys, datetime, zoneinfo, cronsim
        utc = datetime.timezone.utc
        for line in sys.stdin:
            zone, second, count, expression = line.rstrip("\\n").split(" ", 3)
            start = datetime.datetime.fromtimestamp(int(second), utc).astimezone(zoneinfo.ZoneInfo(zone))
            try:
                it = cronsim.CronSim(expression, start)
                found = []
                for instant in it:
                    found.append(int(instant.timestamp()))
                    if len(found) == int(count): break
                print(*found, ".")
            except cronsim.CronSimError as error:
                print("refused")
        """

    private struct Case {
        var expression: String
        var zone: String
        var second: Int64
        var count = 6

        var line: String { "\(zone) \(second) \(count) \(expression)\n" }
    }

    private func ours(_ item: Case) throws -> String {
        guard let expression = try? CronExpression(item.expression) else { return "refused" }
        let rule = CronRule(expression, zone: try zones.rules(item.zone), anchor: Timestamp(seconds: 0))
        var words: [String] = []
        var instant = Timestamp(seconds: item.second)
        while words.count < item.count, let next = rule.next(after: instant) {
            words.append(String(next.seconds))
            instant = next
        }
        return (words + ["."]).joined(separator: " ")
    }

    @Test func `Generated expressions fire at the same times`() throws {
        var random = SeededGenerator(seed: 4)
        let names = [
            "UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Sydney",
            "Asia/Kolkata", "Asia/Tokyo", "Africa/Casablanca",
            "Africa/Cairo", "Pacific/Auckland", "America/Sao_Paulo", "Australia/Lord_Howe", "Australia/Lord_Howe",
            "Pacific/Apia",
        ]
        var cases: [Case] = []
        for _ in 0..<1500 {
            let zone = random.pick(names)
            var second = Int64(random.pick(1_577_836_800...2_000_000_000))
            if random.chance(0.5), let change = try zones.rules(zone).changes.last(where: { $0 < second }) {
                second = change + Int64(random.pick(-1600...100) * 60)
            }
            let drawn = RandomExpression(&random, dense: random.chance(0.5))
            guard drawn.isFixed ? try !isInRepeat(second, zone) : !Self.notForWildcards.contains(zone) else { continue }
            cases.append(Case(expression: drawn.text, zone: zone, second: second))
        }
        let theirs = try Python.run(Self.script, input: cases.map(\.line).joined(), with: Python.cronsim)
        try #require(theirs.count == cases.count)
        for (answer, item) in zip(theirs, cases) {
            let mine = try ours(item)
            #expect(mine == answer, "\(item.expression) in \(item.zone) after \(Timestamp(seconds: item.second))")
        }
    }

    /// Where cronsim loses or invents wildcards: rows `lost` and `invented` below.
    private static let notForWildcards = ["Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Pacific/Apia"]

    /// Whether the clock of the zone shows a time for the second time: row `past` below.
    private func isInRepeat(_ second: Int64, _ zone: String) throws -> Bool {
        let segment = try zones.rules(zone).segment(at: second)
        return second + segment.offset < segment.high
    }

    /// Both answers to one question, and why they are not the same.
    struct Disagreement: Sendable {
        var expression: String
        var zone: String
        var after: String
        var ours: [String]
        var theirs: [String]
        var why: String
    }

    @Test(
        "Every disagreement is a known one",
        arguments: [
            Disagreement(
                expression: "30 1 * * *", zone: "America/New_York", after: "2026-11-01T06:00:00Z",
                ours: ["2026-11-02T06:30:00Z"],
                theirs: ["2026-11-01T05:30:00Z"],
                why: "past: from within the second pass cronsim gives a time before the start"),
            Disagreement(
                expression: "*/15 22 * * *", zone: "Australia/Lord_Howe", after: "2026-10-03T14:00:00Z",
                ours: ["2026-10-04T11:00:00Z"],
                theirs: ["2026-10-04T11:30:00Z"],
                why:
                    "lost: cronsim goes by whole hours from the gap's end at 02:30, and misses real minutes of that day"
            ),
            Disagreement(
                expression: "0 */17 8 9 *", zone: "America/Santiago", after: "2030-09-07T12:00:00Z",
                ours: ["2030-09-08T20:00:00Z"],
                theirs: ["2030-09-08T04:00:00Z"],
                why: "invented: cronsim takes the midnight that is not there for a real one, and fires at 01:00"),
            Disagreement(
                expression: "5-5/20 * * * *", zone: "UTC", after: "2026-01-01T00:05:00Z",
                ours: ["2026-01-01T01:05:00Z"],
                theirs: ["2026-01-01T00:25:00Z"], why: "cronsim takes a range of one value for N/step"),
            Disagreement(
                expression: "0 0 L * *", zone: "UTC", after: "2026-01-01T00:00:00Z", ours: ["refused"],
                theirs: ["2026-01-31T00:00:00Z"],
                why: "L, W and # are not of cron"),
            Disagreement(
                expression: "0 0 ? * *", zone: "UTC", after: "2026-01-01T00:00:00Z", ours: ["2026-01-02T00:00:00Z"],
                theirs: ["refused"],
                why: "Kubernetes' CronJob takes ? for *"),
            Disagreement(
                expression: "@daily", zone: "UTC", after: "2026-01-01T00:00:00Z", ours: ["2026-01-02T00:00:00Z"],
                theirs: ["refused"],
                why: "cronsim has no macros"),
            Disagreement(
                expression: "0 0 0 1 1 *", zone: "UTC", after: "2026-01-01T00:00:00Z", ours: ["refused"],
                theirs: ["2027-01-01T00:00:00Z"],
                why: "cronsim has a field for seconds"),
        ])
    func disagreements(_ row: Disagreement) throws {
        let item = Case(
            expression: row.expression, zone: row.zone, second: try time(row.after).seconds, count: row.ours.count)
        func words(_ times: [String]) throws -> String {
            if times == ["refused"] { return "refused" }
            return (try times.map { String(try time($0).seconds) } + ["."]).joined(separator: " ")
        }
        #expect(try ours(item) == words(row.ours), "\(row.why)")
        #expect(
            try Python.run(Self.script, input: item.line, with: Python.cronsim).first == words(row.theirs), "\(row.why)"
        )
    }
}
