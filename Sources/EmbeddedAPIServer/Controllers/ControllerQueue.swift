import JSON
import KubernetesModel
import Logging
import Synchronization

/// The checks that changes of objects ask for, in the order in which they were asked for.
///
/// A check that already waits is not added a second time. Requests add checks; ``APIServerCore/runControllers()`` takes
/// them out and hands each to the controller that knows what to do.
final class ControllerQueue: Sendable {
    /// One thing that a controller has to look at.
    enum Check: Hashable, Sendable {
        /// An object with owners: delete it if none of them is left.
        case owners(StorageKey)
        /// The owner with this UID is gone: its dependents may have to be deleted.
        case ownerGone(String)
        /// A dependent of the owner with this UID is gone: the owner may have waited for that (foreground deletion).
        case dependentGone(String)
        /// An object is marked for deletion and may wait for its dependents.
        case deletion(StorageKey)
        /// A namespace is new or being deleted, or an object in it is gone.
        case namespace(String)
        /// A custom resource definition has changed.
        case definition(String)
    }

    private struct State {
        var checks: [Check] = []
        var known: Set<Check> = []
    }

    private let state = Mutex(State())
    /// To be fired after checks have been added.
    let signal = AsyncSignal()

    /// Adds a check, unless the same one already waits.
    func add(_ check: Check) {
        state.withLock { state in
            if state.known.insert(check).inserted { state.checks.append(check) }
        }
    }

    /// Whether a check of a definition waits.
    var hasDefinitions: Bool {
        state.withLock { state in
            state.checks.contains { if case .definition = $0 { true } else { false } }
        }
    }

    /// Takes the oldest check out; nil when the queue is empty.
    func next() -> Check? {
        state.withLock { state in
            guard !state.checks.isEmpty else { return nil }
            let check = state.checks.removeFirst()
            state.known.remove(check)
            return check
        }
    }
}

extension APIServerCore {
    /// How long events are kept.
    static let eventLifetime: Duration = .seconds(3600)

    /// Runs the controllers until the task is cancelled or the server stops. Old events are deleted every minute.
    func runControllers() async {
        let sweeper = Task { [self] in
            while !Task.isCancelled {
                do { try await ContinuousClock().sleep(for: .seconds(60)) } catch { return }
                await expireEvents()
            }
        }
        stopping.attach(checks.signal)
        while !Task.isCancelled, !stopping.isSet {
            await settle()
            await checks.signal.wait()
        }
        stopping.detach(checks.signal)
        sweeper.cancel()
    }

    /// Does all checks that wait now, and those that they add in turn.
    func settle() async {
        let garbageCollector = GarbageCollector(core: self)
        let namespaceController = NamespaceController(core: self)
        while let check = checks.next() {
            do {
                switch check {
                case .owners(let key): try await garbageCollector.checkOwners(of: key)
                case .ownerGone(let uid):
                    for key in store.dependents(of: uid) {
                        try await garbageCollector.checkOwners(of: key, gone: uid)
                    }
                case .dependentGone(let uid): try await garbageCollector.checkWaitingOwner(uid)
                case .deletion(let key): try await garbageCollector.checkDeletion(of: key)
                case .namespace(let name): try await namespaceController.check(name)
                case .definition(let name): try await checkDefinition(name)
                }
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // The object is gone or has changed meanwhile: that change adds the next check.
            } catch {
                logger.error("the check \(check) failed: \(error)")
            }
        }
    }

    /// Deletes events that are older than ``eventLifetime``.
    func expireEvents() async {
        let limit = clock() - Self.eventLifetime
        for object in store.list("events", namespace: nil).objects {
            guard let json = try? JSONValue(parsing: object.body) else { continue }
            let last = json["lastTimestamp"]?.string ?? json["metadata"]?["creationTimestamp"]?.string
            let created = json["metadata"]?["creationTimestamp"]?.string.flatMap { Timestamp(rfc3339: $0) }
            let newest = max(last.flatMap { Timestamp(rfc3339: $0) } ?? limit, created ?? limit)
            guard newest < limit else { continue }
            do {
                _ = try store.remove(object, last: json, fields: object.fields)
            } catch {
                logger.debug("the event \(object.key.name) changed while it expired")
            }
        }
    }
}

extension APIServerCore {
    /// Adds the checks that an earlier server may have left undone. Called once, before the first request.
    func resumeControllers() {
        for resource in registry.all where !resource.strategy.convertsStorage {
            for object in store.list(resource.storageName, namespace: nil).objects
            where object.isBeingDeleted || !object.ownerUIDs.isEmpty
                || resource.storageName == CustomResources.storageName
            {
                changed(object, resource)
            }
        }
    }

    /// Serves new definitions before the request that made them is answered, so that the client's next request finds
    /// them.
    ///
    /// Refreshes in any case: ``runControllers()`` may have taken the check out of the queue and not done it yet.
    func settleDefinitions() async {
        if checks.hasDefinitions { await settle() }
        refreshDefinitions()
    }
}
