import Clocks
import HTTPServing
import JSON
import KubernetesModel

/// The options of a deletion, from the body of a DELETE and from its parameters.
struct DeletionOptions: Sendable, Hashable {
    enum Propagation: String, Sendable { case background = "Background", foreground = "Foreground", orphan = "Orphan" }

    var uid: String?
    var resourceVersion: String?
    var propagation: Propagation?
    var gracePeriodSeconds: Int64?
    var isDryRun = false

    init() {}

    /// Reads the body and the parameters of a DELETE. Throws `APIStatus` 400, 415 and 422.
    init(_ call: ResourceCall) throws {
        var body: JSONValue = [:]
        do {
            body = try RequestBody.json(call.request) ?? [:]
        } catch let error as JSONError {
            throw APIStatus.badRequest("error decoding DeleteOptions: \(error)")
        }
        try self.init(body)
        let request = call.request
        if let text = request.nonEmptyParameter("propagationPolicy") { try setPropagation(text) }
        if request.flag("orphanDependents") { propagation = propagation ?? .orphan }
        if let seconds = request.nonEmptyParameter("gracePeriodSeconds").flatMap({ Int64($0) }) {
            gracePeriodSeconds = seconds
        }
        if try call.isDryRun() { isDryRun = true }
    }

    /// Reads a `DeleteOptions` object. Throws `APIStatus` 400 and 422.
    init(_ body: JSONValue) throws {
        guard body.object != nil else { throw APIStatus.badRequest("DeleteOptions must be an object") }
        uid = body["preconditions"]?["uid"]?.string
        resourceVersion = body["preconditions"]?["resourceVersion"]?.string
        gracePeriodSeconds = body["gracePeriodSeconds"]?.int
        if body["orphanDependents"] == true { propagation = .orphan }
        if let text = body["propagationPolicy"]?.string { try setPropagation(text) }
        isDryRun = body["dryRun"]?.array?.contains("All") ?? false
        if let seconds = gracePeriodSeconds, seconds < 0 { gracePeriodSeconds = 1 }
    }

    private mutating func setPropagation(_ text: String) throws {
        guard let value = Propagation(rawValue: text) else {
            throw APIStatus.invalid(
                kind: "DeleteOptions", group: "", name: "",
                [.notSupported("propagationPolicy", .string(text), ["Foreground", "Background", "Orphan", "nil"])])
        }
        propagation = value
    }
}

/// The outcome of a deletion.
enum DeletionResult: Sendable {
    /// The object is gone; this was its last state.
    case gone(JSONValue)
    /// The object is marked for deletion and waits for its finalizers or its grace period.
    case marked(JSONValue)
}

extension APIServerCore {
    /// Answers a DELETE of one object. Throws `APIStatus` and ``SQLiteError``.
    func delete(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        let options = try DeletionOptions(call)
        let result = try await delete(call.key, call.resource, options)
        switch result {
        case .marked(let object): return try render(object, call.resource, form)
        case .gone(let object):
            if call.resource.strategy.returnsDeletedObject { return try render(object, call.resource, form) }
            var details = APIStatus.details(call.resource, name: call.name)
            details.uid = object["metadata"]?["uid"]?.string ?? ""
            return InboundResponse([
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details.json,
            ])
        }
    }

    /// Answers a DELETE of a collection. Throws `APIStatus` and ``SQLiteError``.
    func deleteCollection(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        let options = try DeletionOptions(call)
        let filter = try ObjectFilter(call.request, call.resource, namespace: call.path.namespace)
        let page = try page(call, filter)
        try await delete(page.objects, call.resource, options)
        let renderer = Renderer(resource: call.resource, form: form, now: clock.now)
        return InboundResponse(body: .bytes(try renderer.list(page, hasSelector: true)))
    }

    /// Deletes objects of one resource; skips those that are gone already. Throws as the deletion of a single object
    /// does.
    func delete(_ objects: [StoredObject], _ resource: ResourceDefinition, _ options: DeletionOptions) async throws {
        for object in objects {
            do {
                _ = try await delete(object.key, resource, options)
            } catch let status as APIStatus where status.isNotFound {
                continue
            }
        }
    }

    /// Deletes an object, or marks it for deletion while finalizers or a grace period keep it. Returns once that is
    /// durable. Throws `APIStatus`, `JSONError` when the stored object cannot be parsed, and ``SQLiteError``.
    func delete(_ key: StorageKey, _ resource: ResourceDefinition, _ options: DeletionOptions) async throws
        -> DeletionResult
    {
        let now = clock.now
        let renderer = Renderer(resource: resource, form: .whole, now: now)
        while true {
            guard let current = store.get(key) else { throw APIStatus.notFound(resource, key.name) }
            try check(options, current, resource)
            let old = try renderer.tree(current)
            let plan = DeletionPlan(old, resource, options, now: now)
            if plan.object == old, !plan.removes {
                try await store.waitUntilDurable(current.resourceVersion)
                return .marked(old)
            }
            if options.isDryRun { return plan.removes ? .gone(plan.object) : .marked(plan.object) }
            let storedForm = resource.strategy.convertsStorage ? resource.strategy.toStorage(plan.object) : plan.object
            let fields = resource.strategy.fieldValues(storedForm)
            do {
                let stored: StoredObject
                if plan.removes {
                    stored = try store.remove(current, last: storedForm, fields: fields)
                    removed(stored, resource)
                } else {
                    stored = try store.replace(current, with: storedForm, fields: fields)
                    changed(stored, resource)
                }
                try await store.waitUntilDurable(stored.resourceVersion)
                let result = try renderer.tree(stored)
                return plan.removes ? .gone(result) : .marked(result)
            } catch ObjectStore.WriteFailure.changedMeanwhile {
                continue
            }
        }
    }

    /// Checks the preconditions, and that the object may be deleted. Throws `APIStatus` 403 and 409.
    private func check(_ options: DeletionOptions, _ current: StoredObject, _ resource: ResourceDefinition) throws {
        let name = current.key.name
        func conflict(_ why: String) -> APIStatus {
            let kind = resource.group.isEmpty ? resource.kind : "\(resource.kind).\(resource.group)"
            return APIStatus(
                code: 409, reason: "Conflict", message: "Operation cannot be fulfilled on \(kind) \"\(name)\": \(why)",
                details: APIStatus.details(resource, name: name, kind: resource.kind))
        }
        if let uid = options.uid, uid != current.uid {
            throw conflict(
                "the UID in the precondition (\(uid)) does not match the UID in record (\(current.uid)). The object might"
                    + " have been deleted and then recreated")
        }
        if let version = options.resourceVersion, version != String(current.resourceVersion) {
            throw conflict(
                "the ResourceVersion in the precondition (\(version)) does not match the ResourceVersion in record"
                    + " (\(current.resourceVersion)). The object might have been modified")
        }
        if resource.storageName == "namespaces", ["default", "kube-system", "kube-public"].contains(name) {
            throw APIStatus.forbidden(resource, name, "this namespace may not be deleted")
        }
    }
}

/// The new state of an object that is deleted, and whether it is removed at once.
struct DeletionPlan: Sendable {
    var object: JSONValue
    var removes: Bool

    init(_ old: JSONValue, _ resource: ResourceDefinition, _ options: DeletionOptions, now: Timestamp) {
        var object = old
        var metadata = old["metadata"] ?? [:]
        var finalizers = metadata["finalizers"]?.strings ?? []
        switch options.propagation {
        case .foreground?: Self.set(&finalizers, "foregroundDeletion", not: "orphan")
        case .orphan?: Self.set(&finalizers, "orphan", not: "foregroundDeletion")
        case .background?: finalizers.removeAll { ["orphan", "foregroundDeletion"].contains($0) }
        case nil: break
        }
        metadata["finalizers"] = finalizers.isEmpty ? nil : JSONValue(finalizers)
        var grace: Int64 = 0
        let isGraceful = resource.storageName == "pods"
        if isGraceful {
            grace = options.gracePeriodSeconds ?? old["spec"]?["terminationGracePeriodSeconds"]?.int ?? 30
            // The shortest one with a chance to end by itself.
            if grace < 0 { grace = 1 }
            let phase = old["status"]?["phase"]?.string
            // A pod without a node, or one that has ended, has no process to stop: no grace period.
            if old["spec"]?["nodeName"]?.string ?? "" == "" || phase == "Succeeded" || phase == "Failed" { grace = 0 }
        }
        var isRemovable = finalizers.isEmpty && grace == 0
        if resource.storageName == "namespaces" {
            isRemovable = finalizers.isEmpty && old["spec"]?["finalizers"]?.array?.isEmpty ?? true
            object["status"] = ["phase": "Terminating", "conditions": old["status"]?["conditions"] ?? .null]
            if object["status"]?["conditions"]?.isNull == true { object["status"] = ["phase": "Terminating"] }
        }
        if resource.storageName == CustomResources.storageName, metadata["deletionTimestamp"] == nil {
            // Keep the definition until its objects are deleted.
            finalizers.append(CustomResources.finalizer)
            metadata["finalizers"] = JSONValue(finalizers)
            isRemovable = false
        }
        let isMarked = metadata["deletionTimestamp"] != nil
        let oldGrace = metadata["deletionGracePeriodSeconds"]?.int
        // A second deletion can shorten the grace period, not lengthen it.
        let isSooner = isGraceful && (oldGrace.map { grace < $0 } ?? true)
        if !isMarked || isSooner {
            let mustMark = isGraceful || !isRemovable
            if mustMark {
                if !isMarked || isSooner {
                    metadata["deletionTimestamp"] = .string((now + .seconds(grace)).wholeSecond.rfc3339)
                }
                if resource.storageName != "namespaces" { metadata["deletionGracePeriodSeconds"] = .int(grace) }
                if resource.strategy.tracksGeneration, !isMarked || isSooner {
                    metadata["generation"] = .int((metadata["generation"]?.int ?? 0) + 1)
                }
            }
        }
        if isGraceful, isMarked, !isSooner { isRemovable = finalizers.isEmpty && (oldGrace ?? 0) == 0 && grace == 0 }
        object["metadata"] = metadata
        self.object = object
        removes = isRemovable
    }

    private static func set(_ finalizers: inout [String], _ wanted: String, not other: String) {
        finalizers.removeAll { $0 == other }
        if !finalizers.contains(wanted) { finalizers.append(wanted) }
    }
}
