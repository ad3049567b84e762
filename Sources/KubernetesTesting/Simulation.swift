public import KubernetesRuntime
import SeededRandom
import Synchronization

/// Runs tasks on one thread, in an order that a seed decides, with a clock that jumps to the next sleeper when nothing
/// else is left to do: real concurrent code, the same every time.
///
/// Only code that keeps to structured concurrency stays inside; a bare `Task { }` runs elsewhere.
public final class Simulation: Sendable {
    /// The clock of everything inside.
    public let clock: ManualClock
    private let executor = Executor()
    private let generator: Mutex<SeededGenerator>

    /// A simulation whose choices follow from the seed.
    public init(seed: UInt64, clock: ManualClock = ManualClock()) {
        self.clock = clock
        generator = Mutex(SeededGenerator(seed: seed))
    }

    /// Random numbers in 0..<1 that follow from the seed.
    public var random: RandomSource {
        { [self] in generator.withLock { Double.random(in: 0..<1, using: &$0) } }
    }

    /// A random integer that follows from the seed.
    public func random(in range: Range<Int>) -> Int { generator.withLock { Int.random(in: range, using: &$0) } }

    /// Starts a task inside; it first runs with the next ``run(for:)`` or ``settle()``.
    public func start<Success: Sendable>(_ body: @escaping @Sendable () async throws -> Success) -> Task<
        Success, any Error
    > {
        Task(executorPreference: executor) { try await body() }
    }

    /// Runs until every task waits for something.
    public func settle() {
        while let job = executor.take(where: { count in generator.withLock { Int.random(in: 0..<count, using: &$0) } })
        {
            job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
    }

    /// Lets that much time pass, stopping at every instant at which somebody wakes.
    public func run(for duration: Duration) {
        let end = clock.monotonic + duration
        settle()
        while let deadline = clock.nextDeadline, deadline <= end {
            clock.advance(by: deadline - clock.monotonic)
            settle()
        }
        clock.advance(by: end - clock.monotonic)
        settle()
    }

    private final class Executor: TaskExecutor {
        private let jobs = Mutex<[UnownedJob]>([])

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.withLock { $0.append(job) }
        }

        func take(where pick: (Int) -> Int) -> UnownedJob? {
            jobs.withLock { jobs in jobs.isEmpty ? nil : jobs.remove(at: pick(jobs.count)) }
        }
    }
}
