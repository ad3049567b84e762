import JSON
import KubernetesModel

/// What a pod needs of a node. Pods with equal needs fit or do not fit together.
struct PodNeeds: Sendable, Hashable {
    var amounts: NodeScheduler.Amounts
    var nodeSelector: [String: String]
    /// The terms of the required node affinity, of which one has to match; nil when there is none.
    var affinity: [JSONValue]?
    var tolerations: [JSONValue]
    /// The topologies over which it must be spread.
    var topologies: [String] = []
    /// What it asks of the pods beside it; nil for nothing.
    var beside: PodAffinity?

    /// What a pod needs.
    init(_ pod: NodePod) {
        self.init(pod.spec)
        beside = PodAffinity(pod)
    }

    /// What a pod with that spec needs, whatever pods are there.
    init(_ spec: JSONValue) {
        topologies = (spec["topologySpreadConstraints"]?.array ?? []).compactMap {
            $0["whenUnsatisfiable"] == "DoNotSchedule" ? $0["topologyKey"]?.string : nil
        }
        amounts = NodeScheduler.requests(spec)
        nodeSelector = spec["nodeSelector"]?.stringMap ?? [:]
        affinity =
            spec[path: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]?[
                "nodeSelectorTerms"]?.array
        tolerations = spec["tolerations"]?.array ?? []
    }

    func tolerates(key: String, value: String, effect: String) -> Bool {
        tolerations.contains { toleration in
            let wanted = toleration["effect"]?.string ?? ""
            guard wanted.isEmpty || wanted == effect else { return false }
            let name = toleration["key"]?.string ?? ""
            let isExists = toleration["operator"] == "Exists"
            if name.isEmpty { return isExists }
            return name == key && (isExists || toleration["value"]?.string ?? "" == value)
        }
    }
}

/// What of a Node object decides which pods it takes, besides its room.
struct NodeFacts: Sendable, Hashable {
    struct Taint: Sendable, Hashable {
        var key: String
        var value: String
        var effect: String
    }

    var name: String
    var labels: [String: String]
    /// Whether it is cordoned.
    var isUnschedulable = false
    var taints: [Taint] = []

    init(name: String, labels: [String: String]) {
        self.name = name
        self.labels = labels
    }

    /// Reads a Node.
    init(_ json: JSONValue) {
        name = json["metadata"]?["name"]?.string ?? ""
        labels = json["metadata"]?["labels"]?.stringMap ?? [:]
        isUnschedulable = json["spec"]?["unschedulable"] == true
        taints = (json["spec"]?["taints"]?.array ?? []).map {
            Taint(
                key: $0["key"]?.string ?? "", value: $0["value"]?.string ?? "", effect: $0["effect"]?.string ?? "")
        }
    }

    /// Why the node does not suit a pod however much room it has, in kube-scheduler's words and order; nil when it does.
    func problem(_ needs: PodNeeds) -> String? {
        let cordon = "node.kubernetes.io/unschedulable"
        if isUnschedulable, !needs.tolerates(key: cordon, value: "", effect: "NoSchedule") {
            return "1 node(s) were unschedulable"
        }
        let refusing = taints.first { taint in
            taint.effect != "PreferNoSchedule"
                && !needs.tolerates(key: taint.key, value: taint.value, effect: taint.effect)
        }
        if let refusing { return "1 node(s) had untolerated taint {\(refusing.key): \(refusing.value)}" }
        let isChosen =
            needs.nodeSelector.allSatisfy { labels[$0.key] == $0.value }
            && (needs.affinity.map { terms in terms.contains { matches($0) } } ?? true)
        guard isChosen else { return "1 node(s) didn't match Pod's node affinity/selector" }
        // With one node there is one domain, over which all is spread, where it has one.
        let isSpread = needs.topologies.allSatisfy { labels[$0] != nil }
        return isSpread ? nil : "1 node(s) didn't match pod topology spread constraints (missing required label)"
    }

    /// Whether a term of a node affinity matches; an empty one matches nothing.
    private func matches(_ term: JSONValue) -> Bool {
        let expressions = term["matchExpressions"]?.array ?? []
        let fields = term["matchFields"]?.array ?? []
        guard !expressions.isEmpty || !fields.isEmpty else { return false }
        return expressions.allSatisfy { Self.matches($0, labels[$0["key"]?.string ?? ""]) }
            && fields.allSatisfy { Self.matches($0, $0["key"] == "metadata.name" ? name : nil) }
    }

    private static func matches(_ requirement: JSONValue, _ value: String?) -> Bool {
        let values = requirement["values"]?.strings ?? []
        func compare(_ isMet: (Int64, Int64) -> Bool) -> Bool {
            guard let number = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
                return false
            }
            return isMet(number, bound)
        }
        return switch requirement["operator"]?.string {
        case "In": value.map { values.contains($0) } ?? false
        case "NotIn": value.map { !values.contains($0) } ?? true
        case "Exists": value != nil
        case "DoesNotExist": value == nil
        case "Gt": compare(>)
        case "Lt": compare(<)
        default: false
        }
    }
}
