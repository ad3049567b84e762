import JSON
public import KubernetesClient
public import KubernetesModel

/// The states of a watcher and what takes it from one to the next, with no I/O.
///
/// ``request`` says what to ask the server for; what comes back is handed to the machine, which answers with what is to be
/// told. After kube-rs' `watcher.rs` and client-go's reflector.
public struct WatchMachine<Object: KubernetesObject>: Sendable {
    /// Where a watcher stands.
    public enum State: Sendable, Hashable {
        /// Nothing is known: list.
        case empty
        /// A list is under way.
        case paging(continueToken: String)
        /// A list is whole, no watch has answered yet.
        case listed(resourceVersion: String)
        /// A watch has answered.
        case watching(resourceVersion: String)
    }

    /// What to ask the server for.
    public enum Request: Sendable, Hashable {
        /// A page; a limit of nil asks for everything at once.
        case list(continueToken: String?, limit: Int?)
        case watch(resourceVersion: String)
    }

    public private(set) var state = State.empty
    /// Most objects a page.
    public let pageSize: Int
    /// Set when a continue token expired: a list too slow for its pages is taken in one piece the next time.
    private var takesListWhole = false

    /// A machine that knows nothing yet.
    public init(pageSize: Int = 500) { self.pageSize = pageSize }

    /// What to ask the server for now.
    public var request: Request {
        switch state {
        case .empty: .list(continueToken: nil, limit: takesListWhole ? nil : pageSize)
        case .paging(let token): .list(continueToken: token, limit: pageSize)
        case .listed(let version), .watching(let version): .watch(resourceVersion: version)
        }
    }

    /// Takes a page that ``request`` asked for.
    public mutating func received(_ page: ObjectList<Object>) -> [WatcherEvent<Object>] {
        var events: [WatcherEvent<Object>] = []
        events.reserveCapacity(page.items.count + 2)
        if case .empty = state { events.append(.initStart) }
        for item in page.items { events.append(.initApply(item)) }
        if let token = page.continueToken, !token.isEmpty {
            state = .paging(continueToken: token)
        } else {
            state = .listed(resourceVersion: page.resourceVersion)
            takesListWhole = false
            events.append(.initDone(resourceVersion: page.resourceVersion))
        }
        return events
    }

    /// Takes a batch of a watch; the status is that of an ERROR event, with which the watch is over and ``failed(_:)``
    /// has been seen to. What follows it in the batch is not looked at.
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

    /// Takes a failure of a list or a watch. Where the version or the token is of no use to the server any more the next
    /// request is a new list, otherwise the same request again.
    public mutating func failed(_ error: any Error) {
        guard let status = error as? APIStatus, status.isExpired || status.isVersionTooLarge else { return }
        if case .paging = state { takesListWhole = true }
        state = .empty
    }

    private mutating func advance(to version: String) {
        guard !version.isEmpty else { return }
        state = .watching(resourceVersion: version)
    }
}

extension APIStatus {
    /// The server has not got as far as the version asked for: it was restored from a backup, or has lost its storage.
    var isVersionTooLarge: Bool {
        code == 504
            && (details?.causes.contains { $0.reason == "ResourceVersionTooLarge" } ?? false
                || message.contains("Too large resource version"))
    }
}

extension Decoded where Object: KubernetesObject {
    /// The metadata, whether the rest could be decoded or not.
    public var metadata: ObjectMeta {
        switch self {
        case .object(let object): object.metadata
        case .undecodable(let metadata, _): metadata
        }
    }
}
