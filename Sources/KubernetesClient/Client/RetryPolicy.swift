import CurlHTTP
import JSON
import KubernetesModel

/// Decides which requests are sent again, and when, without I/O.
///
/// - After 429 the server has done nothing: every request may be sent again, after Retry-After if it is given.
/// - A request that cannot have reached the server may always be sent again.
/// - After 500, 502, 503, 504 and broken connections the request may have been carried out: it is sent again only if
///   repeating it does no harm.
public struct RetryPolicy: Sendable, Hashable {
    /// How often a request is sent at most.
    public var maximumAttempts = 5
    /// The first delay. Each further one is twice as long.
    public var initialDelay = Duration.milliseconds(100)
    /// The longest delay, unless Retry-After asks for more.
    public var maximumDelay = Duration.seconds(10)
    /// The longest Retry-After that is waited for. If the server asks for more, the caller gets its Status.
    public var maximumRetryAfter = Duration.seconds(30)

    /// Creates the default: five attempts, delays from 0.1 s, doubling.
    public init() {}

    /// A policy by which no request is sent again.
    public static var never: RetryPolicy {
        var policy = RetryPolicy()
        policy.maximumAttempts = 1
        return policy
    }

    /// The effect of repeating a request.
    public enum Repeatability: Sendable, Hashable {
        /// The same as that of one request: reads, replacing at a version, applying.
        case safe
        /// A different one: creating, removing from a list by position.
        case unsafe
        /// Never sent again, even after 429: an eviction that a disruption budget forbids.
        case never
    }

    /// How an attempt failed.
    enum Failure: Hashable {
        case status(Int, retryAfter: Duration?)
        case transport(mayHaveBeenSent: Bool)
    }

    /// How long to wait before the request is sent again; nil to give up. `attempt` counts from 1, and `random` is in
    /// 0..<1.
    func delay(
        after failure: Failure, _ repeatability: Repeatability, attempt: Int, random: Double
    ) -> Duration? {
        guard attempt < maximumAttempts, repeatability != .never else { return nil }
        var least = Duration.zero
        switch failure {
        case .status(429, let retryAfter):
            least = retryAfter ?? .zero
        case .status(let code, let retryAfter):
            guard repeatability == .safe, [500, 502, 503, 504].contains(code) else { return nil }
            least = retryAfter ?? .zero
        case .transport(let mayHaveBeenSent):
            guard repeatability == .safe || !mayHaveBeenSent else { return nil }
        }
        guard least <= maximumRetryAfter else { return nil }
        var backoff = initialDelay
        for _ in 1..<attempt where backoff < maximumDelay { backoff = min(maximumDelay, backoff * 2) }
        // Between half and the whole delay, so that clients that failed together spread out.
        return max(least, backoff * (0.5 + 0.5 * random))
    }
}

extension RetryPolicy.Repeatability {
    /// Whether a patch may be repeated. Merging again gives the same result; operations on a list do so only if the
    /// patch itself names the state it applies to.
    init(_ patch: Patch) {
        switch patch {
        case .merge, .strategic, .apply: self = .safe
        case .json(let operations):
            let isConditional = operations.array?.contains { operation in
                operation["op"]?.string == "test" || operation["path"]?.string == "/metadata/resourceVersion"
            }
            self = isConditional == true ? .safe : .unsafe
        }
    }
}
