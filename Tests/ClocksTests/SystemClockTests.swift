import Clocks
import KubernetesModel
import Testing

@Suite struct SystemClockTests {
    @Test func `The monotonic time goes on and the calendar's is this century's`() {
        let clock = SystemClock()
        let first = clock.monotonic
        #expect(clock.monotonic >= first)
        #expect(clock.now > Timestamp(rfc3339: "2025-01-01T00:00:00Z") ?? Timestamp(seconds: .max / 1_000_000))
    }

    @Test(arguments: [Duration.seconds(Int64.max), .seconds(3600)])
    func `A sleep of any length ends when its task is cancelled`(duration: Duration) async {
        let task = Task { try await SystemClock().sleep(for: duration) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `A sleep of no length is over at once, unless the task is cancelled`() async throws {
        try await SystemClock().sleep(for: .zero)
        try await SystemClock().sleep(for: .seconds(-1))
    }
}
