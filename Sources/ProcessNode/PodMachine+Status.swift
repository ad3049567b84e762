import JSON
import KubernetesModel

/// What is told of a pod.
extension PodMachine {
    private var status: NodePodStatus {
        NodePodStatus(
            generation: pod.metadata.generation, restartPolicy: pod.restartPolicy,
            containers: containers.map(\.record), isPrepared: volumes != nil, isOver: isOver, startTime: startTime,
            failure: failure, isDisrupted: isDisrupted,
            gates: (pod.spec["readinessGates"]?.array ?? []).compactMap { $0["conditionType"]?.string })
    }

    /// Writes the status when it has changed, one patch at a time. When the final status is written, confirms a
    /// deletion.
    mutating func report() {
        guard !isGone, !isConfirmed, !isWriting, !isDeleting else { return }
        let json = status.json(previous: merged, now: now.wall)
        if json != written {
            isWriting = true
            // A strategic patch leaves others' conditions alone, which may have come meanwhile; a kubelet's come first.
            let own = (json["conditions"]?.array ?? []).compactMap { $0["type"] }
            let others = (pod.status["conditions"]?.array ?? []).compactMap { $0["type"] }.filter { !own.contains($0) }
            var patch = json
            // What a condition says no more is taken away.
            patch["conditions"] = .array(
                (json["conditions"]?.array ?? []).map { condition in
                    var condition = condition
                    for field in ["reason", "message"] where condition[field] == nil { condition[field] = .null }
                    return condition
                })
            patch["$setElementOrder/conditions"] = .array((own + others).map { ["type": $0] })
            effects.append(.write(json, patch: patch))
        } else if isOver, pod.metadata.deletionTimestamp != nil {
            isDeleting = true
            effects.append(.confirmDeletion)
        }
    }

    /// The pod's status, with the conditions that were written last, which may not have come back as an event yet.
    private var merged: JSONValue {
        var previous = pod.status
        let own = written?["conditions"]?.array ?? []
        let types = own.compactMap { $0["type"] }
        previous["conditions"] = .array(
            own.filter { $0["type"] != "PodScheduled" }
                + (pod.status["conditions"]?.array ?? []).filter { condition in
                    condition["type"].map { $0 == "PodScheduled" || !types.contains($0) } ?? false
                })
        return previous
    }
}
