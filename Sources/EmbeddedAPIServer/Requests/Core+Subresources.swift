import Clocks
import HTTPServing
import JSON
import KubernetesModel

extension APIServerCore {
    /// Answers a request to a subresource that is not the object itself; nil for `status` and `finalize`. Throws
    /// `APIStatus`.
    func respondToSubresource(_ call: ResourceCall) async throws -> InboundResponse? {
        switch (call.resource.storageName, call.subresource ?? "", call.request.method) {
        case (_, "status", _):
            guard ["GET", "HEAD", "PUT", "PATCH"].contains(call.request.method) else {
                throw APIStatus.methodNotAllowed()
            }
            return nil
        case ("namespaces", "finalize", "PUT"): return nil
        case ("pods", "log", "GET"): return try await log(call)
        case ("pods", "binding", "POST"): return try await bind(call)
        case ("pods", "eviction", "POST"): return try await evict(call)
        default: throw APIStatus.methodNotAllowed()
        }
    }

    private func pod(_ call: ResourceCall) throws -> (stored: StoredObject, json: JSONValue) {
        guard let stored = store.get(call.key) else { throw APIStatus.notFound(call.resource, call.name) }
        return (stored, try JSONValue(parsing: stored.body))
    }

    /// Binds a pod to a node.
    private func bind(_ call: ResourceCall) async throws -> InboundResponse {
        let body = try decodeBody(call)
        let isDryRun = try call.isDryRun()
        guard let node = body["target"]?["name"]?.string, !node.isEmpty else {
            throw APIStatus.invalid(
                kind: "Binding", group: "", name: call.name, [.required("target.name")])
        }
        if let kind = body["target"]?["kind"]?.string, !kind.isEmpty, kind != "Node" {
            throw APIStatus.invalid(
                kind: "Binding", group: "", name: call.name,
                [.notSupported("target.kind", .string(kind), ["Node", "<empty>"])])
        }
        let (stored, current) = try pod(call)
        func refuse(_ why: String) -> APIStatus {
            var status = APIStatus.conflict(call.resource, call.name, why)
            status.message = "Operation cannot be fulfilled on pods/binding \"\(call.name)\": \(why)"
            status.details?.kind = "pods/binding"
            return status
        }
        if let uid = body["metadata"]?["uid"]?.string, !uid.isEmpty, uid != stored.uid {
            throw refuse(
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(stored.uid)")
        }
        if stored.isBeingDeleted { throw refuse("pod \(call.name) is being deleted, cannot be assigned to a host") }
        if let there = current["spec"]?["nodeName"]?.string, !there.isEmpty {
            throw refuse("pod \(call.name) is already assigned to node \"\(there)\"")
        }
        if current["spec"]?["schedulingGates"]?.array?.isEmpty == false {
            throw refuse("pod \(call.name) has non-empty .spec.schedulingGates")
        }
        if !isDryRun {
            let now = clock.now.wholeSecond
            let version = try await edit(call.key, call.resource) { pod in
                guard pod["spec"]?["nodeName"]?.string ?? "" == "" else {
                    throw refuse("pod \(call.name) is already assigned")
                }
                pod["spec"]?["nodeName"] = .string(node)
                for (key, value) in body["metadata"]?["annotations"]?.object ?? [:] {
                    pod["metadata"]?.setDefault(["annotations", key], value)
                }
                Self.setCondition(
                    [
                        "type": "PodScheduled", "status": "True", "lastProbeTime": .null,
                        "lastTransitionTime": .string(now.rfc3339),
                    ], of: &pod)
            }
            if let version { try await store.waitUntilDurable(version) }
        }
        return Self.success
    }

    /// Sets a condition, replacing the one of the same type.
    private static func setCondition(_ condition: JSONValue, of pod: inout JSONValue) {
        var conditions = pod["status"]?["conditions"]?.array ?? []
        conditions.removeAll { $0["type"] == condition["type"] }
        conditions.append(condition)
        pod["status"]?["conditions"] = .array(conditions)
    }

    private static let success = InboundResponse(
        ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201], status: 201)

    /// Deletes a pod with the condition DisruptionTarget. Disruption budgets are not checked.
    private func evict(_ call: ResourceCall) async throws -> InboundResponse {
        let body = try decodeBody(call)
        let (stored, json) = try pod(call)
        var options = try DeletionOptions(body["deleteOptions"] ?? [:])
        if try call.isDryRun() { options.isDryRun = true }
        let isRunning = !["Succeeded", "Failed", "Pending"].contains(json["status"]?["phase"] ?? "")
        if !options.isDryRun, isRunning, !stored.isBeingDeleted {
            let now = clock.now.wholeSecond
            try await edit(call.key, call.resource) { pod in
                Self.setCondition(
                    [
                        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
                        "message": "Eviction API: evicting", "lastProbeTime": .null,
                        "lastTransitionTime": .string(now.rfc3339),
                    ], of: &pod)
            }
        }
        _ = try await delete(call.key, call.resource, options)
        return Self.success
    }

    /// The log of a container, from the ``PodLogSource``.
    private func log(_ call: ResourceCall) async throws -> InboundResponse {
        let options = try logOptions(call)
        let (stored, json) = try pod(call)
        let container = try container(call, json)
        guard let node = json["spec"]?["nodeName"]?.string, !node.isEmpty else {
            // The pod has no node yet: its log is empty.
            return InboundResponse(contentType: "text/plain", body: .bytes([]))
        }
        guard let logSource, store.get(StorageKey(resource: "nodes", namespace: "", name: node)) != nil else {
            throw APIStatus.notFound(call.resource, node)
        }
        let stream = try await logSource.logs(
            namespace: call.namespace, pod: call.name, uid: stored.uid, container: container, options: options)
        return InboundResponse(
            contentType: "text/plain",
            body: .stream { write in for try await bytes in stream where !bytes.isEmpty { try await write(bytes) } })
    }

    /// What is asked for of a log. Throws `APIStatus` 400 for what cannot be read and 422 for what is not allowed.
    private func logOptions(_ call: ResourceCall) throws -> PodLogOptions {
        let request = call.request
        var options = PodLogOptions()
        options.follow = request.flag("follow")
        options.previous = request.flag("previous")
        options.timestamps = request.flag("timestamps")
        var errors: [FieldError] = []
        func number(_ name: String, from least: Int, _ rule: String) throws -> Int? {
            guard let text = request.nonEmptyParameter(name) else { return nil }
            guard let number = Int(text) else {
                let digits = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
                let isLarge = !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
                throw APIStatus.badRequest(
                    "strconv.ParseInt: parsing \(JSONValue.string(text).text): "
                        + (isLarge ? "value out of range" : "invalid syntax"))
            }
            if number < least {
                errors.append(.invalid(FieldPath.root.field(name), .int(Int64(number)), rule))
            }
            return number
        }
        options.tailLines = try number("tailLines", from: 0, "must be greater than or equal to 0")
        options.limitBytes = try number("limitBytes", from: 1, "must be greater than 0")
        let seconds = try number("sinceSeconds", from: .min, "")
        // "null" is no time, as in JSON.
        if let text = request.nonEmptyParameter("sinceTime"), text != "null" {
            guard let time = Timestamp(rfc3339: text) else {
                throw APIStatus.badRequest(
                    "parsing time \(JSONValue.string(text).text) as \"2006-01-02T15:04:05Z07:00\": cannot parse it")
            }
            options.sinceTime = time
        }
        options.sinceSeconds = seconds
        if seconds != nil, options.sinceTime != nil {
            errors.append(.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
        } else if let seconds, seconds < 1 {
            errors.append(.invalid("sinceSeconds", .int(Int64(seconds)), "must be greater than 0"))
        }
        if let text = request.nonEmptyParameter("stream") {
            if let stream = PodLogOptions.Stream(rawValue: text) {
                options.stream = stream
            } else {
                errors.append(
                    .notSupported("stream", .string(text), PodLogOptions.Stream.allCases.map(\.rawValue).sorted()))
            }
            if text != PodLogOptions.Stream.all.rawValue, options.tailLines != nil {
                errors.append(.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now"))
            }
        }
        guard errors.isEmpty else {
            throw APIStatus.invalid(kind: "PodLogOptions", group: "", name: call.name, errors)
        }
        return options
    }

    /// The container whose log is asked for: the named one, else the only one. Throws `APIStatus` 400.
    private func container(_ call: ResourceCall, _ pod: JSONValue) throws -> String {
        func names(_ field: String) -> [String] {
            (pod["spec"]?[field]?.array ?? []).compactMap { $0["name"]?.string }
        }
        let containers = names("containers")
        let initContainers = names("initContainers")
        if let name = call.request.nonEmptyParameter("container") {
            guard (containers + initContainers + names("ephemeralContainers")).contains(name) else {
                throw APIStatus.badRequest("container \(name) is not valid for pod \(call.name)")
            }
            return name
        }
        guard containers.count == 1, let only = containers.first else {
            throw APIStatus.badRequest(
                "a container name must be specified for pod \(call.name), choose one of:"
                    + " [\(containers.joined(separator: " "))]"
                    + (initContainers.isEmpty
                        ? "" : " or one of the init containers: [\(initContainers.joined(separator: " "))]"))
        }
        return only
    }
}
