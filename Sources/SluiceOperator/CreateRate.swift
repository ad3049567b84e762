import Synchronization

/// How many pods a second the operator has been creating lately: the writes that let runs go on, which go before those that only inform.
/// An average in which what is older counts less; half a minute after the last create it is next to nothing.
final class CreateRate: Sendable {
    private struct Average: Sendable {
        /// In creates a second.
        var value = 0.0
        /// On the monotonic clock.
        var time: Duration = .zero

        mutating func decay(to now: Duration) {
            guard now > time else { return }
            for _ in 0..<min(Int((now - time) / Self.step), 1_000) {
                value *= Self.remains
                time += Self.step
            }
            if now - time > Self.step { time = now }
        }

        private static let step: Duration = .milliseconds(100)
        /// What is left of the value after each step: the average is over some five seconds.
        private static let remains = 0.98
        /// What one create adds: a steady rate of creates then is the value.
        static let weight = (1 - remains) * 10
    }

    private let average = Mutex(Average())

    /// A pod was created, at that time of the monotonic clock.
    func note(at now: Duration) {
        average.withLock { average in
            average.decay(to: now)
            average.value += Average.weight
        }
    }

    /// Creates a second, at that time of the monotonic clock.
    func perSecond(at now: Duration) -> Double {
        average.withLock { average in
            average.decay(to: now)
            return average.value
        }
    }
}
