public import Clocks

/// Exponential delays with jitter that start over after a quiet time.
///
/// A plain value: the caller passes in the time of each failure and does the waiting.
public struct Backoff: Sendable {
    /// The first delay.
    public var initial: Duration
    /// The longest delay, jitter included.
    public var maximum: Duration
    /// The factor by which each further failure multiplies the delay.
    public var factor: Double
    /// The largest share of the delay that is added at random.
    public var jitter: Double
    /// When this much time has passed since the previous delay ended, the next failure counts as the first.
    public var resetAfter: Duration
    private var current: Duration?
    private var lastFailure: Duration?

    /// Creates delays. The defaults are those of client-go's reflector: 0.8 s, doubling up to 30 s, starting over after
    /// two minutes.
    public init(
        initial: Duration = .milliseconds(800), maximum: Duration = .seconds(30), factor: Double = 2,
        jitter: Double = 0.5, resetAfter: Duration = .seconds(120)
    ) {
        self.initial = initial
        self.maximum = maximum
        self.factor = factor
        self.jitter = jitter
        self.resetAfter = resetAfter
    }

    /// Whether a failure at `now`, a monotonic time, is the first of its series.
    private func isFirst(at now: Duration) -> Bool {
        guard let lastFailure else { return true }
        return now - lastFailure > resetAfter
    }

    /// Counts a failure at `now`, a monotonic time, and returns how long to wait before the next try.
    public mutating func next(at now: Duration, random: RandomSource = systemRandom) -> Duration {
        if isFirst(at: now) { current = nil }
        // The ceiling leaves room for the jitter, so that clients that all wait the longest delay still spread out.
        let ceiling = max(initial, maximum / (1 + jitter))
        let delay = min(ceiling, current.map { $0 * factor } ?? initial)
        current = delay
        let total = min(maximum, delay * (1 + jitter * random()))
        lastFailure = now + total
        return total
    }
}
