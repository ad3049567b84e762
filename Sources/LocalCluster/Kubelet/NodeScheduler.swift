import Glibc
import KubernetesClient
import KubernetesModel
import Logging

/// What a node has to give: milli-CPUs, bytes and pods.
struct NodeCapacity: Sendable, Hashable {
    var milliCPU: Int64
    var memory: Int64
    var pods: Int64

    static func ofThisMachine(pods: Int) -> NodeCapacity {
        let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
        return NodeCapacity(
            milliCPU: Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN))) * 1000,
            memory: pages * Int64(sysconf(Int32(_SC_PAGESIZE))),
            pods: Int64(pods))
    }

    var json: JSONValue {
        ["cpu": .string("\(milliCPU)m"), "memory": .string("\(memory / 1024)Ki"), "pods": .string(String(pods))]
    }
}

/// Binds pods to the one node there is: those that fit, by priority and then by age.
actor NodeScheduler {
    nonisolated let capacity: NodeCapacity
    private let client: KubernetesClient
    private let nodeName: String
    private let logger: Logger
    private var bound: [String: NodeCapacity] = [:]
    private var waiting: [String: (metadata: ObjectMeta, pod: JSONValue)] = [:]
    private var told: [String: String] = [:]
    private let bell = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(client: KubernetesClient, nodeName: String, capacity: NodeCapacity, logger: Logger) {
        self.client = client
        self.nodeName = nodeName
        self.capacity = capacity
        self.logger = logger
    }

    func update(_ metadata: ObjectMeta, _ pod: JSONValue) {
        let phase = pod["status"]?["phase"]?.string
        let isFinished = phase == "Succeeded" || phase == "Failed"
        if isFinished {
            remove(metadata.uid)
        } else if pod["spec"]?["nodeName"] != nil {
            waiting[metadata.uid] = nil
            bound[metadata.uid] = Self.requests(pod)
        } else if metadata.isBeingDeleted || !(pod["spec"]?["schedulingGates"]?.array ?? []).isEmpty {
            waiting[metadata.uid] = nil
        } else if bound[metadata.uid] == nil,
            pod["spec"]?["schedulerName"]?.string ?? "default-scheduler" == "default-scheduler"
        {
            waiting[metadata.uid] = (metadata, pod)
            bell.continuation.yield()
        }
    }

    func remove(_ uid: String) {
        waiting[uid] = nil
        told[uid] = nil
        if bound.removeValue(forKey: uid) != nil { bell.continuation.yield() }
    }

    func run() async {
        for await _ in bell.stream { await schedule() }
    }

    /// What a pod asks for: the sum of its containers, or an init container where that is more; sidecars count with both.
    static func requests(_ pod: JSONValue) -> NodeCapacity {
        func amount(_ container: JSONValue, _ name: String, _ scale: Int64) -> Int64 {
            let resources = container["resources"]
            guard let text = (resources?["requests"]?[name] ?? resources?["limits"]?[name])?.rendered,
                let quantity = try? Quantity(parsing: text)
            else { return 0 }
            return scale == 1000 ? quantity.milliValue ?? .max : quantity.value
        }
        func total(_ name: String, _ scale: Int64) -> Int64 {
            var sidecars: Int64 = 0
            var peak: Int64 = 0
            for container in pod["spec"]?["initContainers"]?.array ?? [] {
                let value = amount(container, name, scale)
                if container["restartPolicy"]?.string == "Always" {
                    sidecars += value
                    peak = max(peak, sidecars)
                } else {
                    peak = max(peak, sidecars + value)
                }
            }
            let mains = (pod["spec"]?["containers"]?.array ?? []).reduce(0) { $0 + amount($1, name, scale) }
            return max(peak, sidecars + mains)
        }
        return NodeCapacity(milliCPU: total("cpu", 1000), memory: total("memory", 1), pods: 1)
    }

    private func schedule() async {
        let order = waiting.values.sorted { left, right in
            let (a, b) = (left.pod["spec"]?["priority"]?.int ?? 0, right.pod["spec"]?["priority"]?.int ?? 0)
            if a != b { return a > b }
            let (c, d) = (left.metadata.creationTimestamp?.seconds ?? 0, right.metadata.creationTimestamp?.seconds ?? 0)
            return c != d
                ? c < d
                : (left.metadata.namespace, left.metadata.name) < (right.metadata.namespace, right.metadata.name)
        }
        for (metadata, pod) in order {
            guard waiting[metadata.uid] != nil else { continue }
            let request = Self.requests(pod)
            let used = bound.values.reduce(into: NodeCapacity(milliCPU: 0, memory: 0, pods: 0)) { sum, one in
                sum.milliCPU += one.milliCPU
                sum.memory += one.memory
                sum.pods += one.pods
            }
            var lacking: [String] = []
            if used.milliCPU + request.milliCPU > capacity.milliCPU { lacking.append("1 Insufficient cpu") }
            if used.memory + request.memory > capacity.memory { lacking.append("1 Insufficient memory") }
            if used.pods + 1 > capacity.pods { lacking.append("1 Too many pods") }
            let pods = client.dynamic(Pod.resourceType, namespace: metadata.namespace)
            do {
                guard lacking.isEmpty else {
                    let message = "0/1 nodes are available: \(lacking.joined(separator: ", "))."
                    guard told[metadata.uid] != message else { continue }
                    told[metadata.uid] = message
                    _ = try await pods.patch(
                        metadata.name,
                        .merge([
                            "status": [
                                "conditions": [
                                    [
                                        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                        "message": .string(message),
                                    ]
                                ]
                            ]
                        ]), subresource: "status")
                    continue
                }
                waiting[metadata.uid] = nil
                bound[metadata.uid] = request
                _ = try await client.request(
                    "POST", "/api/v1/namespaces/\(metadata.namespace)/pods/\(metadata.name)/binding",
                    body: [
                        "apiVersion": "v1", "kind": "Binding", "metadata": ["name": .string(metadata.name)],
                        "target": ["apiVersion": "v1", "kind": "Node", "name": .string(nodeName)],
                    ])
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                remove(metadata.uid)
            } catch {
                logger.warning("a pod could not be bound", metadata: ["pod": "\(metadata.name)", "error": "\(error)"])
                bound[metadata.uid] = nil
                waiting[metadata.uid] = (metadata, pod)
                bell.continuation.yield()
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
