public import GangQueue
public import JSON
import KubernetesModel
import SluiceAPI

/// What a pod's manifest says to the queue, and what the queue cannot heed.
public struct PodGroupReading: Sendable, Hashable {
    public var group: PodGroup
    /// What the kube-scheduler will ask for and GangQueue cannot, each as the end of "the queue does not heed ...": pods may be
    /// admitted and then wait for it.
    public var unheeded: [String]
}

extension PodGroup {
    /// Reads `count` pods of one manifest, of which `required` have to start together.
    ///
    /// Heeded are requests, tolerations, nodeSelector, required node affinity, nodeName, and the anti-affinity of these pods to each
    /// other on the hostname. What cannot be read never widens the choice of nodes.
    public static func reading(_ pod: JSONValue, count: Int = 1, required: Int? = nil) -> PodGroupReading {
        let spec = pod["spec"] ?? .null
        var unheeded: [String] = []
        let affinity = nodeAffinity(spec, &unheeded)
        let group = PodGroup(
            Resources(PodRequests(spec: spec)), count: count, required: required,
            tolerations: tolerations(spec, &unheeded), nodeSelector: spec["nodeSelector"]?.stringMap ?? [:],
            affinity: affinity, separateHosts: separateHosts(pod, spec, &unheeded))
        for constraint in spec["topologySpreadConstraints"]?.array ?? []
        where constraint["whenUnsatisfiable"] != "ScheduleAnyway" {
            unheeded.append("the topology spread over \(constraint["topologyKey"]?.string ?? "a topology")")
        }
        if !(spec["resourceClaims"]?.array ?? []).isEmpty { unheeded.append("the resource claims") }
        return PodGroupReading(group: group, unheeded: unheeded)
    }

    // MARK: Nodes

    private static func tolerations(_ spec: JSONValue, _ unheeded: inout [String]) -> [Toleration] {
        (spec["tolerations"]?.array ?? []).compactMap { entry in
            let key = entry["key"]?.string ?? ""
            let text = entry["effect"]?.string ?? ""
            let effect = Taint.Effect(rawValue: text)
            guard text.isEmpty || effect != nil else { return nil }
            let value: String?
            switch entry["operator"]?.string ?? "" {
            case "Exists": value = nil
            case "", "Equal": value = entry["value"]?.string ?? ""
            case let other:
                unheeded.append("the toleration of \(key) with the operator \(other)")
                return nil
            }
            return Toleration(key: key.isEmpty ? nil : key, value: value, effect: effect)
        }
    }

    /// The terms of required node affinity, and the node of a pod that names one.
    private static func nodeAffinity(_ spec: JSONValue, _ unheeded: inout [String]) -> [[NodeRequirement]]? {
        var terms: [[NodeRequirement]]?
        if let required = spec[path: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"],
            !required.isNull
        {
            var found: [[NodeRequirement]] = []
            for term in required["nodeSelectorTerms"]?.array ?? [] {
                let expressions = term["matchExpressions"]?.array ?? []
                if expressions.contains(where: { $0["key"]?.string == nameField }) {
                    unheeded.append("the label \(nameField) of nodes, which is taken for their name")
                }
                var requirements = expressions.map(requirement)
                for field in term["matchFields"]?.array ?? [] {
                    let isName = field["key"]?.string == nameField
                    requirements.append(isName ? requirement(field) : never)
                }
                // A term that says nothing allows nothing.
                if !requirements.isEmpty { found.append(requirements) }
            }
            terms = found
        }
        guard let node = spec["nodeName"]?.string, !node.isEmpty else { return terms }
        return (terms ?? [[]]).map { $0 + [NodeRequirement(nameField, .isIn, [node])] }
    }

    private static let nameField = "metadata.name"
    /// What no node has.
    private static let never = NodeRequirement(nameField, .isIn, [])

    private static func requirement(_ json: JSONValue) -> NodeRequirement {
        guard let key = json["key"]?.string,
            let found = json["operator"]?.string.flatMap(NodeRequirement.Operator.init(rawValue:))
        else { return never }
        return NodeRequirement(key, found, json["values"]?.strings ?? [])
    }

    // MARK: Other pods

    private static let hostname = "kubernetes.io/hostname"

    /// Whether no two of these pods can be on one node.
    private static func separateHosts(_ pod: JSONValue, _ spec: JSONValue, _ unheeded: inout [String]) -> Bool {
        var isSeparate = false
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        for term in spec[path: "affinity", "podAntiAffinity", required]?.array ?? [] {
            // A term without a selector selects no pods.
            guard let selector = term["labelSelector"], !selector.isNull else { continue }
            if term["topologyKey"]?.string == hostname, selectsItself(pod, term, selector) {
                isSeparate = true
            } else {
                unheeded.append("the pod anti-affinity on \(term["topologyKey"]?.string ?? "a topology")")
            }
        }
        for term in spec[path: "affinity", "podAffinity", required]?.array ?? [] {
            unheeded.append("the pod affinity on \(term["topologyKey"]?.string ?? "a topology")")
        }
        if hasHostPort(spec) {
            // Of two pods with one port only one can be on a node; who else has that port is not known.
            isSeparate = true
            unheeded.append("the host ports of other pods")
        }
        return isSeparate
    }

    /// Whether a term of pod affinity is about pods like this one.
    private static func selectsItself(_ pod: JSONValue, _ term: JSONValue, _ selector: JSONValue) -> Bool {
        let labels = pod[path: "metadata", "labels"]?.stringMap ?? [:]
        let namespace = pod[path: "metadata", "namespace"]?.string
        let listed = term["namespaces"]?.strings ?? []
        // An empty selector of namespaces means all of them; what another one selects is not known here.
        let everywhere = term["namespaceSelector"].flatMap { $0.isNull ? nil : $0.object?.isEmpty ?? false }
        let isOwnNamespace =
            everywhere == true || namespace.map(listed.contains) == true || (listed.isEmpty && everywhere == nil)
        // Keys whose values must differ exclude pods with the same labels.
        let differing = term["mismatchLabelKeys"]?.strings ?? []
        return isOwnNamespace && differing.allSatisfy { labels[$0] == nil }
            && LabelSelector(validated: selector).matches(labels)
    }

    private static func hasHostPort(_ spec: JSONValue) -> Bool {
        let usesHostNetwork = spec["hostNetwork"]?.bool == true
        return ["containers", "initContainers"].contains { field in
            (spec[field]?.array ?? []).contains { container in
                (container["ports"]?.array ?? []).contains { port in
                    usesHostNetwork || (port["hostPort"]?.int ?? 0) > 0
                }
            }
        }
    }
}
