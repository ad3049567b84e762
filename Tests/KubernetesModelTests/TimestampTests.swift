import KubernetesModel
import SeededRandom
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-24T01:02:03Z", 1_795_482_123), ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("0000-03-01T00:00:00Z", -62_162_035_200), ("2026-01-01T02:30:00+02:30", 1_767_225_600),
        ("1969-12-31T23:59:59-00:00", -1),
    ])
    func `RFC 3339 is read with any offset`(text: String, seconds: Int64) {
        #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds))
    }

    @Test func `Writing and reading gives the same instant`() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let time = Timestamp(
                microseconds: Int64.random(in: -62_000_000_000_000_000...253_000_000_000_000_000, using: &generator))
            #expect(Timestamp(rfc3339: time.rfc3339Micro) == time)
            #expect(Timestamp(rfc3339: time.rfc3339) == time.wholeSecond)
        }
    }

    @Test(arguments: [
        "", "2026", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+1:00",
    ])
    func `Anything else is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}
