public import JSON
import KubernetesModel
import SluiceAPI

/// A Service without an address of its own: the names of the pods of one attempt resolve through it.
///
/// It belongs to the run and goes with it, as its pods do; that of an attempt that is over selects no pod any more.
public struct HeadlessService: Sendable, Hashable {
    public var name: String
    public var manifest: JSONValue
}

/// How a pod of a task with a framework finds the others of its attempt.
///
/// Replica i of n is the host `pod.gang`: its own name and that of the attempt's Service. Both are made of run UID, path and attempt,
/// so that no two attempts ever share an address. A single pod needs no Service and is `localhost` to itself.
struct PodGang {
    /// Where replica 0 of a PyTorch task listens: torchrun's own default.
    static let pytorchPort = 29500
    /// Where each worker of a TensorFlow task listens.
    static let tensorflowPort = 2222
    /// Where replica 0 of a JAX task listens, as in Kubeflow's JAXJob.
    static let jaxPort = 6666
    /// Where an MPI launcher finds its hosts, as with Kubeflow's mpi-operator.
    static let mpiDirectory = "/etc/mpi"

    private let framework: Framework
    private let identity: PodIdentity
    private let replicas: Int
    private let run: RunIdentity
    /// The names of all pods of the attempt, where they are known already.
    private let names: [String]
    /// The name of the attempt: of its Service, and the value of its label.
    let name: String

    /// nil for a task without a framework.
    init?(_ identity: PodIdentity, of task: TaskSpec, in run: RunIdentity, names: [String] = []) {
        guard let framework = task.framework else { return nil }
        self.framework = framework
        self.identity = identity
        self.run = run
        replicas = task.replicas
        self.names = names
        name = identity.gangName(in: run)
    }

    /// The Service of the attempt; nil where there is nobody to find.
    var service: HeadlessService? {
        guard replicas > 1 else { return nil }
        var metadata = ObjectMeta(name: name, namespace: run.namespace)
        metadata.labels = identity.labels(in: run)
        metadata.labels[Sluice.Label.replica] = nil
        metadata.labels[Sluice.Label.gang] = name
        // The labels of a task are the same for all instances of its forEach; the name of the gang tells them apart.
        let selected = [Sluice.Label.run, Sluice.Label.task, Sluice.Label.attempt, Sluice.Label.gang]
        let selector = JSONObject(selected.map { ($0, .string(metadata.labels[$0] ?? "")) })
        if identity.path != identity.task { metadata.annotations[Sluice.pathAnnotation] = identity.path }
        metadata.ownerReferences = [run.ownerReference]
        return HeadlessService(
            name: name,
            manifest: [
                "apiVersion": "v1", "kind": "Service", "metadata": metadata.json,
                "spec": [
                    "clusterIP": "None", "selector": .object(selector),
                    // The pods look for each other before they are ready, which some never are without the others.
                    "publishNotReadyAddresses": true,
                ],
            ])
    }

    /// Gives the pod its host name and its main container what the framework wants to know. A variable that the user has set stays.
    func join(_ main: inout JSONValue, _ metadata: inout ObjectMeta, _ spec: inout JSONValue) {
        metadata.labels[Sluice.Label.gang] = name
        if replicas > 1 {
            spec["hostname"] = .string(identity.name(in: run))
            spec["subdomain"] = .string(name)
        }
        let own = main["env"]?.array ?? []
        let taken = Set(own.compactMap { $0["name"]?.string })
        let added = variables(of: main).filter { !taken.contains($0.name) }
            .map { ["name": .string($0.name), "value": .string($0.value)] as JSONValue }
        // Before the user's own, whose values may refer to them.
        main["env"] = .array(added + own)
        if framework == .mpi, identity.replica == 0 { addHostfiles(&main, &metadata, &spec) }
    }

    /// The address of a replica.
    private func host(_ replica: Int) -> String {
        guard replicas > 1 else { return "localhost" }
        if replica < names.count { return "\(names[replica]).\(name)" }
        return PodIdentity(path: identity.path, attempt: identity.attempt, replica: replica).name(in: run) + "." + name
    }

    private typealias Variable = (name: String, value: String)

    private func variables(of main: JSONValue) -> [Variable] {
        let (rank, size) = (String(identity.replica), String(replicas))
        /// What the user has set a variable to, where that is a number.
        func number(_ name: String) -> Int? {
            main["env"]?.array?.last { $0["name"]?.string == name }?["value"]?.string.flatMap { Int($0) }
        }
        switch framework {
        case .pytorch:
            // As Kubeflow counts: one process a pod, unless a number says otherwise. torchrun sets these anew for each process that it
            // starts, and it starts one for each GPU of the pod.
            let processes = number("PET_NPROC_PER_NODE").flatMap { $0 > 0 ? $0 : nil }
            let port = String(number("MASTER_PORT") ?? Self.pytorchPort)
            return [
                ("MASTER_ADDR", host(0)), ("MASTER_PORT", port),
                ("WORLD_SIZE", String(replicas * min(processes ?? 1, 1 << 20))), ("RANK", rank), ("LOCAL_RANK", "0"),
                ("LOCAL_WORLD_SIZE", String(processes ?? 1)), ("GROUP_RANK", rank), ("NODE_RANK", rank),
                ("PET_NNODES", size), ("PET_NODE_RANK", rank), ("PET_MASTER_ADDR", host(0)), ("PET_MASTER_PORT", port),
                ("PET_NPROC_PER_NODE", String(max(1, Self.gpus(of: main)))),
            ]
        case .tensorflow:
            let workers = (0..<replicas).map { JSONValue.string("\(host($0)):\(Self.tensorflowPort)") }
            let config: JSONValue = [
                "cluster": ["worker": .array(workers)],
                "task": ["type": "worker", "index": .int(Int64(identity.replica))],
            ]
            return [("TF_CONFIG", config.text)]
        case .jax:
            let port = String(number("COORDINATOR_PORT") ?? Self.jaxPort)
            return [
                ("JAX_COORDINATOR_ADDRESS", "\(host(0)):\(port)"), ("JAX_NUM_PROCESSES", size),
                ("JAX_PROCESS_ID", rank), ("COORDINATOR_ADDRESS", host(0)), ("COORDINATOR_PORT", port),
                ("NUM_PROCESSES", size), ("PROCESS_ID", rank),
            ]
        case .mpi:
            // mpirun runs in replica 0 and starts the rest by ssh; who is started so sees none of these.
            guard identity.replica == 0 else { return [] }
            let (openMPI, hydra) = ("\(Self.mpiDirectory)/hostfile", "\(Self.mpiDirectory)/hydra-hostfile")
            let patience = "-o ConnectionAttempts=10"
            return [
                ("OMPI_MCA_orte_default_hostfile", openMPI), ("PRTE_MCA_prte_default_hostfile", openMPI),
                ("OMPI_MCA_orte_keep_fqdn_hostnames", "true"), ("OMPI_MCA_orte_set_default_slots", "1"),
                ("OMPI_MCA_plm_rsh_args", patience), ("I_MPI_HYDRA_HOST_FILE", hydra), ("I_MPI_PERHOST", "1"),
                ("I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS", patience), ("HYDRA_HOST_FILE", hydra),
                ("HYDRA_LAUNCH_EXTRA_ARGS", patience),
            ]
        }
    }

    /// The GPUs that a container asks for, of any vendor.
    private static func gpus(of container: JSONValue) -> Int {
        let resources = container["resources"]
        let amounts = resources?["limits"]?.object ?? resources?["requests"]?.object ?? [:]
        return amounts.reduce(0) { sum, entry in
            guard entry.key.hasSuffix("/gpu"), let amount = Int(entry.value.rendered), (1...1024).contains(amount)
            else {
                return sum
            }
            return sum + amount
        }
    }

    /// The files of hosts, one process each: annotations of the pod, which a volume shows as files without an object of its own.
    private func addHostfiles(_ main: inout JSONValue, _ metadata: inout ObjectMeta, _ spec: inout JSONValue) {
        let hosts = (0..<replicas).map(host)
        metadata.annotations[Sluice.hostfileAnnotation] = hosts.map { "\($0) slots=1\n" }.joined()
        metadata.annotations[Sluice.hydraHostfileAnnotation] = hosts.map { "\($0):1\n" }.joined()
        func item(_ path: String, _ annotation: String) -> JSONValue {
            ["path": .string(path), "fieldRef": ["fieldPath": .string("metadata.annotations['\(annotation)']")]]
        }
        let volume: JSONValue = [
            "name": "sluice-hosts",
            "downwardAPI": [
                "items": [
                    item("hostfile", Sluice.hostfileAnnotation),
                    item("hydra-hostfile", Sluice.hydraHostfileAnnotation),
                ]
            ],
        ]
        let mount: JSONValue = [
            "name": "sluice-hosts", "mountPath": .string(Self.mpiDirectory), "readOnly": true,
        ]
        spec["volumes"] = .array((spec["volumes"]?.array ?? []) + [volume])
        main["volumeMounts"] = .array((main["volumeMounts"]?.array ?? []) + [mount])
    }
}
