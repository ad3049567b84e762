/// A node as the queue sees it (Q2, Q5).
public struct NodeSpec: Sendable, Hashable {
    public var name: String
    /// What pods may use; `pods` among it.
    public var allocatable: Resources
    public var labels: [String: String]
    public var taints: [Taint]
    /// Ready and not cordoned.
    public var schedulable: Bool
    /// What pods that are not Sluice's ask for, their number as `pods`.
    public var foreign: Resources

    /// Creates a node.
    public init(
        _ name: String, allocatable: Resources, labels: [String: String] = [:], taints: [Taint] = [],
        schedulable: Bool = true, foreign: Resources = [:]
    ) {
        self.name = name
        self.allocatable = allocatable
        self.labels = labels
        self.taints = taints
        self.schedulable = schedulable
        self.foreign = foreign
    }
}

/// A taint of a node.
public struct Taint: Sendable, Hashable {
    /// What it does to pods that do not tolerate it.
    public enum Effect: String, Sendable, Hashable, CaseIterable {
        case noSchedule = "NoSchedule"
        case preferNoSchedule = "PreferNoSchedule"
        case noExecute = "NoExecute"
    }

    public var key: String
    public var value: String
    public var effect: Effect

    /// Creates a taint.
    public init(_ key: String, value: String = "", effect: Effect = .noSchedule) {
        self.key = key
        self.value = value
        self.effect = effect
    }
}

/// What a pod tolerates.
public struct Toleration: Sendable, Hashable {
    /// nil tolerates every key.
    public var key: String?
    /// nil tolerates every value: the operator Exists.
    public var value: String?
    /// nil tolerates every effect.
    public var effect: Taint.Effect?

    /// Creates a toleration.
    public init(key: String?, value: String? = nil, effect: Taint.Effect? = nil) {
        self.key = key
        self.value = value
        self.effect = effect
    }

    /// Whether it lets a pod onto a node with that taint.
    func tolerates(_ taint: Taint) -> Bool {
        (key == nil || key == taint.key) && (value == nil || value == taint.value)
            && (effect == nil || effect == taint.effect)
    }
}

/// A requirement of a node selector term.
public struct NodeRequirement: Sendable, Hashable {
    /// The operators of Kubernetes.
    public enum Operator: String, Sendable, Hashable, CaseIterable {
        case isIn = "In"
        case isNotIn = "NotIn"
        case exists = "Exists"
        case doesNotExist = "DoesNotExist"
        case isGreater = "Gt"
        case isLess = "Lt"
    }

    /// A label; `metadata.name` is the node's name (a field requirement).
    public var key: String
    public var `operator`: Operator
    public var values: [String]

    /// Creates a requirement.
    public init(_ key: String, _ operator: Operator, _ values: [String] = []) {
        self.key = key
        self.operator = `operator`
        self.values = values
    }

    /// Whether the node is as required, by the rules of Kubernetes: NotIn holds for a label that is not there, Gt and Lt compare
    /// whole numbers and hold for nothing else.
    func holds(for node: NodeSpec) -> Bool {
        let value = key == "metadata.name" ? node.name : node.labels[key]
        switch `operator` {
        case .isIn: return value.map(values.contains) ?? false
        case .isNotIn: return value.map { !values.contains($0) } ?? true
        case .exists: return value != nil
        case .doesNotExist: return value == nil
        case .isGreater, .isLess:
            guard let left = value.flatMap({ Int64($0) }), values.count == 1, let right = Int64(values[0]) else {
                return false
            }
            return `operator` == .isGreater ? left > right : left < right
        }
    }
}

/// Which nodes a pod may use, its amounts aside.
struct NodeConstraint: Sendable, Hashable {
    var tolerations: [Toleration]
    var nodeSelector: [String: String]
    var affinity: [[NodeRequirement]]?

    /// Q5: taints, selector and required node affinity. Of the terms one has to hold; a term without requirements never does.
    func allows(_ node: NodeSpec) -> Bool {
        for taint in node.taints where taint.effect != .preferNoSchedule {
            guard tolerations.contains(where: { $0.tolerates(taint) }) else { return false }
        }
        for (key, value) in nodeSelector where node.labels[key] != value { return false }
        guard let affinity else { return true }
        return affinity.contains { term in !term.isEmpty && term.allSatisfy { $0.holds(for: node) } }
    }
}
