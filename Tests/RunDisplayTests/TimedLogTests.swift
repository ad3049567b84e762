import KubernetesModel
import RunDisplay
import Testing

/// A log that is read over connections that break.
@Suite struct TimedLogTests {
    private struct Line {
        var nanoseconds: Int
        var text: String

        var stamp: String {
            let digits = String(nanoseconds)
            return "2026-01-02T03:04:05." + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
        }
    }

    /// Several lines in one microsecond, two with one time, an empty one, a time as text; the last has no end.
    private static let lines = [
        Line(nanoseconds: 1_000, text: "a"), Line(nanoseconds: 1_200, text: "b"), Line(nanoseconds: 1_200, text: "b"),
        Line(nanoseconds: 2_000, text: ""), Line(nanoseconds: 2_000, text: "2026-01-02T03:04:05.000000001Z c"),
        Line(nanoseconds: 9_000_000, text: " d"), Line(nanoseconds: 9_000_001, text: "größe"),
        Line(nanoseconds: 10_000_000, text: "end"),
    ]

    /// What a server answers: lines since then, of those that are still there.
    private static func served(_ lines: some Sequence<Line>, since: Timestamp?) -> [UInt8] {
        let chosen = lines.filter { line in since.map { (Timestamp(rfc3339: line.stamp) ?? $0) >= $0 } ?? true }
        return Array(chosen.map { "\($0.stamp) \($0.text)" }.joined(separator: "\n").utf8)
    }

    private static let all = lines.map(\.text).joined(separator: "\n")

    /// A server may heed whole seconds only.
    @Test(arguments: [false, true])
    func `A log is read whole wherever two connections break, and whatever pieces arrive`(heedsSeconds: Bool) {
        for first in 0...Self.served(Self.lines, since: nil).count {
            for second in [0, 1, 20, 33, 34, 70, 1_000] {
                for piece in [1, 7, 1_000] {
                    var log = TimedLog()
                    var read: [UInt8] = []
                    for limit in [first, second, .max] {
                        log.reconnect()
                        let since = heedsSeconds ? log.since?.wholeSecond : log.since
                        var rest = Self.served(Self.lines, since: since).prefix(limit)
                        while !rest.isEmpty {
                            read += log.feed(Array(rest.prefix(piece)))
                            rest = rest.dropFirst(piece)
                        }
                    }
                    read += log.finish()
                    let text = String(decoding: read, as: UTF8.self)
                    #expect(text == Self.all, "breaks after \(first) and \(second), pieces of \(piece)")
                }
            }
        }
    }

    @Test func `Nothing is missed or repeated when the files that were read are gone`() {
        for gone in 1..<Self.lines.count {
            var log = TimedLog()
            log.reconnect()
            // Read as far as the lines that are deleted then, which end with a microsecond.
            guard Self.lines[gone].nanoseconds / 1_000 > Self.lines[gone - 1].nanoseconds / 1_000 else { continue }
            let before = Self.served(Self.lines[..<gone], since: nil) + [0x0A]
            var read = log.feed(before)
            log.reconnect()
            read += log.feed(Self.served(Self.lines[gone...], since: log.since)) + log.finish()
            #expect(String(decoding: read, as: UTF8.self) == Self.all, "without the first \(gone)")
        }
    }

    @Test func `A line whose rest is gone does not run into the next one`() {
        var log = TimedLog()
        var read = log.feed(Array("\(Self.lines[5].stamp) half".utf8))
        log.reconnect()
        read += log.feed(Self.served(Self.lines[7...], since: log.since))
        #expect(String(decoding: read, as: UTF8.self) == "half\nend")
    }

    @Test func `What follows a clock that was put back is not asked for by time`() {
        var log = TimedLog()
        let served = "2026-01-02T03:04:06Z later\n2026-01-02T03:04:05Z earlier\n"
        _ = log.feed(Array(served.utf8.prefix(27)))
        #expect(log.since?.rfc3339 == "2026-01-02T03:04:06Z")
        _ = log.feed(Array(served.utf8.dropFirst(27)))
        #expect(log.since == nil)
        log.reconnect()
        let more = log.feed(Array((served + "2026-01-02T03:04:07Z new\n").utf8))
        #expect(String(decoding: more, as: UTF8.self) == "new\n")
    }

    @Test(arguments: [
        "2026-01-02T03:04:06Z later\n2026-01-02T03:04:05Z earlier\n2026-01-02T03:04:05Z last\n",
        "no time\n2026-01-02T03:04:05Z a\n2026-01-02T03:04:05Z b\n",
        "word\n\n" + String(repeating: "x", count: 100) + "\n",
    ])
    func `Where the clock was put back, or lines have no times, all lines are counted`(served: String) {
        var whole = TimedLog()
        let expected = whole.feed(Array(served.utf8)) + whole.finish()
        #expect(!expected.isEmpty)
        for cut in 0...served.utf8.count {
            var log = TimedLog()
            var read = log.feed(Array(served.utf8.prefix(cut)))
            log.reconnect()
            let since = log.since?.rfc3339
            read += log.feed(
                Array(
                    served.split(separator: "\n", omittingEmptySubsequences: false)
                        .filter { line in since.map { line.prefix(20) >= $0 } ?? true }.joined(separator: "\n").utf8))
            read += log.finish()
            // Over a clock that is put back while nobody listens no server can tell what is new.
            guard since == nil || !served.hasPrefix("2026") else { continue }
            #expect(read == expected, "cut after \(cut): \(String(decoding: read, as: UTF8.self))")
        }
    }
}
