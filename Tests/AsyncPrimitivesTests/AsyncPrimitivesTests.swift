import AsyncPrimitives
import Testing

@Suite(.timeLimit(.minutes(1))) struct AsyncPrimitivesTests {
    @Test func `Signals that no task waits for are kept as one`() async {
        let signal = AsyncSignal()
        signal.signal()
        signal.signal()
        await signal.wait()
        let waiting = Task { await signal.wait() }
        waiting.cancel()
        await waiting.value
    }

    @Test func `A signal wakes the task that waits`() async {
        let signal = AsyncSignal()
        async let waiting: Void = signal.wait()
        await Task.yield()
        signal.signal()
        await waiting
    }

    @Test func `A latch lets every task go on, before and after it is opened`() async throws {
        let latch = AsyncLatch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { try await latch.wait() } }
            await Task.yield()
            latch.open()
            latch.open()
            try await group.waitForAll()
        }
        try await latch.wait()
        #expect(latch.isOpen)
    }

    @Test func `A task that is cancelled does not wait for the latch`() async {
        let latch = AsyncLatch()
        let waiting = Task { try await latch.wait() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `A latch sends the signal that is attached when it is opened`() async {
        let latch = AsyncLatch()
        let signal = AsyncSignal()
        latch.attach(signal)
        latch.open()
        await signal.wait()
    }

    @Test func `Work on a thread returns and throws`() async throws {
        struct Problem: Error {}
        #expect(try await DetachedThread.run { 7 } == 7)
        await #expect(throws: Problem.self) { try await DetachedThread.run { throw Problem() } }
    }
}
