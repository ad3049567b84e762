import GangQueue
import JSON
import KubernetesModel
import PipelineEngine
import Queueing
import SluiceAPI

/// The API server's and the kubelets' part: pods come, run and end.
extension World {
    /// Makes the pod that the operator asks for, or gives the one of that name. It runs at once.
    func createPod(_ create: RunDriver.Create, _ index: Int) -> Pod {
        let run = runs[index]
        if let existing = run.podByName[create.name] { return run.pods[existing].pod }
        podsCreated += 1
        let place = run.pods.count
        let identity = create.identity
        var pod = Pod()
        pod.metadata = ObjectMeta(name: create.name, namespace: run.name.namespace)
        pod.metadata.uid = "pod-\(podsCreated)"
        pod.metadata.creationTimestamp = now
        pod.metadata.labels = identity.labels(in: run.identity)
        if identity.path != identity.task { pod.metadata.annotations = [Sluice.pathAnnotation: identity.path] }
        pod.metadata.ownerReferences = [run.identity.ownerReference]
        pod.metadata.finalizers = [Sluice.podFinalizer]
        pod.activeDeadlineSeconds = create.manifest["spec"]?["activeDeadlineSeconds"]?.int

        let outcome = self.outcome(of: identity, in: run)
        run.pods.append(SimulatedRun.SimulatedPod(pod: pod, identity: identity, outcome: outcome))
        run.podByName[create.name] = place
        let plan = usesQueue ? plan(of: identity, in: run) : nil
        if usesQueue { run.pods[place].requests = PodRequests(spec: create.manifest["spec"] ?? .null) }
        let node = usesQueue ? plan?.node(of: identity.replica) : SimulatedCluster.endlessNode
        if outcome.failure == .unschedulable {
            // It has no kubelet that could end it.
            run.pods[place].pod.findNoNode()
            run.mayWaitForEver = true
        } else if let node {
            startPod(index, place, on: node, queue: plan?.queue ?? "")
        } else {
            run.pods[place].pod.findNoNode()
            run.mayWaitForEver = true
            unbound.append(UnboundPod(run: index, pod: place, manifest: create.manifest, queue: plan?.queue ?? ""))
        }
        let isFirst = run.noteCreated(place, identity, now: now)
        let hasJoined = plan.map { identity.replica >= $0.started } ?? false
        if isFirst || hasJoined {
            let pods = hasJoined ? 1 : plan?.started ?? run.task(ofPath: identity.path)?.replicas ?? 1
            var admission = SimulationReport.Admission(
                at: now - start, namespace: run.name.namespace, run: run.name.name, task: identity.path,
                attempt: identity.attempt, pods: pods)
            if let plan {
                admission.queue = plan.queue
                if !isEndless {
                    admission.nodes =
                        hasJoined ? [plan.node(of: identity.replica)] : Array(plan.nodes.prefix(plan.started))
                }
            }
            admissions.append(admission)
        }
        tellQueueOfPod(place, of: run)
        return run.pods[place].pod
    }

    func plan(of identity: PodIdentity, in run: SimulatedRun) -> SimulatedAdmission.Plan? {
        let attempt = AttemptKey(path: identity.path, attempt: identity.attempt)
        let plan = admission.plans[QueueDriver.key(attempt, of: run.identity)]
        return plan?.attempt == attempt ? plan : nil
    }

    /// A pod is bound, and its kubelet starts it or cannot.
    private func startPod(_ index: Int, _ place: Int, on node: String, queue name: String) {
        let run = runs[index]
        let outcome = run.pods[place].outcome
        run.pods[place].pod.nodeName = node
        if usesQueue {
            let room = Usage.Room(
                node: node, queue: name, requests: SimulatedCluster.room(run.pods[place].requests))
            run.pods[place].room = room
            usage.take(room)
        }
        let end = now + outcome.duration
        var deadline = run.pods[place].pod.activeDeadlineSeconds.map { now + .seconds($0) }
        if let failure = outcome.failure, failure.isStart {
            run.pods[place].pod.meet(failure, at: now)
        } else {
            run.pods[place].pod.run(at: now)
            if deadline.map({ end <= $0 }) ?? true {
                deadline = nil
                queue.add(end, .podEnd(run: index, pod: place, isDeadline: false))
            }
        }
        if let deadline { queue.add(deadline, .podEnd(run: index, pod: place, isDeadline: true)) }
    }

    /// The scheduler's part for pods that were let in without a node (rule Q11): each is bound as soon as one has room for it.
    func bindPods() {
        unbound.removeAll { !runs[$0.run].pods[$0.pod].pod.isLive || runs[$0.run].pods[$0.pod].isGone }
        guard !unbound.isEmpty else { return }
        // Where a pod may be is the queue's knowledge: one of its own that has nothing in it but these pods and what is free.
        var scheduler = GangQueue()
        let foreign = cluster.foreign
        for (name, node) in cluster.nodes {
            var node = node
            let used = (usage.byNode[name] ?? [:]).map { Resources.Entry($0.key, $0.value) }
            node.foreign = Resources((foreign[name]?.entries ?? []) + used)
            scheduler.setNode(node)
        }
        for (place, pod) in unbound.enumerated() {
            scheduler.submit(
                Workload(
                    "\(place)", arrival: Timestamp(microseconds: Int64(place)),
                    pods: [PodGroup.reading(pod.manifest).group]))
        }
        var bound: Set<Int> = []
        for admission in scheduler.cycle(now: now).admissions {
            guard let place = Int(admission.key), let node = admission.pods.first?.node else { continue }
            let pod = unbound[place]
            bound.insert(place)
            runs[pod.run].pods[pod.pod].pod.status.conditions = []
            startPod(pod.run, pod.pod, on: node, queue: pod.queue)
            podChanged(pod.run, pod.pod)
            touch(pod.run)
        }
        unbound = unbound.enumerated().filter { !bound.contains($0.offset) }.map(\.element)
    }

    private func outcome(of identity: PodIdentity, in run: SimulatedRun) -> Outcome {
        input.scenario.outcomes.first {
            $0.matches(
                run: run.name, path: identity.path, attempt: identity.attempt, replica: identity.replica)
        }?.outcome ?? Outcome()
    }

    /// The time of a pod has come: its container ends, or something befalls it, or its kubelet ends it.
    func endPod(_ index: Int, _ pod: Int, isDeadline: Bool) {
        let run = runs[index]
        guard !run.isDeleted, run.pods[pod].pod.isLive else { return }
        let outcome = run.pods[pod].outcome
        if isDeadline {
            run.pods[pod].pod.endByDeadline(at: now)
        } else if let failure = outcome.failure {
            run.pods[pod].pod.meet(failure, at: now, message: message(of: pod, in: run))
        } else {
            run.pods[pod].pod.end(code: outcome.exitCode, at: now, message: message(of: pod, in: run))
        }
        podChanged(index, pod)
        touch(index)
    }

    /// What the container has written, cut as kubelets cut it.
    private func message(of pod: Int, in run: SimulatedRun) -> String {
        let (outcome, identity) = (run.pods[pod].outcome, run.pods[pod].identity)
        guard identity.replica == 0 else { return "" }
        var results = outcome.results
        if results == nil, outcome.exitCode == 0, outcome.failure == nil,
            let declared = run.task(ofPath: identity.path)?.results, !declared.isEmpty
        {
            results = JSONObject(declared.map { ($0, "") })
        }
        guard let results, !results.isEmpty else { return "" }
        let text = JSONValue.object(results).text
        return text.utf8.count <= 4096 ? text : String(decoding: text.utf8.prefix(4096), as: UTF8.self)
    }

    /// A pod is different: what it means for the records, and for the operator if there is one.
    func podChanged(_ index: Int, _ pod: Int) {
        let run = runs[index]
        let state = run.pods[pod].pod
        if !state.isLive, run.pods[pod].ended == nil {
            run.pods[pod].ended = now
            if let room = run.pods[pod].room { usage.free(room) }
            run.pods[pod].room = nil
            if run.hasPipelines, case .failed(let failure) = state.verdict {
                run.noteFailure(in: run.pods[pod].identity.path, failure.reason)
            }
        }
        run.work?.driver.podObserved(state)
        tellQueueOfPod(pod, of: run)
        if state.metadata.isBeingDeleted, !state.isLive, state.metadata.finalizers.isEmpty {
            run.pods[pod].isGone = true
            run.work?.driver.podDeleted(name: state.metadata.name, uid: state.metadata.uid)
            tellQueue { $0.podDeleted(namespace: run.name.namespace, name: state.metadata.name) }
        }
    }
}
