import AsyncPrimitives
import Clocks
import JSON
import KubernetesModel
import Logging

extension APIServerCore {
    /// How long events are kept.
    static let eventLifetime: Duration = .seconds(3600)

    /// Runs the controllers until the task is cancelled or the server stops. Old events are deleted every minute.
    func runControllers() async {
        let sweeper = Task { [self] in
            while !Task.isCancelled {
                do { try await clock.sleep(for: .seconds(60)) } catch { return }
                await expireEvents()
            }
        }
        stopping.attach(checks.signal)
        while !Task.isCancelled, !stopping.isOpen {
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
                case .quotas(let namespace): try await checkQuotas(namespace)
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
        let limit = clock.now - Self.eventLifetime
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
