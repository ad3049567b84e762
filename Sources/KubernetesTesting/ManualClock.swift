public import Clocks
public import KubernetesModel
import Synchronization

/// A clock that moves only when the test moves it.
public final class ManualClock: RuntimeClock {
    private struct Sleeper {
        var id: Int
        var deadline: Duration
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var start: Timestamp
        var elapsed = Duration.zero
        var nextID = 0
        var sleepers: [Sleeper] = []
        var spectators: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    /// Creates a clock at an instant, by default the start of 2026.
    public init(start: Timestamp = Timestamp(seconds: 1_767_225_600)) { state = Mutex(State(start: start)) }

    public var now: Timestamp { state.withLock { $0.start + $0.elapsed } }

    public var monotonic: Duration { state.withLock(\.elapsed) }

    /// Moves the wall-clock time alone, as an administrator or NTP does.
    public func shiftCalendar(by duration: Duration) { state.withLock { $0.start = $0.start + duration } }

    /// When the next sleeping task is due, in monotonic time; nil when no task sleeps.
    public var nextDeadline: Duration? { state.withLock { $0.sleepers.map(\.deadline).min() } }

    /// The number of sleeping tasks.
    public var sleeperCount: Int { state.withLock(\.sleepers.count) }

    /// Moves the time and wakes the tasks that are due, the earliest first.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.elapsed += duration
            let due = state.sleepers.filter { $0.deadline <= state.elapsed }
            state.sleepers.removeAll { $0.deadline <= state.elapsed }
            return due.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Returns as soon as at least `count` tasks sleep.
    public func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.spectators.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Waits until the test has moved the clock far enough. Throws `CancellationError` when the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        guard duration > .zero else { return try Task.checkCancellation() }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let spectators: [CheckedContinuation<Void, Never>]? = state.withLock { state in
                    if Task.isCancelled { return nil }
                    state.sleepers.append(
                        Sleeper(id: id, deadline: state.elapsed + duration, continuation: continuation))
                    let count = state.sleepers.count
                    let ready = state.spectators.filter { $0.count <= count }.map(\.continuation)
                    state.spectators.removeAll { $0.count <= count }
                    return ready
                }
                guard let spectators else { return continuation.resume(throwing: CancellationError()) }
                for spectator in spectators { spectator.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
