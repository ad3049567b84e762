import AsyncPrimitives
public import Clocks
public import CoreMetrics
import DequeModule
import JSON
public import KubernetesModel
public import Logging
import Synchronization

/// Records Events about objects without ever delaying or failing the caller.
///
/// ``record(_:reason:message:on:)`` puts an event into a bounded queue. ``run()`` combines equal events, limits their
/// rate per object and sends the rest.
public final class EventRecorder: Sendable {
    private struct State {
        var queue = Deque<EventCorrelator.Occurrence>()
        var correlator: EventCorrelator
        var isStopped = false
        var dropped: UInt64 = 0
    }

    /// What became of an event: the dimension `result` of the counter `events_total`.
    private enum Outcome: String, CaseIterable {
        /// Created or patched on the server.
        case sent
        /// Dropped by the rate limit.
        case filtered
        /// Dropped because the queue was full or the recorder stopped.
        case dropped
        /// Given up because the API server refused the event or did not answer.
        case failed
    }

    /// The longest message that is sent, in bytes. Longer ones are cut.
    static let messageLimit = 1024

    private let sink: any EventSink
    private let clock: any RuntimeClock
    private let random: RandomSource
    private let capacity: Int
    private let tries: Int
    private let logger: Logger
    private let state: Mutex<State>
    private let counters: [Outcome: Counter]
    private let queued = AsyncSignal()
    private let drained = AsyncLatch()

    /// Creates a recorder; it sends nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - sink: Where events are sent.
    ///   - component: The name of the reporting controller.
    ///   - instance: The reporting instance of it; may be empty.
    ///   - capacity: How many events may wait; more are dropped.
    ///   - tries: How often an event is tried before it is given up.
    ///   - burst: How many events of one object may be sent at once.
    ///   - refill: After a burst, one more event of the object may be sent each time this passes.
    ///   - clock: The clock for timestamps and delays.
    ///   - random: The source of jitter.
    ///   - metrics: Where the numbers of events are reported, as `events_total` by result.
    ///   - logger: Where dropped and failed events are logged.
    public init(
        _ sink: any EventSink, component: String, instance: String = "", capacity: Int = 1000, tries: Int = 5,
        burst: Int = 25, refill: Duration = .seconds(300),
        clock: any RuntimeClock = SystemClock(), random: @escaping RandomSource = systemRandom,
        metrics: any MetricsFactory = MetricsSystem.factory, logger: Logger
    ) {
        counters = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                let dimensions = [("component", component), ("result", outcome.rawValue)]
                return (outcome, Counter(label: "events_total", dimensions: dimensions, factory: metrics))
            })
        self.sink = sink
        self.clock = clock
        self.random = random
        self.capacity = capacity
        self.tries = tries
        self.logger = logger
        let correlator = EventCorrelator(component: component, instance: instance, burst: burst, refill: refill)
        state = Mutex(State(correlator: correlator))
    }

    /// Records an event about an object. Returns at once and never fails. An important one is not subject to the limit of events per
    /// object, and finds room in the queue when lesser ones do not.
    public func record(
        _ type: Event.Kind = .normal, reason: String, message: String, isImportant: Bool = false,
        on object: ObjectReference
    ) {
        let occurrence = EventCorrelator.Occurrence(
            object: object, type: type, reason: reason, message: Self.cut(message), calendar: clock.now,
            time: clock.monotonic, isImportant: isImportant)
        let dropped: UInt64? = state.withLock { state in
            guard !state.isStopped, state.queue.count < (isImportant ? 10 * capacity : capacity) else {
                state.dropped += 1
                return state.dropped
            }
            state.queue.append(occurrence)
            return nil
        }
        guard let dropped else { return queued.signal() }
        counters[.dropped]?.increment()
        // In a flood, one line in a thousand is enough.
        if dropped % 1000 == 1 {
            logger.warning("event dropped", metadata: ["reason": "\(reason)", "dropped": "\(dropped)"])
        }
    }

    /// Records an event about an object. Returns at once and never fails.
    public func record<Object: KubernetesObject>(
        _ type: Event.Kind = .normal, reason: String, message: String, isImportant: Bool = false, on object: Object
    ) {
        record(type, reason: reason, message: message, isImportant: isImportant, on: ObjectReference(object))
    }

    /// Sends recorded events until ``stop()`` was called and all are sent, or until the task is cancelled. Call it
    /// once.
    public func run() async {
        defer { drained.open() }
        while !Task.isCancelled {
            let (work, isStopped) = state.withLock { state in
                guard let occurrence = state.queue.popFirst() else {
                    return ((EventCorrelator.Occurrence, EventCorrelator.Action)?.none, state.isStopped)
                }
                let action = state.correlator.correlate(occurrence)
                if action == .drop { counters[.filtered]?.increment() }
                return ((occurrence, action), state.isStopped)
            }
            if let (occurrence, action) = work {
                await send(action, occurrence)
            } else if isStopped {
                return
            } else {
                await queued.wait()
            }
        }
    }

    /// Refuses further events. ``run()`` returns when those that wait are sent.
    public func stop() {
        state.withLock { $0.isStopped = true }
        queued.signal()
    }

    /// Returns when ``run()`` has returned. Throws `CancellationError` when the task is cancelled before that.
    public func waitUntilDrained() async throws { try await drained.wait() }

    private func send(_ action: EventCorrelator.Action, _ occurrence: EventCorrelator.Occurrence) async {
        var backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(10))
        for attempt in 1...max(1, tries) {
            do {
                switch action {
                case .drop: return
                case .create(let event): try await sink.create(event)
                case .patch(let key, let patch, let event):
                    do {
                        try await sink.patch(key, patch)
                    } catch let status as APIStatus where status.isNotFound {
                        try await sink.create(event)
                        state.withLock { $0.correlator.recreated(occurrence, as: event) }
                    }
                }
                counters[.sent]?.increment()
                return
            } catch let status as APIStatus where status.isAlreadyExists {
                // An earlier try succeeded, but its answer was lost.
                counters[.sent]?.increment()
                return
            } catch {
                // A refusal is final: the namespace is being deleted, or a permission is missing.
                let isRefused =
                    if let status = error as? APIStatus { (400..<500).contains(status.code) && status.code != 429 } else
                    { false }
                if isRefused || attempt == tries || Task.isCancelled {
                    counters[.failed]?.increment()
                    logger.warning(
                        "event not sent",
                        metadata: [
                            "object":
                                "\(occurrence.object.kind) \(occurrence.object.namespace)/\(occurrence.object.name)",
                            "reason": "\(occurrence.reason)", "error": "\(error)",
                        ])
                    return
                }
                // Cancellation shows in the next try.
                try? await clock.sleep(for: backoff.next(at: clock.monotonic, random: random))
            }
        }
    }

    /// Cuts the message to at most ``messageLimit`` bytes, at a character boundary.
    private static func cut(_ message: String) -> String {
        let bytes = Array(message.utf8)
        guard bytes.count > messageLimit else { return message }
        var end = messageLimit - 3
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self) + "..."
    }
}
