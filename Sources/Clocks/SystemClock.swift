public import KubernetesModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The machine's clocks.
public struct SystemClock: RuntimeClock {
    private static let origin = ContinuousClock.now

    /// Creates the clock; all instances agree with each other.
    public init() {}

    public var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    public var monotonic: Duration { ContinuousClock.now - Self.origin }

    public func sleep(for duration: Duration) async throws {
        guard duration > .zero else { return try Task.checkCancellation() }
        // In pieces: the timers below count nanoseconds in 64 bits, and a caller may pass a very long time to mean
        // "never".
        let end = monotonic + duration
        var left = duration
        while left > .zero {
            try await Task.sleep(for: min(left, Duration.seconds(86_400)), clock: .continuous)
            left = end - monotonic
        }
    }
}
