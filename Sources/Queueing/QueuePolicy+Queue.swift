public import GangQueue
public import KubernetesModel
public import SluiceAPI

extension QueuePolicy {
    /// What a Queue says, whose spec has passed validation, with its selector looked up in the namespaces that there are. Amounts are
    /// rounded down.
    public init(_ queue: Queue, namespaces: some Sequence<Namespace>) {
        self.init(queue.metadata.name, QueueSpec(validated: queue.spec), namespaces: namespaces)
    }

    /// What the spec of the queue of that name says.
    public init(_ name: String, _ spec: QueueSpec, namespaces: some Sequence<Namespace>) {
        var covered = Set(spec.namespaces)
        if let selector = spec.namespaceSelector {
            for namespace in namespaces where selector.matches(namespace.metadata.labels) {
                covered.insert(namespace.metadata.name)
            }
        }
        self.init(
            name, parent: spec.parent, weight: spec.weight, guarantee: Resources(spec.guarantee, rounding: .down),
            deserved: Resources(spec.deserved, rounding: .down),
            capability: Resources(spec.capability, rounding: .down), reclaimable: spec.reclaimable,
            dequeueStrategy: DequeueStrategy(spec.dequeueStrategy), preemption: Preemption(spec.preemption),
            state: State(spec.state), maxRunningRuns: spec.maxRunningRuns,
            provisioning: Provisioning(spec.provisioning), namespaces: covered.sorted())
    }
}

extension QueuePolicy.DequeueStrategy {
    fileprivate init(_ strategy: QueueSpec.DequeueStrategy) {
        switch strategy {
        case .traverse: self = .traverse
        case .fifo: self = .fifo
        }
    }
}

extension QueuePolicy.Preemption {
    fileprivate init(_ preemption: QueueSpec.Preemption) {
        switch preemption {
        case .never: self = .never
        case .lowerPriority: self = .lowerPriority
        }
    }
}

extension QueuePolicy.State {
    fileprivate init(_ state: QueueSpec.State) {
        switch state {
        case .open: self = .open
        case .closed: self = .closed
        case .draining: self = .draining
        }
    }
}

extension QueuePolicy.Provisioning {
    fileprivate init(_ provisioning: QueueSpec.Provisioning) {
        switch provisioning {
        case .none: self = .none
        case .autoscaler: self = .autoscaler
        }
    }
}
