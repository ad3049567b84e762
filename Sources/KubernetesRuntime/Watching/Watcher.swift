public import Clocks
import KubernetesClient
public import KubernetesModel
public import Logging

/// Runs a ``WatchMachine`` against a server until cancelled: lists in pages, watches, resumes, and retries with delays.
public struct Watcher<Object: KubernetesObject>: Sendable {
    private let source: any ListWatch<Object>
    private let labelSelector: String?
    private let fieldSelector: String?
    private let pageSize: Int
    private let clock: any RuntimeClock
    private let random: RandomSource
    private let logger: Logger

    /// Creates a watcher of the objects of `source` that match the selectors; it does nothing until
    /// ``run(deliver:onFailure:)``.
    public init(
        _ source: any ListWatch<Object>, labelSelector: String? = nil, fieldSelector: String? = nil,
        pageSize: Int = 500,
        clock: any RuntimeClock = SystemClock(), random: @escaping RandomSource = systemRandom, logger: Logger
    ) {
        self.source = source
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        self.pageSize = pageSize
        self.clock = clock
        self.random = random
        self.logger = logger
    }

    /// Runs until the task is cancelled. `deliver` gets the events in order, never two batches at once. Every error is
    /// passed to `onFailure`, then retried.
    public func run(
        deliver: ([WatcherEvent<Object>]) -> Void, onFailure: (any Error) -> Void = { _ in }
    ) async {
        var machine = WatchMachine<Object>(pageSize: pageSize)
        var backoff = Backoff()
        var lastRelistAtOnce: Duration?
        var failingSince: Timestamp?
        while !Task.isCancelled {
            do {
                try await step(&machine) { events in
                    if let since = failingSince {
                        failingSince = nil
                        logger.notice(
                            "\(Object.resourceType.plural) are watched again",
                            metadata: [
                                "since": "\(since.rfc3339)", "seconds": "\((clock.now - since).components.seconds)",
                            ])
                    }
                    deliver(events)
                }
            } catch {
                if Task.isCancelled { return }
                let broken = error as? WorkingWatchBroke
                let event = error as? ErrorEvent
                let cause = broken?.cause ?? event?.status ?? error
                // The machine has noted the event itself.
                if event == nil { machine.failed(cause, hadWorked: broken != nil) }
                if broken != nil, case .watch = machine.request {
                    // Balancers cut connections, servers restart: that is no reason to be blind for a while. The next
                    // failure counts as the first.
                    backoff = Backoff()
                    logger.debug(
                        "watch of \(Object.resourceType.plural) broke and is opened again",
                        metadata: ["error": "\(cause)"])
                    continue
                }
                onFailure(cause)
                let since = failingSince ?? clock.now
                failingSince = since
                await pause(after: cause, since: since, &backoff, &lastRelistAtOnce)
            }
        }
    }

    private func step(
        _ machine: inout WatchMachine<Object>, deliver: ([WatcherEvent<Object>]) -> Void
    ) async throws {
        switch machine.request {
        case .list(let token, let limit):
            // Without a resourceVersion the list is the latest state. A cached one could be older than what was seen.
            let page = try await source.list(
                ListOptions(
                    labelSelector: labelSelector, fieldSelector: fieldSelector, limit: limit, continueToken: token))
            deliver(machine.received(page))
        case .watch(let version):
            var openedAt: Duration?
            // Random, so that the watches of many clients do not end at the same time.
            let timeout = Duration.seconds(300) + .seconds(300) * random()
            let options = WatchOptions(
                labelSelector: labelSelector, fieldSelector: fieldSelector, resourceVersion: version,
                timeout: .seconds(timeout.components.seconds))
            // It was open for a while, or has brought something new.
            func hasWorked() -> Bool {
                if machine.request != .watch(resourceVersion: version) { return true }
                return openedAt.map { clock.monotonic - $0 >= .seconds(1) } ?? false
            }
            do {
                try await source.watch(options) { batch in
                    openedAt = openedAt ?? clock.monotonic
                    let (events, failure) = machine.received(batch)
                    if !events.isEmpty { deliver(events) }
                    if let failure { throw ErrorEvent(status: failure) }
                }
            } catch  where !(error is APIStatus) && !(error is ErrorEvent) && hasWorked() {
                throw WorkingWatchBroke(cause: error)
            }
            if !hasWorked() { throw WatchEndedAtOnce() }
        }
    }

    private func pause(
        after error: any Error, since: Timestamp, _ backoff: inout Backoff, _ lastRelistAtOnce: inout Duration?
    ) async {
        let now = clock.monotonic
        let status = error as? APIStatus
        var delay = backoff.next(at: now, random: random)
        // A server that reports an expired version is reachable, for example after a restart: list again at once, but
        // not repeatedly.
        let isAtOnce = status?.isExpired == true && (lastRelistAtOnce.map { now - $0 > backoff.maximum } ?? true)
        if isAtOnce {
            lastRelistAtOnce = now
            delay = .zero
        }
        if let seconds = status?.details?.retryAfterSeconds { delay = max(delay, .seconds(min(seconds, 300))) }
        logger.log(
            level: isAtOnce ? .debug : .warning, "watch of \(Object.resourceType.plural) interrupted",
            metadata: ["error": "\(error)", "since": "\(since.rfc3339)", "retryIn": "\(delay)"])
        // The loop notices cancellation.
        try? await clock.sleep(for: delay)
    }
}

/// The stream of a watch ended with an ERROR event.
private struct ErrorEvent: Error {
    let status: APIStatus
}

/// A watch broke that had worked until then.
private struct WorkingWatchBroke: Error {
    let cause: any Error
}

/// The server ended a watch at once and without an event. An error, so that the next watch is delayed.
struct WatchEndedAtOnce: Error, CustomStringConvertible {
    var description: String { "the server ended the watch at once" }
}
