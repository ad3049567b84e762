import JSON
import KubernetesModel
import KubernetesRuntime
import PipelineEngine
import SluiceAPI
import Synchronization

/// What has happened to the pods of each run since its reconciler last looked, in order: so that a reconciliation costs what
/// changed and not what there is.
final class PodInbox: Sendable {
    /// One change of one pod.
    enum Change: Sendable {
        case observed(Pod)
        case gone(name: String, uid: String)
    }

    private let changes = Mutex<[ObjectKey: [Change]]>([:])

    func add(_ event: StoreEvent<Pod>, for run: ObjectKey) {
        let change: Change
        switch event.change {
        case .deleted(let entry): change = .gone(name: entry.key.name, uid: entry.metadata.uid)
        case .added(let entry), .updated(_, let entry):
            guard let pod = entry.object else { return }
            change = .observed(pod)
        }
        changes.withLock { $0[run, default: []].append(change) }
    }

    /// Takes what there is for a run.
    func take(_ run: ObjectKey) -> [Change] { changes.withLock { $0.removeValue(forKey: run) ?? [] } }

    /// The run that a pod is of, by its owner reference; nil for pods of others.
    static func run(of pod: ObjectMeta) -> ObjectKey? {
        guard let owner = pod.controller, owner.kind == Sluice.pipelineRuns.kind,
            owner.apiVersion.hasPrefix(Sluice.group + "/")
        else { return nil }
        return ObjectKey(namespace: pod.namespace, name: owner.name)
    }
}
