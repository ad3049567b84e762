import GangQueue
import JSON
import KubernetesModel
import Queueing
import SluiceAPI

/// Queues, nodes, classes, namespaces and what others use, as they are at the moment.
struct SimulatedCluster {
    /// The node of a cluster whose capacity has no end.
    static let endlessNode = "node"

    private(set) var objects: [ClusterObject.Identity: ClusterObject] = [:]
    private(set) var nodes: [String: NodeSpec] = [:]
    private(set) var queues: [String: QueueSpec] = [:]
    /// Counts changes of ``nodes`` and of what others use there.
    private(set) var changes = 0

    /// Adds an object or changes it.
    mutating func set(_ object: ClusterObject) {
        objects[object.identity] = object
        switch object.value {
        case .node(let node): nodes[node.metadata.name] = NodeSpec(node)
        case .queue(let queue): queues[queue.metadata.name] = QueueSpec(validated: queue.spec)
        case .pod, .priorityClass, .namespace: break
        }
        changes += 1
    }

    /// Takes an object away.
    mutating func remove(_ identity: ClusterObject.Identity) {
        guard objects.removeValue(forKey: identity) != nil else { return }
        switch identity.kind {
        case .node: nodes[identity.name.name] = nil
        case .queue: queues[identity.name.name] = nil
        case .pod, .priorityClass, .namespace: break
        }
        changes += 1
    }

    /// Pods of others on a node, in the order of their names.
    func pods(on node: String) -> [ClusterObject.Identity] {
        objects.values.compactMap { object in
            guard case .pod(let pod) = object.value, pod.nodeName == node else { return nil }
            return object.identity
        }.sorted { $0.name < $1.name }
    }

    /// What others use, by node.
    var foreign: [String: Resources] {
        var entries: [String: [Resources.Entry]] = [:]
        for object in objects.values {
            guard case .pod(let pod) = object.value, pod.takesRoom else { continue }
            entries[pod.nodeName, default: []] += Self.room(pod.requests).entries
        }
        return entries.mapValues { Resources($0) }
    }

    /// What a pod takes on its node, itself among it.
    static func room(_ requests: PodRequests) -> Resources {
        Resources(Resources(requests).entries + [Resources.Entry("pods", 1)])
    }

    // MARK: Telling

    /// Tells all that there is.
    func tell(_ driver: inout QueueDriver) {
        let identities = objects.keys.sorted { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
        for identity in identities { if let object = objects[identity] { Self.tell(object, &driver) } }
    }

    /// Tells that an object is there or is different.
    static func tell(_ object: ClusterObject, _ driver: inout QueueDriver) {
        switch object.value {
        case .queue(let queue): driver.queueChanged(queue)
        case .node(let node): driver.nodeChanged(node)
        case .priorityClass(let known): driver.priorityClassChanged(known.metadata.name, known.value)
        case .namespace(let namespace): driver.namespaceChanged(namespace)
        case .pod(let pod): driver.podChanged(pod)
        }
    }

    /// Tells that an object is gone.
    static func tellDeleted(_ identity: ClusterObject.Identity, _ driver: inout QueueDriver) {
        let name = identity.name
        switch identity.kind {
        case .queue: driver.queueDeleted(name.name)
        case .node: driver.nodeDeleted(name.name)
        case .priorityClass: driver.priorityClassDeleted(name.name)
        case .namespace: driver.namespaceDeleted(name.name)
        case .pod: driver.podDeleted(namespace: name.namespace, name: name.name)
        }
    }
}
