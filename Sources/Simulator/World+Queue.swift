import GangQueue
import JSON
import KubernetesModel
import PipelineEngine
import Queueing
import SluiceAPI

/// What the operator's queue knows and is asked, and what is kept of it for the report.
struct SimulatedAdmission {
    /// An attempt that has asked.
    struct Waiting {
        var run: Int
        var attempt: AttemptKey
        var since: Timestamp
        var queue = ""
        /// Why it waits, as it was told last.
        var reason = ""
        /// What one of its pods takes.
        var room: Resources
    }

    /// An attempt that was let in.
    struct Plan {
        var run: Int
        var attempt: AttemptKey
        var queue: String
        /// The node of each replica; nil where none has room yet.
        var nodes: [String?]
        var room: Resources

        /// How many pods it began with.
        var started: Int

        /// A pod joined.
        mutating func join(_ replica: Int, on node: String?) {
            while nodes.count <= replica { nodes.append(nil) }
            nodes[replica] = node
        }

        func node(of replica: Int) -> String? { nodes.indices.contains(replica) ? nodes[replica] : nil }
    }

    var driver = QueueDriver()
    /// Whether it was told anything since the last decision.
    var isDue = false
    /// When it wants to decide again though nothing happens.
    var wakeAt: Timestamp?
    /// By the key of the workload.
    var waiting: [String: Waiting] = [:]
    var plans: [String: Plan] = [:]
    /// What waited when the operator went: it asks again as what it was.
    var former: [String: Waiting] = [:]
    /// Resources that the node of an endless cluster has.
    var endless: Set<String> = []
    /// What queues deserved when the operator went.
    var deserved: [String: Resources] = [:]
    var haveQueuesChanged = false
}

/// The operator's queue: what SluiceOperator's AdmissionLoop does, with everything of one instant told before a decision.
extension World {
    /// Tells the queue something, while there is an operator to hear it.
    func tellQueue(_ body: (inout QueueDriver) -> Void) {
        guard usesQueue, isOperatorRunning else { return }
        body(&admission.driver)
        admission.isDue = true
    }

    /// Tells the queue of a pod as it is now.
    func tellQueueOfPod(_ pod: Int, of run: SimulatedRun) {
        guard usesQueue else { return }
        let foreign = asForeign(run.pods[pod], of: run)
        tellQueue { $0.podChanged(foreign) }
    }

    /// A new operator reads what exists.
    func rebuildQueue() {
        guard usesQueue else { return }
        admission.driver = QueueDriver()
        cluster.tell(&admission.driver)
        if isEndless { setEndlessNode() }
        for run in runs where !run.isDeleted {
            for index in run.pods.indices where !run.pods[index].isGone {
                tellQueueOfPod(index, of: run)
            }
        }
        admission.former = admission.waiting
        admission.waiting = [:]
        admission.wakeAt = nil
        admission.isDue = true
    }

    /// What is known of queues is kept for the report.
    func noteDeserved() {
        guard usesQueue, isOperatorRunning else { return }
        for name in usage.queues.keys { admission.deserved[name] = admission.driver.report(name)?.deserved }
    }

    /// A pod as the operator's queue watches it.
    private func asForeign(_ pod: SimulatedRun.SimulatedPod, of run: SimulatedRun) -> ForeignPod {
        var foreign = ForeignPod()
        foreign.namespace = run.name.namespace
        foreign.name = pod.pod.metadata.name
        foreign.uid = pod.pod.metadata.uid
        foreign.run = run.name.name
        foreign.nodeName = pod.pod.nodeName
        foreign.phase = pod.pod.status.phase
        if foreign.takesRoom { foreign.requests = pod.requests }
        // With one node no plan is written: see QueueDriver.
        if foreign.nodeName.isEmpty, cluster.nodes.count > 1 {
            foreign.plannedNode = plan(of: pod.identity, in: run)?.node(of: pod.identity.replica)
        }
        return foreign
    }

    // MARK: What runs ask for

    /// Takes what one look at a run gave.
    func tellQueue(_ effects: RunDriver.Effects, of index: Int) {
        guard usesQueue,
            !effects.enqueued.isEmpty || !effects.held.isEmpty || !effects.withdrawn.isEmpty || effects.demand != nil
        else { return }
        let run = runs[index]
        var effects = effects
        if isEndless {
            effects.enqueued = effects.enqueued.map(endless)
            effects.held = effects.held.map(endless)
            if var demand = effects.demand {
                demand.templates = demand.templates.map(endless)
                effects.demand = demand
            }
        }
        for attempt in effects.withdrawn {
            let key = QueueDriver.key(attempt, of: run.identity)
            if admission.waiting[key]?.attempt == attempt { admission.waiting[key] = nil }
            if admission.plans[key]?.attempt == attempt { admission.plans[key] = nil }
        }
        for request in effects.enqueued {
            let key = QueueDriver.key(request.key, of: run.identity)
            let former = admission.former.removeValue(forKey: key)
            let isSame = former.map { $0.run == index && $0.attempt == request.key } ?? false
            admission.waiting[key] = SimulatedAdmission.Waiting(
                run: index, attempt: request.key, since: isSame ? former?.since ?? now : now,
                queue: isSame ? former?.queue ?? "" : "", reason: isSame ? former?.reason ?? "" : "",
                room: SimulatedCluster.room(PodRequests(spec: request.pod["spec"] ?? .null)))
        }
        let asked = QueuedRun(PipelineRun(metadata: run.metadata, spec: run.spec), now: now)
        tellQueue { $0.take(effects, of: asked) }
    }

    /// The run is deleted: it asks for nothing, and its pods are gone.
    func forgetInQueue(_ index: Int) {
        guard usesQueue else { return }
        let run = runs[index]
        tellQueue { driver in
            driver.runGone(run.identity)
            for pod in run.pods where !pod.isGone {
                driver.podDeleted(namespace: run.name.namespace, name: pod.pod.metadata.name)
            }
        }
        for pod in run.pods.indices {
            if let room = run.pods[pod].room { usage.free(room) }
            run.pods[pod].room = nil
        }
        admission.waiting = admission.waiting.filter { $0.value.run != index }
        admission.plans = admission.plans.filter { $0.value.run != index }
        unbound.removeAll { $0.run == index }
    }

    // MARK: A cluster without end

    /// The request without what it says of nodes: in a cluster without end there is one for everybody.
    private func endless(_ request: AdmissionRequest) -> AdmissionRequest {
        var request = request
        request.pod = endless(request.pod)
        return request
    }

    private func endless(_ pod: JSONValue) -> JSONValue {
        var spec = JSONObject()
        for field in ["containers", "initContainers", "overhead", "resources"] {
            guard let value = pod["spec"]?[field] else { continue }
            guard let containers = value.array else {
                spec[field] = value
                continue
            }
            spec[field] = .array(
                containers.map { container in
                    var kept = JSONObject()
                    for name in ["name", "resources", "restartPolicy"] { kept[name] = container[name] }
                    return .object(kept)
                })
        }
        let names = PodRequests(spec: .object(spec)).amounts.map(\.name)
        if !admission.endless.isSuperset(of: names) {
            admission.endless.formUnion(names)
            setEndlessNode()
        }
        return ["spec": .object(spec)]
    }

    private func setEndlessNode() {
        let resources = admission.endless.union(["cpu", "memory", "pods"])
        let node = NodeSpec(
            SimulatedCluster.endlessNode,
            allocatable: Resources(resources.map { Resources.Entry($0, Resources.limit) }))
        admission.driver.setNode(node)
        admission.isDue = true
    }

    // MARK: Deciding

    /// Makes one decision where anything was told since the last one. Whether it did.
    func decide() -> Bool {
        guard usesQueue, isOperatorRunning, admission.isDue else { return false }
        admission.isDue = false
        // All that waits was heard of by now.
        admission.former = [:]
        let (answers, decisions) = admission.driver.cycle(now: operatorNow)
        for eviction in decisions.evictions { note(eviction) }
        for start in decisions.admissions { note(start) }
        for answer in answers {
            let key = QueueDriver.key(answer.attempt, of: answer.run)
            if case .waiting(_, let message, let queue, _) = answer.kind,
                admission.waiting[key]?.attempt == answer.attempt
            {
                admission.waiting[key]?.queue = queue
                if !queue.isEmpty { usage.know(queue) }
                admission.waiting[key]?.reason = message
            }
            let name = RunName(namespace: answer.run.namespace, name: answer.run.name)
            guard let index = runByName[name], runs[index].identity == answer.run, let work = runs[index].work else {
                continue
            }
            answer.tell(&work.driver, now: operatorNow)
            touch(index)
        }
        if admission.haveQueuesChanged { findQueues() }
        let time = decisions.wakeUp.map { max($0 - clockOffset, now + .microseconds(1)) }
        if admission.wakeAt != time {
            admission.wakeAt = time
            if let time { queue.add(time, .decide) }
        }
        return true
    }

    private func note(_ start: Decisions.Admission) {
        guard start.isStart else {
            // Pods that join one that runs.
            for pod in start.pods { admission.plans[start.key]?.join(pod.replica, on: pod.node) }
            return
        }
        guard let waiting = admission.waiting.removeValue(forKey: start.key) else { return }
        var nodes: [String?] = []
        for pod in start.pods {
            while nodes.count <= pod.replica { nodes.append(nil) }
            nodes[pod.replica] = pod.node
        }
        let queue = admission.driver.queue(of: start.key) ?? waiting.queue
        usage.know(queue)
        admission.plans[start.key] = SimulatedAdmission.Plan(
            run: waiting.run, attempt: waiting.attempt, queue: queue, nodes: nodes, room: waiting.room,
            started: nodes.count)
    }

    private func note(_ eviction: Decisions.Eviction) {
        guard let victim = admission.plans[eviction.key] else { return }
        let run = runs[victim.run].name
        var asker: SimulationReport.Workload?
        if let key = eviction.asker, let known = admission.waiting[key] {
            let name = runs[known.run].name
            asker = SimulationReport.Workload(
                namespace: name.namespace, run: name.name, task: known.attempt.path,
                queue: admission.driver.queue(of: key) ?? known.queue)
        }
        preemptions.append(
            SimulationReport.Preemption(
                at: now - start,
                victim: SimulationReport.Workload(
                    namespace: run.namespace, run: run.name, task: victim.attempt.path, queue: victim.queue),
                asker: asker, reason: eviction.text, pods: eviction.isWhole ? nil : eviction.pods.count))
    }

    /// Queues are others than they were: what runs may be in another one.
    private func findQueues() {
        admission.haveQueuesChanged = false
        for (key, plan) in admission.plans {
            guard let queue = admission.driver.queue(of: key), queue != plan.queue else { continue }
            admission.plans[key]?.queue = queue
            let run = runs[plan.run]
            for pod in run.attempts[plan.attempt.path]?.last?.pods ?? [] {
                guard let room = run.pods[pod].room else { continue }
                usage.free(room)
                run.pods[pod].room?.queue = queue
                if let room = run.pods[pod].room { usage.take(room) }
            }
        }
    }
}
