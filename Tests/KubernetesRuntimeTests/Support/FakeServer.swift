import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Synchronization

/// A server of widgets with one history. It has lists in pages, watches that resume, bookmarks, compaction of the history,
/// and the failures that a test or a seed asks for.
final class FakeServer: ListWatch {
    struct Change: Sendable {
        enum Kind: Sendable { case added, modified, deleted }
        var kind: Kind
        var widget: Widget
        var version: UInt64
    }

    struct State {
        var version: UInt64 = 100
        var objects: [String: Widget] = [:]
        var history: [Change] = []
        /// Watches from below get 410.
        var compactedBelow: UInt64 = 100
        /// Pages of a list at an older version, by token.
        var pages: [String: (items: [Widget], version: UInt64)] = [:]
        var nextToken = 0
        var requests: [String] = []
        var failures: [any Error] = []
        var isDown = false
        /// What comes in place of events: an error of the stream, or a status as an ERROR event.
        var eventFailures: [any Error] = []
        /// When something between server and client cuts each watch.
        var watchLifetime: Duration?
        /// How many continue tokens are still to expire.
        var listFailures = 0
        /// Lists with no limit fail.
        var refusesWholeLists = false
        /// Raised by every restart: watches of another epoch end.
        var epoch = 0
        var undecodable: Set<String> = []
    }

    let state = Mutex(State())
    let clock: any RuntimeClock
    let random: RandomSource
    /// How likely a request or a batch fails; a watch repeats itself; a bookmark comes.
    let chaos: Double

    init(clock: any RuntimeClock, random: @escaping RandomSource = { 0.99 }, chaos: Double = 0) {
        self.clock = clock
        self.random = random
        self.chaos = chaos
    }

    struct Broken: Error {}

    // MARK: Writing

    @discardableResult
    func put(_ name: String, size: Int) -> Widget {
        state.withLock { state in
            state.version += 1
            let old = state.objects[name]
            let uid = old?.metadata.uid ?? "uid-\(state.version)"
            let widget = Widget(name, uid: uid, version: state.version, size: size)
            state.objects[name] = widget
            state.history.append(
                Change(kind: old == nil ? .added : .modified, widget: widget, version: state.version))
            return widget
        }
    }

    @discardableResult
    func delete(_ name: String) -> Widget? {
        state.withLock { state in
            guard var widget = state.objects.removeValue(forKey: name) else { return nil }
            state.version += 1
            widget.metadata.resourceVersion = "\(state.version)"
            state.history.append(Change(kind: .deleted, widget: widget, version: state.version))
            return widget
        }
    }

    func compact() {
        state.withLock { state in
            state.compactedBelow = state.version
            state.history = []
            state.pages = [:]
        }
    }

    func restart() { state.withLock { $0.epoch += 1 } }

    var requests: [String] { state.withLock(\.requests) }

    var contents: [ObjectKey: Widget] {
        state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.objects.values.map { ($0.key, $0) })
        }
    }

    // MARK: ListWatch

    private static let expired = APIStatus(code: 410, reason: "Expired", message: "too old resource version")

    private func enter(_ request: String) throws {
        let failure: (any Error)? = state.withLock { state in
            state.requests.append(request)
            if state.isDown { return Broken() }
            return state.failures.isEmpty ? nil : state.failures.removeFirst()
        }
        if let failure { throw failure }
        if random() < chaos { throw Broken() }
    }

    func list(_ options: ListOptions) async throws -> ObjectList<Widget> {
        let limit = options.limit.map(String.init) ?? "all"
        try enter("list \(limit)\(options.continueToken == nil ? "" : " continued")")
        await Task.yield()
        if options.limit == nil, state.withLock(\.refusesWholeLists) { throw Broken() }
        return try state.withLock { state in
            var items: [Widget]
            let version: UInt64
            if let token = options.continueToken {
                if state.listFailures > 0 {
                    state.listFailures -= 1
                    throw Self.expired
                }
                guard let page = state.pages[token] else { throw Self.expired }
                (items, version) = page
            } else {
                items = state.objects.values.sorted { $0.key < $1.key }
                version = state.version
            }
            var list = ObjectList<Widget>(items: [], resourceVersion: "\(version)")
            if let limit = options.limit, items.count > limit {
                state.nextToken += 1
                let token = "token-\(state.nextToken)"
                state.pages[token] = (Array(items.dropFirst(limit)), version)
                list.continueToken = token
                items = Array(items.prefix(limit))
            }
            list.items = items.map { decoded($0, state) }
            return list
        }
    }

    private func decoded(_ widget: Widget, _ state: borrowing State) -> Decoded<Widget> {
        state.undecodable.contains(widget.metadata.name)
            ? .undecodable(widget.metadata, JSONError("expected an integer", offset: 7)) : .object(widget)
    }

    func watch(
        _ options: WatchOptions, onEvents: ([WatchEvent<Widget>]) async throws -> Void
    ) async throws {
        try enter("watch \(options.resourceVersion ?? "")")
        guard var position = UInt64(options.resourceVersion ?? "") else { throw Broken() }
        let end = clock.monotonic + options.timeout
        let epoch = state.withLock(\.epoch)
        let lifetime = state.withLock(\.watchLifetime)
        try await onEvents([])
        while clock.monotonic < end {
            let events: [WatchEvent<Widget>]? = state.withLock { state in
                if state.epoch != epoch || state.isDown { return nil }
                if position < state.compactedBelow { return [.error(Self.expired)] }
                var events: [WatchEvent<Widget>] = []
                for change in state.history where change.version > position {
                    let item = decoded(change.widget, state)
                    switch change.kind {
                    case .added: events.append(.added(item))
                    case .modified: events.append(.modified(item))
                    case .deleted: events.append(.deleted(item))
                    }
                    // Repeats the last event, like a watch that resumes slightly too early.
                    if random() < chaos, let last = events.last { events.append(last) }
                }
                position = state.version
                if random() < chaos * 2 {
                    events.append(.bookmark(resourceVersion: "\(position)", endsInitialEvents: false))
                }
                return events
            }
            guard let events else { throw Broken() }
            if let lifetime, clock.monotonic >= end - options.timeout + lifetime { throw Broken() }
            let unreadable: (any Error)? = state.withLock { state in
                events.isEmpty || state.eventFailures.isEmpty ? nil : state.eventFailures.removeFirst()
            }
            if let status = unreadable as? APIStatus {
                try await onEvents([.error(status)])
                return
            }
            if let unreadable { throw unreadable }
            if !events.isEmpty { try await onEvents(events) }
            if random() < chaos { throw Broken() }
            try await clock.sleep(for: .milliseconds(Int64(1 + random() * 200)))
        }
    }
}
