import CurlHTTP
import JSON
import KubernetesModel

/// Which requests are sent again, and when. Pure: failures go in, a delay or nil comes out.
///
/// - 429 says that nothing was done: every request may be sent again, after Retry-After when there is one.
/// - What cannot have reached the server may be sent again, whatever it is.
/// - 500, 502, 503, 504 and broken connections leave open what was done: only what may be done twice is sent again.
public struct RetryPolicy: Sendable, Hashable {
    /// Most times that a request is sent.
    public var maximumAttempts = 5
    /// The first delay; each further one is twice as long.
    public var initialDelay = Duration.milliseconds(100)
    /// No delay of our own is longer.
    public var maximumDelay = Duration.seconds(10)
    /// A server that asks for more patience than this is not waited for: the caller gets its Status and decides.
    public var maximumRetryAfter = Duration.seconds(30)

    /// The default: five attempts, 0.1 s doubling.
    public init() {}

    /// No request is sent twice.
    public static var never: RetryPolicy {
        var policy = RetryPolicy()
        policy.maximumAttempts = 1
        return policy
    }

    /// What may happen when a request is done twice.
    public enum Repeatability: Sendable, Hashable {
        /// The same as once: reads, replacing at a version, applying.
        case safe
        /// Something else: creating, taking from a list by position.
        case unsafe
        /// Even 429 is an answer and no invitation: an eviction that a disruption budget forbids.
        case never
    }

    /// How an attempt failed.
    enum Failure: Hashable {
        case status(Int, retryAfter: Duration?)
        case transport(mayHaveBeenSent: Bool)
    }

    /// How long to wait before the request is sent again; nil to give up. `attempt` counts from 1; `random` is in 0..<1.
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
        // Between half and the whole of it, so that clients that failed together come apart.
        return max(least, backoff * (0.5 + 0.5 * random))
    }
}

extension RetryPolicy.Repeatability {
    /// Whether a patch may be done twice: a merge gives the same again; operations on a list do only where the patch itself
    /// says to which state it applies.
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
