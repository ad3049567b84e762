public import Clocks
import SeededRandom
import Synchronization

/// Runs concurrent code on one thread, in an order that a seed decides, on a clock that jumps to the next sleeper when
/// no task can run. The same seed gives the same run.
///
/// Only structured concurrency stays inside the simulation; an unstructured `Task { }` runs outside it.
public final class Simulation: Sendable {
    /// The clock for all code in the simulation.
    public let clock: ManualClock
    private let executor = Executor()
    private let generator: Mutex<SeededGenerator>

    /// Creates a simulation. The seed decides all its choices.
    public init(seed: UInt64, clock: ManualClock = ManualClock()) {
        self.clock = clock
        generator = Mutex(SeededGenerator(seed: seed))
    }

    /// A source of random numbers in 0..<1 that depends on the seed alone.
    public var random: RandomSource {
        { [self] in generator.withLock { Double.random(in: 0..<1, using: &$0) } }
    }

    /// Returns a random integer that depends on the seed alone.
    public func random(in range: Range<Int>) -> Int { generator.withLock { Int.random(in: range, using: &$0) } }

    /// Starts a task in the simulation. It first runs at the next ``run(for:)`` or ``settle()``. The task throws what
    /// `body` throws.
    public func start<Success: Sendable>(_ body: @escaping @Sendable () async throws -> Success) -> Task<
        Success, any Error
    > {
        Task(executorPreference: executor) { try await body() }
    }

    /// Runs until every task waits.
    public func settle() {
        while let job = executor.take(where: { count in generator.withLock { Int.random(in: 0..<count, using: &$0) } })
        {
            job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
    }

    /// Lets time pass, stopping at each instant at which a sleeping task is due.
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
