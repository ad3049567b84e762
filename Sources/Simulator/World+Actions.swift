import JSON
import KubernetesModel
import PipelineEngine
import Queueing
import SluiceAPI

/// What people, nodes and the operator's fate do.
extension World {
    func perform(_ action: Scenario.Action) {
        switch action {
        case .state(let name, let state):
            guard let index = runByName[name] else { return }
            change(index) { $0["state"] = .string(state.rawValue) }
        case .pod(let name, let task, let replica, let failure): befall(name, task, replica, failure)
        case .apply(let document): apply(SimulationInput.object(of: document))
        case .delete(let target): delete(target)
        case .patch(let target, let patch): self.patch(target, patch)
        case .trigger(let name): trigger(name)
        case .restartOperator:
            guard isOperatorRunning else { return }
            noteDeserved()
            dropDrivers()
            takeOver()
        case .operatorRuns(let runs):
            guard runs != isOperatorRunning else { return }
            noteDeserved()
            isOperatorRunning = runs
            if runs { takeOver() } else { dropDrivers() }
        case .clock(let jump):
            clockOffset += jump
            tellQueue { _ in }
            for index in runs.indices { touch(index) }
            for index in schedules.indices { touchSchedule(index) }
        }
    }

    /// Changes the spec of a run, as far as the API server lets it.
    func change(_ index: Int, _ body: (inout JSONValue) -> Void) {
        let run = runs[index]
        var spec = run.spec
        body(&spec)
        guard spec != run.spec else { return }
        let object = SimulationInput.Object(
            name: run.name,
            document: [
                "apiVersion": .string(Sluice.apiVersion), "kind": .string(Sluice.pipelineRuns.kind),
                "metadata": ["name": .string(run.name.name), "namespace": .string(run.name.namespace)], "spec": spec,
            ])
        let fields = Set((spec.object?.keys ?? []) + (run.spec.object?.keys ?? []))
        let fixed = fields.filter { spec[$0] != run.spec[$0] }.subtracting(PipelineRunSpec.mutableFields).sorted()
        if let field = fixed.first {
            return refuse(
                object,
                "spec.\(field): only \(PipelineRunSpec.mutableFields.sorted().joined(separator: " and ")) may change")
        }
        if let refusal = SimulationInput.refusal(of: object, zones: input.zones) { return refused.append(refusal) }
        run.spec = spec
        run.metadata.generation += 1
        run.work?.driver.specChanged(to: run.desired, generation: run.metadata.generation)
        touch(index)
    }

    private func apply(_ object: SimulationInput.Object) {
        let document = object.document
        if let kind = document["kind"]?.string.flatMap(ClusterObject.Kind.init(rawValue:)) {
            switch ClusterObject.read(kind, document) {
            case .failure(let problem): refused.append(problem.refusal)
            case .success(let object): set(object)
            }
            return
        }
        if let refusal = SimulationInput.refusal(of: object, zones: input.zones) { return refused.append(refusal) }
        if object.document["kind"]?.string == Sluice.scheduledRuns.kind {
            applySchedule(object)
        } else if object.document["kind"]?.string == Sluice.pipelines.kind {
            pipelines[object.name] = object.document["spec"] ?? [:]
            for index in runs.indices where runs[index].name.namespace == object.name.namespace { touch(index) }
        } else if let index = runByName[object.name] {
            change(index) { $0 = object.document["spec"] ?? [:] }
        } else {
            addRun(object)
        }
    }

    private func set(_ object: ClusterObject) {
        cluster.set(object)
        tellQueue { SimulatedCluster.tell(object, &$0) }
        if object.identity.kind == .queue || object.identity.kind == .namespace { admission.haveQueuesChanged = true }
    }

    private func delete(_ target: Scenario.Target) {
        if target.kind == Sluice.scheduledRuns.kind { return deleteSchedule(target.name) }
        guard let kind = ClusterObject.Kind(rawValue: target.kind) else { return deleteRun(target.name) }
        let identity = ClusterObject.Identity(kind, target.name)
        guard cluster.objects[identity] != nil else { return }
        if kind == .node { losePods(on: identity.name.name) }
        cluster.remove(identity)
        tellQueue { SimulatedCluster.tellDeleted(identity, &$0) }
        if kind == .queue || kind == .namespace { admission.haveQueuesChanged = true }
    }

    /// A node goes with what is on it, whoever's it is.
    private func losePods(on node: String) {
        for identity in cluster.pods(on: node) {
            cluster.remove(identity)
            tellQueue { SimulatedCluster.tellDeleted(identity, &$0) }
        }
        for index in runs.indices where !runs[index].isDeleted {
            for pod in runs[index].pods.indices where runs[index].pods[pod].room?.node == node {
                runs[index].pods[pod].pod.meet(.nodeLost, at: now)
                podChanged(index, pod)
                touch(index)
            }
        }
    }

    private func patch(_ target: Scenario.Target, _ patch: JSONValue) {
        if target.kind == Sluice.scheduledRuns.kind {
            guard let index = scheduleByName[target.name] else { return }
            return changeSchedule(index) { $0.spec = Self.merged($0.spec, patch) }
        }
        guard let kind = ClusterObject.Kind(rawValue: target.kind) else {
            guard let index = runByName[target.name] else { return }
            return change(index) { $0 = Self.merged($0, patch) }
        }
        guard var document = cluster.objects[ClusterObject.Identity(kind, target.name)]?.document else { return }
        document["spec"] = Self.merged(document["spec"] ?? [:], patch)
        apply(SimulationInput.object(of: document))
    }

    /// A run goes with its pods. Its schedule looks at what that means for it.
    func deleteRun(_ name: RunName) {
        guard let index = runByName.removeValue(forKey: name) else { return }
        forgetInQueue(index)
        if let schedule = runs[index].schedule {
            schedules[schedule].runs.removeAll { $0 == index }
            if !runs[index].written.phase.isFinished { touchSchedule(schedule) }
        }
        runs[index].isDeleted = true
        runs[index] = goneRun
    }

    /// Something befalls pods of the running attempt of a task.
    private func befall(_ name: RunName, _ task: String, _ replica: Int?, _ failure: PodEnd) {
        guard let index = runByName[name], let attempt = runs[index].attempts[task]?.last else { return }
        for pod in attempt.pods where replica.map({ runs[index].pods[pod].identity.replica == $0 }) ?? true {
            guard runs[index].pods[pod].pod.isLive else { continue }
            runs[index].pods[pod].pod.meet(failure, at: now)
            podChanged(index, pod)
            touch(index)
        }
    }

    /// A JSON merge patch (RFC 7386).
    static func merged(_ value: JSONValue, _ patch: JSONValue) -> JSONValue {
        guard let changes = patch.object else { return patch }
        var object = value.object ?? JSONObject()
        for (key, change) in changes {
            object[key] = change.isNull ? nil : merged(object[key] ?? .null, change)
        }
        return .object(object)
    }
}
