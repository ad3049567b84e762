/// Exponential delays with jitter that start over after a quiet time.
///
/// A plain value: the caller says when a failure happened and waits by itself.
public struct Backoff: Sendable {
    /// The first delay.
    public var initial: Duration
    /// No delay is longer, jitter included.
    public var maximum: Duration
    /// What one failure more multiplies the delay by.
    public var factor: Double
    /// At most that share of the delay is added at random.
    public var jitter: Double
    /// A failure that comes so long after the one before it counts as the first.
    public var resetAfter: Duration
    private var current: Duration?
    private var lastFailure: Duration?

    /// Delays; the defaults are those of client-go's reflector: 0.8 to 30 s, doubling, starting over after two minutes.
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

    /// Whether a failure at that monotonic time would be the first of its series.
    private func isFirst(at now: Duration) -> Bool {
        guard let lastFailure else { return true }
        return now - lastFailure > resetAfter
    }

    /// How long to wait after a failure at that monotonic time.
    public mutating func next(at now: Duration, random: RandomSource = systemRandom) -> Duration {
        if isFirst(at: now) { current = nil }
        // The ceiling leaves room for the jitter, so that clients that all wait the longest still come apart.
        let ceiling = max(initial, maximum / (1 + jitter))
        let delay = min(ceiling, current.map { $0 * factor } ?? initial)
        current = delay
        let total = min(maximum, delay * (1 + jitter * random()))
        lastFailure = now + total
        return total
    }
}
