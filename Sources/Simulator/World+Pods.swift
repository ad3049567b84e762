import JSON
import KubernetesModel
import PipelineEngine
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
        let end = now + outcome.duration
        var deadline = pod.activeDeadlineSeconds.map { now + .seconds($0) }
        switch outcome.failure {
        case .unschedulable?:
            pod.findNoNode()
            run.mayWaitForEver = true
            // It has no kubelet that could end it.
            deadline = nil
        case let failure? where failure.isStart: pod.meet(failure, at: now)
        default:
            pod.run(at: now)
            if deadline.map({ end <= $0 }) ?? true {
                deadline = nil
                queue.add(end, .podEnd(run: index, pod: place, isDeadline: false))
            }
        }
        if let deadline { queue.add(deadline, .podEnd(run: index, pod: place, isDeadline: true)) }
        run.pods.append(SimulatedRun.SimulatedPod(pod: pod, identity: identity, outcome: outcome))
        run.podByName[create.name] = place
        if run.noteCreated(place, identity, now: now) {
            let pods = run.task(ofPath: identity.path)?.replicas ?? 1
            admissions.append(
                SimulationReport.Admission(
                    at: now - start, namespace: run.name.namespace, run: run.name.name, task: identity.path,
                    attempt: identity.attempt, pods: pods))
        }
        return pod
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
            if run.hasPipelines, case .failed(let failure) = state.verdict {
                run.noteFailure(in: run.pods[pod].identity.path, failure.reason)
            }
        }
        run.work?.driver.podObserved(state)
        if state.metadata.isBeingDeleted, !state.isLive, state.metadata.finalizers.isEmpty {
            run.pods[pod].isGone = true
            run.work?.driver.podDeleted(name: state.metadata.name, uid: state.metadata.uid)
        }
    }
}
