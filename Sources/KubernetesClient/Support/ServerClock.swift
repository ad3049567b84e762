public import Clocks
public import KubernetesModel
import Synchronization

/// The wall clock of an API server, as the `Date` of its answers tells it.
///
/// What is compared with times that the server wrote (`creationTimestamp`) has to be compared with its clock: beside one that is an hour
/// ahead, every object is an hour old. A difference that may come from the way, or from the whole seconds of `Date`, is none.
final class ServerClock: Sendable {
    /// How far the server's clock is ahead of this machine's.
    private let offset = Mutex(Duration.zero)

    /// The server's clock less this machine's; zero within two seconds.
    var difference: Duration { offset.withLock(\.self) }

    /// Hears an answer with that `Date`, for a request that was sent and answered at those times of this machine's clock. Gives the
    /// difference where it is another one now.
    func observe(date: String, sent: Timestamp, answered: Timestamp) -> Duration? {
        // One that took long says little of when the date was written.
        guard let date = Timestamp(httpDate: date), answered >= sent, answered - sent < .seconds(5) else { return nil }
        // The date is of an instant between the two, and cut to its second.
        let least = date - answered
        let most = date + .seconds(1) - sent
        return offset.withLock { offset -> Duration? in
            let slack: Duration = .seconds(2)
            guard offset < least - slack || offset > most + slack else { return nil }
            let middle = (least + most) / 2
            let new = middle > slack || .zero - middle > slack ? middle : .zero
            guard new != offset else { return nil }
            offset = new
            return new
        }
    }
}

extension Timestamp {
    /// Reads the date of HTTP, `Sun, 06 Nov 1994 08:49:37 GMT`; nil for any other text.
    init?(httpDate text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[0].utf8.count == 4, words[0].hasSuffix(","), words[5] == "GMT",
            let month = months.firstIndex(where: { $0 == words[2] })
        else { return nil }
        self.init(rfc3339: "\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z")
    }
}

/// This machine's clock, set by that of the API server of a client (``APIClient/clockDifference``). Waiting is measured as ever.
public struct ServerSideClock: RuntimeClock {
    private let base: any RuntimeClock
    private let client: APIClient

    /// The clock of that client's server, read off `base`.
    public init(_ client: APIClient, base: any RuntimeClock = SystemClock()) {
        self.base = base
        self.client = client
    }

    public var now: Timestamp { base.now + client.clockDifference }
    public var monotonic: Duration { base.monotonic }
    public func sleep(for duration: Duration) async throws { try await base.sleep(for: duration) }
}
