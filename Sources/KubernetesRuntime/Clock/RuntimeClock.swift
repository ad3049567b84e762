public import KubernetesModel

/// Time as the runtime sees it. A parameter everywhere, so that tests move it and nothing in them waits.
public protocol RuntimeClock: Sendable {
    /// The calendar's time, for what is written into objects; may jump.
    var now: Timestamp { get }
    /// The time since an arbitrary start; never goes back. All waiting and all expiry is measured on it.
    var monotonic: Duration { get }
    /// Returns after that long, at once when it is not positive; throws `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// A source of numbers in 0..<1, for jitter; a parameter, so that a test can seed it.
public typealias RandomSource = @Sendable () -> Double

/// The system's random numbers in 0..<1.
public let systemRandom: RandomSource = { Double.random(in: 0..<1) }
