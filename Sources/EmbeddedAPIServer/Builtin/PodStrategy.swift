import JSON
import KubernetesModel

/// The rules of pods.
struct PodStrategy: ResourceStrategy {
    let type = SimpleStrategy("Pod").type
    var skeleton: JSONValue { ["metadata": [:], "spec": ["containers": .null], "status": [:]] }
    var tracksGeneration: Bool { true }
    var returnsDeletedObject: Bool { true }

    var selectableFields: [String] {
        [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.nominatedNodeName",
        ]
    }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        if object["spec"] == nil { object["spec"] = [:] }
        PodDefaults.apply(&object)
    }

    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws {
        var spec = object["spec"] ?? [:]
        spec.setDefault(["serviceAccountName"], "default")
        spec["serviceAccount"] = spec["serviceAccountName"]
        try setPriority(&spec, name: object["metadata"]?["name"]?.string ?? "", cluster)
        var tolerations = spec["tolerations"]?.array ?? []
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        where !tolerations.contains(where: {
            ($0["key"]?.string == key || $0["key"] == nil && $0["operator"] == "Exists")
                && ($0["effect"] == "NoExecute" || $0["effect"] == nil)
        }) {
            tolerations.append([
                "key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            ])
        }
        spec["tolerations"] = .array(tolerations)
        object["spec"] = spec
        var status: JSONValue = ["phase": "Pending", "qosClass": .string(Self.qualityOfService(spec))]
        if spec["schedulingGates"]?.array?.isEmpty == false {
            status["conditions"] = [Self.gatedCondition(now)]
        }
        object["status"] = status
    }

    private static func gatedCondition(_ now: Timestamp) -> JSONValue {
        [
            "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
            "lastTransitionTime": .string(now.wholeSecond.rfc3339), "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        ]
    }

    private func setPriority(_ spec: inout JSONValue, name: String, _ cluster: any ClusterView) throws {
        let resource = "priorityclasses.scheduling.k8s.io"
        let className = spec["priorityClassName"]?.string ?? ""
        func refuse(_ why: String) -> APIStatus {
            var details = APIStatus.Details()
            details.name = name
            details.kind = "pods"
            return APIStatus(
                code: 403, reason: "Forbidden", message: "pods \"\(name)\" is forbidden: \(why)", details: details)
        }
        let found: JSONValue?
        if className.isEmpty {
            found = cluster.objects(resource, namespace: nil).first { $0["globalDefault"] == true }
            if let found { spec["priorityClassName"] = found["metadata"]?["name"] }
        } else {
            found = cluster.object(resource, namespace: "", name: className)
            guard found != nil else { throw refuse("no PriorityClass with name \(className) was found") }
        }
        let computed = found?["value"] ?? 0
        if let given = spec["priority"], given != computed {
            throw refuse(
                "the integer value of priority (\(given.rendered)) must not be provided in pod spec; priority admission"
                    + " controller computed \(computed.rendered) from the given PriorityClass name")
        }
        let policy = found?["preemptionPolicy"] ?? "PreemptLowerPriority"
        if let given = spec["preemptionPolicy"], given != policy {
            throw refuse(
                "the string value of PreemptionPolicy (\(given.rendered)) must not be provided in pod spec; priority"
                    + " admission controller computed \(policy.rendered) from the given PriorityClass name")
        }
        spec["priority"] = computed
        spec["preemptionPolicy"] = policy
    }

    /// The QoS class: Guaranteed when all requests equal their limits, BestEffort when there are none, else Burstable.
    static func qualityOfService(_ spec: JSONValue) -> String {
        let containers = (spec["containers"]?.array ?? []) + (spec["initContainers"]?.array ?? [])
        var asks = false
        var isGuaranteed = true
        for container in containers {
            let resources = container["resources"]
            for name in ["cpu", "memory"] {
                let request = resources?["requests"]?[name].flatMap { Quantity(json: $0) } ?? .zero
                let limit = resources?["limits"]?[name].flatMap { Quantity(json: $0) } ?? .zero
                if request > .zero || limit > .zero { asks = true }
                if limit.isZero || limit != request { isGuaranteed = false }
            }
        }
        return asks ? (isGuaranteed ? "Guaranteed" : "Burstable") : "BestEffort"
    }

    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?) {
        if subresource == "status" {
            object["status"]?["qosClass"] = old["status"]?["qosClass"]
        }
        // A replacement that leaves out fields set by admission keeps them.
        for field in ["serviceAccountName", "serviceAccount", "priority", "preemptionPolicy", "nodeName"] {
            if let value = old["spec"]?[field] { object["spec"]?.setDefault([field], value) }
        }
        if object["spec"]?["tolerations"] == nil { object["spec"]?["tolerations"] = old["spec"]?["tolerations"] }
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] {
        if subresource == "status" { return [] }
        if let old { return PodRules.updateErrors(object, old: old) }
        return PodRules.errors(object)
    }

    var columns: [TableColumn] { PodColumns.all }
}
