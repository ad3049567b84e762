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

        /// Whether it is about a pod of another run than the one of that UID.
        func isOfAnother(than run: String) -> Bool {
            if case .observed(let pod) = self { pod.metadata.controller?.uid != run } else { false }
        }
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
        changes.withLock { $0[run]?.append(change) }
    }

    /// Collects the changes of a run's pods from now on. Of other runs nothing is kept.
    func open(_ run: ObjectKey) { changes.withLock { $0[run] = [] } }

    /// Collects no more for a run, and forgets what there is.
    func close(_ run: ObjectKey) { changes.withLock { $0[run] = nil } }

    /// Takes what there is for a run.
    func take(_ run: ObjectKey) -> [Change] {
        changes.withLock { changes in
            guard let taken = changes[run] else { return [] }
            changes[run] = []
            return taken
        }
    }

    /// How many changes wait.
    var count: Int { changes.withLock { $0.values.reduce(0) { $0 + $1.count } } }

    /// The run that a pod is of, by its owner reference; nil for pods of others.
    static func run(of pod: ObjectMeta) -> ObjectKey? {
        guard let owner = pod.controller, owner.kind == Sluice.pipelineRuns.kind,
            owner.apiVersion.hasPrefix(Sluice.group + "/")
        else { return nil }
        return ObjectKey(namespace: pod.namespace, name: owner.name)
    }
}
