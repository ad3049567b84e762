public import KubernetesModel

/// Time as client, runtime and servers read it. Every part takes its clock as a parameter, so that a test can move time
/// instead of waiting.
public protocol RuntimeClock: Sendable {
    /// The wall-clock time, for timestamps in objects. It may jump.
    var now: Timestamp { get }
    /// The time since an arbitrary start. It never goes back; all waiting and expiry is measured on it.
    var monotonic: Duration { get }
    /// Waits for `duration`; returns at once when it is not positive. Throws `CancellationError` when the task is
    /// cancelled.
    func sleep(for duration: Duration) async throws
}

/// A source of numbers in 0..<1, for jitter. A parameter, so that a test can seed it.
public typealias RandomSource = @Sendable () -> Double

/// The system's random numbers in 0..<1.
public let systemRandom: RandomSource = { Double.random(in: 0..<1) }
