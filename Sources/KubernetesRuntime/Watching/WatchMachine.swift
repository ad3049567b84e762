import JSON
public import KubernetesClient
public import KubernetesModel

/// The states of a watcher and its transitions, without I/O.
///
/// ``request`` says what to ask the server for. Pass the answer, or the failure, to the machine; it returns the events
/// to report. Modelled on kube-rs' `watcher.rs` and client-go's reflector.
public struct WatchMachine<Object: KubernetesObject>: Sendable {
    /// The state of a watcher.
    public enum State: Sendable, Hashable {
        /// Nothing is known: a list comes next.
        case empty
        /// Some pages of a list have arrived.
        case paging(continueToken: String)
        /// A list is complete, and no watch has answered yet.
        case listed(resourceVersion: String)
        /// A watch has answered.
        case watching(resourceVersion: String)
    }

    /// What to ask the server for.
    public enum Request: Sendable, Hashable {
        /// Ask for a page of a list. Without a limit, ask for the whole list at once.
        case list(continueToken: String?, limit: Int?)
        case watch(resourceVersion: String)
    }

    public private(set) var state = State.empty
    /// The largest number of objects per page.
    public let pageSize: Int
    /// Set when a continue token has expired. The list took longer than its pages are kept, so the next one is not
    /// paged.
    private var takesListWhole = false
    /// How often the present page or watch was asked for in vain.
    private var failures = 0
    /// After so many failures of one page, or of watches from one version, the next request is a new list: the token or
    /// the version may be what the server, or what it sends, fails at.
    private static var patience: Int { 5 }

    /// Creates a machine that knows nothing yet.
    public init(pageSize: Int = 500) { self.pageSize = pageSize }

    /// What to ask the server for now.
    public var request: Request {
        switch state {
        case .empty: .list(continueToken: nil, limit: takesListWhole ? nil : pageSize)
        case .paging(let token): .list(continueToken: token, limit: pageSize)
        case .listed(let version), .watching(let version): .watch(resourceVersion: version)
        }
    }

    /// Accepts a page that ``request`` asked for and returns the events to report.
    public mutating func received(_ page: ObjectList<Object>) -> [WatcherEvent<Object>] {
        var events: [WatcherEvent<Object>] = []
        events.reserveCapacity(page.items.count + 2)
        if case .empty = state { events.append(.initStart) }
        for item in page.items { events.append(.initApply(item)) }
        failures = 0
        if let token = page.continueToken, !token.isEmpty {
            state = .paging(continueToken: token)
        } else {
            state = .listed(resourceVersion: page.resourceVersion)
            takesListWhole = false
            events.append(.initDone(resourceVersion: page.resourceVersion))
        }
        return events
    }

    /// Accepts a batch of a watch and returns the events to report. `failure` is the status of an ERROR event, which
    /// ends the watch; ``failed(_:hadWorked:)`` was called for it, and the rest of the batch is ignored.
    public mutating func received(
        _ batch: [WatchEvent<Object>]
    ) -> (events: [WatcherEvent<Object>], failure: APIStatus?) {
        var events: [WatcherEvent<Object>] = []
        events.reserveCapacity(batch.count)
        for event in batch {
            switch event {
            case .added(let item), .modified(let item):
                advance(to: item.metadata.resourceVersion)
                events.append(.apply(item))
            case .deleted(let item):
                advance(to: item.metadata.resourceVersion)
                events.append(.delete(item))
            case .bookmark(let version, _):
                advance(to: version)
                events.append(.progress(resourceVersion: version))
            case .error(let status):
                failed(status)
                return (events, status)
            }
        }
        return (events, nil)
    }

    /// Notes that a list or a watch failed. The same request is repeated where the failure says nothing about it: the
    /// server was not reached, has too much to do, or is out of order. Otherwise, and when it has failed several times,
    /// the next request is a new list.
    ///
    /// - Parameters:
    ///   - error: What the list or the watch threw.
    ///   - hadWorked: Whether it was a watch that had worked until then. That it broke is no failure of its version.
    public mutating func failed(_ error: any Error, hadWorked: Bool = false) {
        if case .empty = state {
            // The whole list may have failed because it is whole: pages are tried again.
            takesListWhole = false
            return
        }
        if !mustListAnew(after: error) {
            if hadWorked || !isFailureOfRequest(error) { return }
            failures += 1
            if failures < Self.patience { return }
        }
        failures = 0
        if case .paging = state { takesListWhole = (error as? APIStatus)?.isExpired == true }
        state = .empty
    }

    /// Whether asking for the same again would be pointless.
    private func mustListAnew(after error: any Error) -> Bool {
        if let status = error as? APIStatus {
            if status.isExpired || status.isVersionTooLarge { return true }
            return ![429, 500, 502, 503, 504].contains(status.code)
        }
        // What cannot be read would come again from the same version.
        return (error as? KubernetesClientError)?.code == .unexpectedBody
    }

    /// Whether the request itself may be what the server fails at.
    private func isFailureOfRequest(_ error: any Error) -> Bool {
        if let status = error as? APIStatus { return status.code != 429 }
        if let error = error as? KubernetesClientError { return error.code == .transport && error.mayHaveBeenSent }
        return !(error is CancellationError)
    }

    private mutating func advance(to version: String) {
        guard !version.isEmpty else { return }
        if request != .watch(resourceVersion: version) { failures = 0 }
        state = .watching(resourceVersion: version)
    }
}

extension APIStatus {
    /// The server has not reached the requested version: it was restored from a backup, or has lost its storage.
    var isVersionTooLarge: Bool {
        code == 504
            && (details?.causes.contains { $0.reason == "ResourceVersionTooLarge" } ?? false
                || message.contains("Too large resource version"))
    }
}

extension Decoded where Object: KubernetesObject {
    /// The metadata, whether or not the rest could be decoded.
    public var metadata: ObjectMeta {
        switch self {
        case .object(let object): object.metadata
        case .undecodable(let metadata, _): metadata
        }
    }
}
