import AsyncPrimitives
import Clocks
import HTTPServing
import JSON
import KubernetesModel

extension APIServerCore {
    /// Starts a watch: the current objects if they are asked for, then every change, until the client disconnects, the
    /// time-out passes or the server stops.
    ///
    /// A client that reads too slowly gets an ERROR with code 410 once the changes that it has not read are no longer
    /// kept, and must list again. Throws `APIStatus`.
    func watch(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        var filter = try ObjectFilter(call.request, call.resource, namespace: call.path.namespace)
        if let name = call.path.name {
            filter.fields = try FieldSelector("metadata.name=\(name)", supported: [])
        }
        let version: UInt64?
        do {
            version = try requestedVersion(call)
        } catch let status where status is APIStatus {
            guard let status = status as? APIStatus, status.code == 504 else { throw status }
            // A version that the server has not reached yet: Kubernetes sends this error in the stream.
            return stream([Self.frame("ERROR", status.serverJSON.bytes)])
        }
        let request = call.request
        let sendsInitial = request.parameter("sendInitialEvents").map { _ in request.flag("sendInitialEvents") }
        if sendsInitial != nil, request.nonEmptyParameter("resourceVersionMatch") != "NotOlderThan" {
            throw APIStatus.invalid(
                kind: "ListOptions", group: "meta.k8s.io", name: "",
                [
                    .forbidden(
                        "resourceVersionMatch",
                        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
                ])
        }
        _ = try call.integer("limit")
        // None and 0 are the same, as in Kubernetes.
        let seconds = try call.integer("timeoutSeconds").flatMap { $0 == 0 ? nil : $0 }
        let watch = Watch(
            core: self, resource: call.resource, filter: filter,
            renderer: Renderer(resource: call.resource, form: form, now: clock.now),
            // Without initial events and without a version it starts now.
            startVersion: sendsInitial == false && version ?? 0 == 0 ? store.durableRevision : version,
            sendsInitialEvents: sendsInitial ?? (version ?? 0 == 0),
            marksEndOfInitialEvents: sendsInitial == true,
            allowsBookmarks: request.flag("allowWatchBookmarks"),
            // Without a time-out a watch ends after a random time, so that clients do not reconnect all at once.
            timeout: .seconds(seconds.map { max(0, min($0, 86_400)) } ?? Int64.random(in: 1800...3600)))
        return InboundResponse(body: .stream { write in try await watch.run(write) })
    }

    private func stream(_ frames: [[UInt8]]) -> InboundResponse {
        InboundResponse(body: .stream { write in for frame in frames { try await write(frame) } })
    }

    /// One event of a watch stream, with its newline.
    static func frame(_ type: String, _ object: [UInt8]) -> [UInt8] {
        var bytes = Array("{\"type\":\"\(type)\",\"object\":".utf8)
        bytes.reserveCapacity(bytes.count + object.count + 2)
        bytes.append(contentsOf: object)
        bytes.append(contentsOf: [UInt8(ascii: "}"), 0x0A])
        return bytes
    }
}

/// One running watch: a position in the changes of its resource.
struct Watch: Sendable {
    let core: APIServerCore
    let resource: ResourceDefinition
    let filter: ObjectFilter
    let renderer: Renderer
    let startVersion: UInt64?
    let sendsInitialEvents: Bool
    let marksEndOfInitialEvents: Bool
    let allowsBookmarks: Bool
    let timeout: Duration

    /// Writes events until the watch ends. Throws what `write` throws, and ``SQLiteError``.
    func run(_ write: ([UInt8]) async throws -> Void) async throws {
        let signal = AsyncSignal()
        core.store.attach(signal, to: resource.storageName)
        core.stopping.attach(signal)
        defer {
            core.store.detach(signal, from: resource.storageName)
            core.stopping.detach(signal)
        }
        let clock = core.clock
        let deadline = clock.monotonic + timeout
        let timer = Task {
            // Only wakes the loop below, which decides whether to send a bookmark or to end.
            while !Task.isCancelled, case let left = deadline - clock.monotonic, left > .zero {
                let next = allowsBookmarks ? min(left, core.bookmarkInterval) : left
                do { try await clock.sleep(for: next) } catch { return }
                signal.signal()
            }
        }
        defer { timer.cancel() }
        var renderer = renderer
        var cursor = startVersion ?? 0
        if sendsInitialEvents {
            let (objects, revision) = core.store.durableList(resource.storageName, namespace: filter.namespace)
            cursor = revision
            var frames: [UInt8] = []
            for object in objects where filter.matches(object) {
                frames += APIServerCore.frame("ADDED", try renderer.single(object, isFirst: frames.isEmpty))
                if frames.count > 1 << 18 {
                    try await write(frames)
                    frames = []
                }
            }
            if marksEndOfInitialEvents {
                frames += APIServerCore.frame("BOOKMARK", renderer.bookmark(cursor, ends: true))
            }
            if !frames.isEmpty { try await write(frames) }
        }
        var lastBookmark = clock.monotonic
        while !Task.isCancelled, !core.stopping.isOpen {
            let durable = core.store.durableRevision
            guard let events = core.store.events(resource.storageName, after: cursor, limit: 256) else {
                let floor = core.store.floor(resource.storageName)
                let status = APIStatus.expired("too old resource version: \(cursor) (\(floor))")
                try await write(APIServerCore.frame("ERROR", status.serverJSON.bytes))
                return
            }
            if let last = events.last {
                var frames: [UInt8] = []
                renderer.now = clock.now
                for event in events {
                    if let frame = try frame(for: event) { frames += frame }
                }
                cursor = last.resourceVersion
                if !frames.isEmpty { try await write(frames) }
                continue
            }
            // The resource has no change up to there; a later bookmark may say so.
            cursor = max(cursor, durable)
            let now = clock.monotonic
            if now >= deadline { return }
            if allowsBookmarks, now - lastBookmark >= core.bookmarkInterval {
                lastBookmark = now
                try await write(APIServerCore.frame("BOOKMARK", renderer.bookmark(cursor, ends: false)))
            }
            await signal.wait()
        }
    }

    /// The frame for an event, nil when the filter hides it. An object that begins to match is ADDED, one that stops
    /// matching is DELETED.
    private func frame(for event: StorageEvent) throws -> [UInt8]? {
        let matches = event.kind != .deleted && filter.matches(event.object)
        let matched = event.previous.map { filter.matches($0) } ?? false
        switch (matched, matches) {
        case (false, true): return APIServerCore.frame("ADDED", try renderer.single(event.object))
        case (true, true): return APIServerCore.frame("MODIFIED", try renderer.single(event.object))
        case (true, false):
            if event.kind == .deleted { return APIServerCore.frame("DELETED", try renderer.single(event.object)) }
            // Send the last state that matched, with the version at which it stopped matching.
            guard let previous = event.previous else { return nil }
            var json = try previous.json(apiVersion: resource.apiVersion, kind: resource.kind)
            var metadata = json["metadata"] ?? [:]
            metadata["resourceVersion"] = .string(String(event.resourceVersion))
            json["metadata"] = metadata
            let stored = StoredObject(
                key: previous.key, resourceVersion: event.resourceVersion, object: json, fields: previous.fields)
            return APIServerCore.frame("DELETED", try renderer.single(stored))
        case (false, false): return nil
        }
    }
}
