import JSON
import KubernetesModel

/// The required pod affinity and anti-affinity of a pod, on a cluster of one node: a pod is beside another in every topology whose key is
/// among the labels of the node, and in no other.
struct PodAffinity: Sendable, Hashable {
    private struct Term: Sendable, Hashable {
        var topologyKey: String
        /// nil selects nothing.
        var selector: LabelSelector?
        /// nil for all.
        var namespaces: [String]?

        func selects(_ pod: Identity) -> Bool {
            guard let selector, namespaces?.contains(pod.namespace) ?? true else { return false }
            return selector.matches(pod.labels)
        }
    }

    /// What terms look at of a pod.
    struct Identity: Sendable, Hashable {
        var namespace: String
        var labels: [String: String]
    }

    private var together: [Term]
    private var apart: [Term]
    private var identity: Identity

    /// nil for a pod that asks for neither.
    init?(_ pod: NodePod) {
        identity = Identity(namespace: pod.metadata.namespace, labels: pod.metadata.labels)
        let own = identity
        func terms(_ affinity: String) -> [Term] {
            (pod.spec[path: "affinity", affinity, "requiredDuringSchedulingIgnoredDuringExecution"]?.array ?? []).map {
                term in
                let listed = term["namespaces"]?.strings ?? []
                // This node does not know the labels of namespaces: a selector of them takes all, as an empty one does.
                let everywhere = term["namespaceSelector"].map { !$0.isNull } ?? false
                var selector = term["labelSelector"].flatMap { $0.isNull ? nil : LabelSelector(validated: $0) }
                for (field, kind) in [
                    ("matchLabelKeys", LabelSelector.Requirement.Operator.isIn), ("mismatchLabelKeys", .isNotIn),
                ] {
                    for key in term[field]?.strings ?? [] {
                        guard let value = own.labels[key] else { continue }
                        selector?.matchExpressions.append(LabelSelector.Requirement(key, kind, [value]))
                    }
                }
                return Term(
                    topologyKey: term["topologyKey"]?.string ?? "", selector: selector,
                    namespaces: everywhere ? nil : listed.isEmpty ? [own.namespace] : listed)
            }
        }
        together = terms("podAffinity")
        apart = terms("podAntiAffinity")
        if together.isEmpty, apart.isEmpty { return nil }
    }

    /// Why the pod may not come to a node with these labels beside those pods, in kube-scheduler's words; nil when it may.
    func problem(on labels: [String: String], beside others: some Collection<Identity>) -> String? {
        // As with kube-scheduler those count that all terms select. The first of a group that wants to be together may begin it.
        let together = together
        func isOfGroup(_ pod: Identity) -> Bool { together.allSatisfy { $0.selects(pod) } }
        let isTogether =
            together.isEmpty
            || together.allSatisfy { labels[$0.topologyKey] != nil }
                && (isOfGroup(identity) || others.contains(where: isOfGroup))
        if !isTogether { return "1 node(s) didn't match pod affinity rules" }
        let isApart = apart.allSatisfy { term in
            labels[term.topologyKey] == nil || !others.contains(where: term.selects)
        }
        return isApart ? nil : "1 node(s) didn't match pod anti-affinity rules"
    }

    /// Whether a pod that is on a node with these labels keeps another one away.
    func refuses(_ other: Identity, on labels: [String: String]) -> Bool {
        apart.contains { labels[$0.topologyKey] != nil && $0.selects(other) }
    }
}
