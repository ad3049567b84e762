import HeapModule
public import KubernetesModel

/// The queues, the nodes and everything that waits or runs, as one value (Q1 to Q11).
///
/// Tell it what happened, in any order, then ask for one decision with ``cycle(now:)``: everything of one instant is told first. The cost
/// of a decision grows with what changed since the one before, not with what waits.
public struct GangQueue: Sendable {
    var table = ResourceTable()
    var specs: [String: QueuePolicy] = [:]
    var tree: QueueTree
    var lines: [QueueLine] = [QueueLine()]
    var nodes = NodeTable()
    /// The same with all pods gone that end.
    var later = NodeTable()
    var shapes: [Shape] = []
    var shapeIndices: [Shape.Key: Int] = [:]
    var freeShapes: [Int] = []
    var classes: [LineClass] = []
    var classIndices: [LineClass.Key: Int] = [:]
    var freeClasses: [Int] = []
    var gangs: [Gang] = []
    var gangIndices: [String: Int] = [:]
    var freeGangs: [Int] = []
    var runs: [String: RunRecord] = [:]
    /// Pods of former attempts that still end, by workload.
    var ending: [String: [EndingPod]] = [:]
    /// How many of them each node has, where it has any.
    var endingOnNode: [Int: Int] = [:]
    /// Evicted workloads, each with the gang that waits for their room. They do not start before it.
    var awaited: [String: Int] = [:]

    /// Shapes with ``Shape/hasNoRoom``.
    var roomless: [Int] = []
    /// Shapes for which there is room again, with classes that are not looked at yet, and the count of ``NodeTable/used`` at which there was.
    var sleeping: [SleepingShape] = []
    var sleepingSince = 0
    /// Classes that wait since what is free is guaranteed to others.
    var guaranteedBlocked: [Int] = []
    var activeQueues: [Int] = []
    var changedQueues = false
    /// Classes whose reasons may have to be told.
    var toTell: [Int] = []
    /// Q6, the oldest first.
    var reservations: [Reservation] = []
    /// Classes that are held by reservations.
    var reservedBlocked: [Int] = []
    /// Gangs that wait for room to be freed, in the order of the decisions.
    var pending: [Int] = []
    /// Those of them that lost it in this decision.
    var displaced: [Int] = []
    /// The queues that are over their share, as of the start of the decision.
    var overQueues: [Int] = []
    /// Classes for which nothing could be evicted.
    var evictionBlocked: [Int] = []
    /// Queues that came to be over their share since evictions were considered for those that wait.
    var newlyOver: Set<Int> = []
    /// The topmost queues in which something started or ended since.
    var movedTops: Set<Int> = []
    /// The queues themselves.
    var movedQueues: Set<Int> = []
    /// Whether anything has been freed since.
    var hasFreed = false
    /// Where room that is being freed is enough, while nobody takes of it.
    var roomLater: Set<BesideKey> = []
    var isSurvey = false
    /// When somebody's least run time is over.
    var evictAgain: Timestamp?
    /// Queues that lost a gang to another one since their turns were put in order.
    var reordered: Set<Int> = []
    /// What runs, sorted but for what came since, with some that ended.
    var releases: [Release] = []
    var newReleases: [Release] = []
    var admissions = 0
    /// Starving queues without a reservation since there are enough.
    var unreserved: Set<Int> = []
    /// Those whose first workload has no room even when all that runs is gone: what is guaranteed to others changes with nodes alone.
    var unreservable: Set<Int> = []
    /// Where no room was found beside reservations, while nothing changed.
    var besideFailed: [BesideKey: Bool] = [:]
    /// A count of each queue's turns: an older one is void.
    var turnStamps: [Int] = []
    var timers = Heap<QueueTimer>()
    /// Queues whose first workload may be another one.
    var touched: Set<Int> = []
    /// Workloads that were restored with pods on no node.
    var unplaced: [String] = []
    let settings: QueueSettings
    /// The queue of each namespace that a Queue covers.
    var coverage: [String: String] = [:]
    var kinds = NodeTable.Kinds(ResourceTable())
    var checkedEpoch = -1
    /// The order of nodes for a shape, as of its first turn in this decision.
    var cursors: [Int: NodeCursor] = [:]

    /// What one queue needs beside its place in the tree.
    struct QueueLine: Sendable {
        var classes: [Int] = []
        /// Classes below that wait for this queue's ceiling, or for its runs.
        var blocked: [Int] = []
        var isActive = false
        /// The admitted gangs of this very queue, in the order in which they would be evicted.
        var gangs: [RunningGang] = []
        /// How many of them may have surplus pods.
        var elastic = 0
        /// Whether it is in the list of those over their share.
        var isOver = false
        /// When the oldest of them was admitted, or before.
        var oldest = Timestamp(seconds: 0)
        /// When it is looked at for starvation.
        var timer: Timestamp?
        /// The runs with an admitted gang, and how many gangs.
        var runs: [String: Int] = [:]
        var admitted = 0
    }

    struct EndingPod: Sendable {
        var group: Int
        var replica: Int
        var node: Int?
        var requests: ResourceVector
    }

    /// Creates a queue with nothing in it.
    public init(_ settings: QueueSettings = QueueSettings()) {
        self.settings = settings
        tree = QueueTree([], &table)
    }

    // MARK: - What happened

    /// Adds a Queue or changes it. Costs a look at everything that waits or runs.
    public mutating func setQueue(_ spec: QueuePolicy) {
        guard specs[spec.name] != spec else { return }
        specs[spec.name] = spec
        changedQueues = true
    }

    /// Takes a Queue away; what runs in it goes on.
    public mutating func removeQueue(_ name: String) {
        if specs.removeValue(forKey: name) != nil { changedQueues = true }
    }

    /// Adds a node or changes it.
    public mutating func setNode(_ spec: NodeSpec) {
        if let node = nodes.indices[spec.name] {
            if nodes.specs[node] == spec { return }
            // What is meant to start there was planned for other labels.
            if nodes.specs[node]?.labels != spec.labels || nodes.specs[node]?.taints != spec.taints {
                for gang in pending { takeOff(node, gang) }
            }
        }
        hasFreed = true
        nodes.set(spec, &table)
        later.set(spec, &table)
    }

    /// Takes a node away. Pods that were there count in their queues until they are said to be gone.
    public mutating func removeNode(_ name: String) {
        guard let node = nodes.indices[name] else { return }
        for gang in lines.flatMap({ $0.gangs.map(\.gang) }) {
            takeOff(node, gang)
        }
        for key in ending.keys.sorted() {
            for pod in ending[key, default: []].indices where ending[key]?[pod].node == node {
                if let requests = ending[key]?[pod].requests { nodes.use(requests, times: -1, on: node) }
                ending[key]?[pod].node = nil
            }
        }
        endingOnNode[node] = nil
        nodes.remove(name)
        later.remove(name)
    }

    /// The pods of a gang are on that node no more.
    private mutating func takeOff(_ node: Int, _ gang: Int) {
        for pod in gangs[gang].pods.indices where gangs[gang].pods[pod].node == node {
            use(shapes[gangs[gang].shape].groups[gangs[gang].pods[pod].group].requests, times: -1, on: node)
            gangs[gang].pods[pod].node = nil
        }
    }

    /// A workload wants to start. One of that key that is known already is replaced while it waits, else left alone.
    public mutating func submit(_ workload: Workload) {
        if let known = gangIndices[workload.key] {
            guard gangs[known].admitted == nil else { return }
            remove(known)
        }
        let gang = add(workload)
        enterLine(gang)
    }

    /// A workload that runs already, as live pods tell after a restart (Q9). Pods that are on no node yet are named with the one that is
    /// planned for them, or with none: then the next decision keeps room for them where there is some.
    public mutating func restore(_ workload: Workload, pods: [PodPlacement], admitted: Timestamp) {
        if let known = gangIndices[workload.key] { remove(known) }
        let gang = add(workload)
        let placed = pods.map {
            Gang.Pod(group: $0.group, replica: $0.replica, node: $0.node.flatMap { nodes.indices[$0] })
        }
        let groups = shapes[gangs[gang].shape].groups
        _ = resolve(gang)
        start(gang, placed.filter { groups.indices.contains($0.group) }, at: admitted)
        if gangs[gang].pods.contains(where: { $0.node == nil }) { unplaced.append(workload.key) }
    }

    /// A workload is over and none of its pods is left.
    public mutating func remove(_ key: String) {
        podsGone(key, ending[key, default: []].map { PodPlacement(group: $0.group, replica: $0.replica, node: nil) })
        if let gang = gangIndices[key] { remove(gang) }
    }

    /// A workload is no longer wanted. Its pods count in its queue no more; their nodes are busy until ``podsGone(_:_:)``.
    public mutating func withdraw(_ key: String) {
        guard let gang = gangIndices[key] else { return }
        if gangs[gang].admitted != nil, !gangs[gang].isPending {
            for pod in gangs[gang].pods {
                let requests = shapes[gangs[gang].shape].groups[pod.group].requests
                addEnding(
                    EndingPod(group: pod.group, replica: pod.replica, node: pod.node, requests: requests), of: key)
                // Taken over by what ends.
                if let node = pod.node { nodes.use(requests, times: 1, on: node) }
            }
        }
        remove(gang)
    }

    /// The scheduler bound pods, as planned or elsewhere. What they use moves there.
    public mutating func podsBound(_ key: String, _ pods: [PodPlacement]) {
        guard let gang = gangIndices[key], !gangs[gang].isPending else { return }
        for pod in pods {
            guard
                let at = gangs[gang].pods.firstIndex(where: { $0.group == pod.group && $0.replica == pod.replica }),
                let node = pod.node.flatMap({ nodes.indices[$0] }), gangs[gang].pods[at].node != node
            else { continue }
            let requests = shapes[gangs[gang].shape].groups[pod.group].requests
            if let old = gangs[gang].pods[at].node { use(requests, times: -1, on: old) }
            use(requests, times: 1, on: node)
            gangs[gang].pods[at].node = node
        }
    }

    /// Pods of a workload ended; those of a former attempt first. What they used is free.
    public mutating func podsGone(_ key: String, _ pods: [PodPlacement]) {
        for pod in pods {
            if let at = ending[key]?.firstIndex(where: { $0.group == pod.group && $0.replica == pod.replica }) {
                hasFreed = true
                if let gone = ending[key]?.remove(at: at), let node = gone.node {
                    nodes.use(gone.requests, times: -1, on: node)
                    let rest = endingOnNode[node, default: 0] - 1
                    endingOnNode[node] = rest > 0 ? rest : nil
                }
                if ending[key]?.isEmpty == true {
                    ending[key] = nil
                    if let gang = gangIndices[key] { reenterLine(gang) }
                }
            } else if let gang = gangIndices[key],
                let at = gangs[gang].pods.firstIndex(where: { $0.group == pod.group && $0.replica == pod.replica })
            {
                release(gangs[gang].pods.remove(at: at), of: gang)
            }
        }
    }

    mutating func addEnding(_ pod: EndingPod, of key: String) {
        ending[key, default: []].append(pod)
        if let node = pod.node { endingOnNode[node, default: 0] += 1 }
    }

    /// Takes on a node what that many pods ask for, or with a negative number gives it back.
    mutating func use(_ requests: ResourceVector, times: Int64, on node: Int) {
        nodes.use(requests, times: times, on: node)
        later.suppose(requests, times: times, on: node)
        if !roomLater.isEmpty { roomLater = [] }
    }
}
