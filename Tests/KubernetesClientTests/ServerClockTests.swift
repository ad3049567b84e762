import Clocks
import KubernetesModel
import LoopbackTesting
import Testing

@testable import KubernetesClient

/// O12: verdicts by time on what the API server has dated are made by its clock.
@Suite(.timeLimit(.minutes(1)))
struct ServerClockTests {
    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00Z"),
        ("Tue, 29 Feb 2028 23:59:59 GMT", "2028-02-29T23:59:59Z"), ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("", nil),
        ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("Sun, 31 Feb 1994 08:49:37 GMT", nil),
        ("Sun, 06  1994 08:49:37 GMT", nil),
    ])
    func `The date of an answer is read, and any other text is none`(text: String, expected: String?) {
        #expect(Timestamp(httpDate: text)?.rfc3339 == expected)
    }

    @Test func `A difference is what neither the way nor the whole seconds explain`() {
        let clock = ServerClock()
        let start = Timestamp(seconds: 1_800_000_000)
        func hear(_ ahead: Duration, at now: Timestamp, took: Duration = .milliseconds(100)) -> Duration? {
            let date = (now + ahead).wholeSecond
            return clock.observe(date: Self.text(date), sent: now - took, answered: now)
        }
        for milliseconds in stride(from: 0, to: 3000, by: 100) {
            #expect(hear(.zero, at: start + .milliseconds(milliseconds)) == nil)
            #expect(hear(.milliseconds(-900), at: start + .milliseconds(milliseconds)) == nil)
        }
        #expect(clock.difference == .zero)
        #expect(hear(.seconds(3600), at: start, took: .seconds(9)) == nil, "it took too long to say anything")
        let ahead = hear(.seconds(3600), at: start)
        #expect(ahead.map { $0 > .seconds(3599) && $0 < .seconds(3601) } == true && clock.difference == ahead)
        for milliseconds in stride(from: 0, to: 3000, by: 100) {
            #expect(hear(.seconds(3600), at: start + .milliseconds(milliseconds)) == nil, "it does not wander")
        }
        #expect(hear(.seconds(-7200), at: start).map { $0 > .seconds(-7201) && $0 < .seconds(-7199) } == true)
        #expect(hear(.zero, at: start) == .zero && clock.difference == .zero)
    }

    @Test func `The clock of a client's server goes as its answers say`() async throws {
        let server = try ScriptedServer(.init(200, headers: ["Date": "Thu, 01 Jan 1970 02:00:00 GMT"]))
        let test = try TestClient(server.url)
        // The clock of the test stands at the beginning of 1970.
        let base = NotingClock()
        let clock = ServerSideClock(test.client, base: base)
        #expect(clock.now == base.now)
        _ = try await test.client.request("GET", "/version")
        #expect(test.client.clockDifference > .seconds(7199) && test.client.clockDifference < .seconds(7202))
        #expect(clock.now == base.now + test.client.clockDifference)
        #expect(clock.monotonic == base.monotonic)
    }

    private static func text(_ time: Timestamp) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = time.rfc3339.split { "-TZ".contains($0) }
        return "Mon, \(parts[2]) \(months[(Int(parts[1]) ?? 1) - 1]) \(parts[0]) \(parts[3]) GMT"
    }
}
