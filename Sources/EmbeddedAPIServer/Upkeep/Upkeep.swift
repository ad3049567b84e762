import JSON
import KubernetesModel
import Logging
import Synchronization

/// What has to be looked after when objects change: a de-duplicated list of things to check.
final class Upkeep: Sendable {
    enum Task: Hashable, Sendable {
        /// An object with owners: is any of them still there?
        case owners(StorageKey)
        /// An owner is gone: its dependents may have to go.
        case ownerGone(String)
        /// A dependent is gone: its owner may have waited for that (foreground deletion).
        case dependentGone(String)
        /// An object is marked for deletion and may wait for its dependents.
        case deletion(StorageKey)
        /// A namespace is being deleted, or something in it is gone.
        case namespace(String)
        /// A custom resource definition has changed.
        case definition(String)
    }

    private let queue = Mutex<(tasks: [Task], known: Set<Task>)>(([], []))
    let signal = WatchSignal()

    func add(_ task: Task) {
        queue.withLock { queue in
            if queue.known.insert(task).inserted { queue.tasks.append(task) }
        }
    }

    /// Events live for an hour: the sweep below looks after them.
    func noteEvent() {}

    /// Whether a definition is to be looked at.
    var hasDefinitions: Bool {
        queue.withLock { queue in
            queue.tasks.contains { if case .definition = $0 { true } else { false } }
        }
    }

    func next() -> Task? {
        queue.withLock { queue in
            guard !queue.tasks.isEmpty else { return nil }
            let task = queue.tasks.removeFirst()
            queue.known.remove(task)
            return task
        }
    }
}

extension APIServerCore {
    /// How long events are kept.
    static let eventLifetime: Duration = .seconds(3600)

    /// Looks after things until the task is cancelled or the server stops.
    func runUpkeep() async {
        let sweeper = _Concurrency.Task { [self] in
            while !_Concurrency.Task.isCancelled {
                do { try await ContinuousClock().sleep(for: .seconds(60)) } catch { return }
                await expireEvents()
            }
        }
        stopping.attach(upkeep.signal)
        while !_Concurrency.Task.isCancelled, !stopping.isSet {
            await settle()
            await upkeep.signal.wait()
        }
        stopping.detach(upkeep.signal)
        sweeper.cancel()
    }

    /// Does all that is to be done now, what comes of it included.
    func settle() async {
        while let task = upkeep.next() {
            do {
                switch task {
                case .owners(let key): try await checkOwners(of: key)
                case .ownerGone(let uid):
                    for key in store.dependents(of: uid) { try await checkOwners(of: key) }
                case .dependentGone(let uid): try await checkWaitingOwner(uid)
                case .deletion(let key): try await checkDeletion(of: key)
                case .namespace(let name): try await checkNamespace(name)
                case .definition(let name): try await checkDefinition(name)
                }
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // Gone or changed meanwhile: the change itself brings the next check.
            } catch {
                logger.error("upkeep of \(task) failed: \(error)")
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
    /// Takes up what a server that ended had not finished.
    func resumeUpkeep() {
        for resource in registry.all where !resource.strategy.convertsStorage {
            for object in store.list(resource.storageName, namespace: nil).objects
            where object.isBeingDeleted || !object.ownerUIDs.isEmpty
                || resource.storageName == CustomResources.storageName
            {
                changed(object, resource)
            }
        }
    }

    /// Serves new definitions before the request that made them is answered, so that what follows finds them. The upkeep may
    /// have taken the check off its list and not done it yet: hence the refresh in any case.
    func settleDefinitions() async {
        if upkeep.hasDefinitions { await settle() }
        refreshDefinitions()
    }
}
