import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import Logging

/// What a worker asks of the API server and tells it.
extension PodWorker {
    var source: ConfigurationSource {
        let client = node.client
        let namespace = pod.metadata.namespace
        @Sendable func get(_ kind: String, _ plural: String, _ name: String) async throws -> JSONValue? {
            do {
                let type = ResourceType(version: "v1", kind: kind, plural: plural)
                return try await client.dynamic(type, namespace: namespace).get(name).json
            } catch let status as APIStatus where status.isNotFound {
                return nil
            }
        }
        return ConfigurationSource(
            configMap: { try await get("ConfigMap", "configmaps", $0) },
            secret: { try await get("Secret", "secrets", $0) },
            claim: { [directory = node.directory] name in
                let claim = try await get("PersistentVolumeClaim", "persistentvolumeclaims", name)
                return claim.map { ($0, VolumeClaims.directory(of: $0, node: directory)) }
            })
    }

    private var status: NodePodStatus {
        NodePodStatus(
            generation: pod.metadata.generation, restartPolicy: pod.restartPolicy,
            containers: containers.map(\.record), isPrepared: volumes != nil, isOver: isOver, startTime: startTime,
            failure: failure, isDisrupted: isDisrupted,
            gates: (pod.spec["readinessGates"]?.array ?? []).compactMap { $0["conditionType"]?.string })
    }

    /// Writes the status when it has changed, one patch at a time. When the final status is written, confirms a
    /// deletion.
    func report() {
        guard !isGone, !isConfirmed, !isWriting, !isDeleting else { return }
        let json = status.json(previous: merged, now: node.clock.now)
        let metadata = pod.metadata
        let pods = node.client.dynamic(NodePod.resourceType, namespace: metadata.namespace)
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
            work.append { [node, post, patch] in
                do {
                    // The UID keeps the patch from hitting a later pod of that name.
                    _ = try await pods.patchStatus(
                        metadata.name, .strategic(["metadata": ["uid": .string(metadata.uid)], "status": patch]))
                    post(.written(json, isSuccess: true))
                } catch let status as APIStatus where status.code == 404 || status.code == 409 {
                    post(.gone)
                } catch {
                    if Task.isCancelled { return }
                    node.logger.warning("writing the status of pod \(metadata.namespace)/\(metadata.name): \(error)")
                    post(.written(json, isSuccess: false))
                }
            }
        } else if isOver, metadata.deletionTimestamp != nil {
            isDeleting = true
            work.append { [node, post] in
                do {
                    _ = try await pods.delete(metadata.name, DeleteOptions(uid: metadata.uid, gracePeriodSeconds: 0))
                    post(.deleted(isSuccess: true))
                } catch let status as APIStatus where status.code == 404 || status.code == 409 {
                    post(.deleted(isSuccess: true))
                } catch {
                    if Task.isCancelled { return }
                    node.logger.warning("deleting pod \(metadata.namespace)/\(metadata.name): \(error)")
                    post(.deleted(isSuccess: false))
                }
            }
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
