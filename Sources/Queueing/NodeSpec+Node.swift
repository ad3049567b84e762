public import GangQueue
public import KubernetesModel

extension NodeSpec {
    /// A node as the queue sees it (rules Q2, Q5). What pods that are not Sluice's ask for, ``foreign``, is for the caller to add.
    public init(_ node: Node) {
        self.init(
            node.metadata.name, allocatable: Resources(node.allocatable, rounding: .down), labels: node.metadata.labels,
            taints: node.taints.compactMap { taint in
                // An effect that no scheduler knows keeps nobody away.
                Taint.Effect(rawValue: taint.effect).map { Taint(taint.key, value: taint.value, effect: $0) }
            },
            schedulable: node.isReady && !node.unschedulable)
    }
}
