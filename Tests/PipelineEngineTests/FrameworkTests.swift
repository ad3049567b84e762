import JSON
import KubernetesModel
import SluiceAPI
import Testing

@testable import PipelineEngine

/// What the pods of a task with a framework are told of each other, and the Service through which their names resolve.
struct FrameworkTests {
    private static let gang = "run-g-h5k8numn3bui9-0"

    /// The pods of the first attempt, by replica.
    private func pods(_ fields: JSONValue, path: String = "g") -> [JSONValue] {
        let bench = Bench([task("g", fields)])
        return (0..<Int(fields["replicas"]?.int ?? 1)).compactMap { bench.created[bench.name(path, $0)] }
    }

    private func environment(_ pod: JSONValue?) -> [String: String] {
        let entries = pod?["spec"]?["containers"]?[0]?["env"]?.array ?? []
        let pairs = entries.map { ($0["name"]?.string ?? "", $0["value"]?.string ?? "") }
        #expect(Set(pairs.map(\.0)).count == pairs.count, "no variable is there twice")
        var variables = Dictionary(pairs) { _, last in last }
        variables["SLUICE_RESULTS"] = nil
        return variables
    }

    private func host(_ replica: Int) -> String { "\(Self.gang)-\(replica).\(Self.gang)" }

    @Test(arguments: 0..<3)
    func `PyTorch: replica 0 is the master, under the name that its Service gives it`(replica: Int) throws {
        let pods = pods(["replicas": 3, "framework": "pytorch"])
        let rank = String(replica)
        #expect(
            environment(pods[replica]) == [
                "MASTER_ADDR": host(0), "MASTER_PORT": "29500", "WORLD_SIZE": "3", "RANK": rank, "LOCAL_RANK": "0",
                "LOCAL_WORLD_SIZE": "1", "GROUP_RANK": rank, "NODE_RANK": rank, "PET_NNODES": "3",
                "PET_NODE_RANK": rank, "PET_MASTER_ADDR": host(0), "PET_MASTER_PORT": "29500",
                "PET_NPROC_PER_NODE": "1",
            ])
        #expect(pods[replica]["spec"]?["hostname"]?.string == "\(Self.gang)-\(replica)")
        #expect(pods[replica]["spec"]?["subdomain"]?.string == Self.gang)
        #expect(pods[replica]["metadata"]?["labels"]?["sluice.dev/gang"]?.string == Self.gang)
    }

    @Test(
        arguments: [
            // One process for each GPU; who reads WORLD_SIZE without torchrun is one process a pod.
            (["resources": ["limits": ["nvidia.com/gpu": "8", "cpu": 64]]], ["8", "2", "1"]),
            (["resources": ["requests": ["amd.com/gpu": 4]]], ["4", "2", "1"]),
            (["resources": ["limits": ["cpu": 64]]], ["1", "2", "1"]),
            // As Kubeflow counts: a number of processes that the user gives is part of the world's size.
            (["env": [["name": "PET_NPROC_PER_NODE", "value": "4"]]], ["4", "8", "4"]),
            (["env": [["name": "PET_NPROC_PER_NODE", "value": "auto"]]], ["auto", "2", "1"]),
            (["env": [["name": "PET_NPROC_PER_NODE", "value": "-1"]]], ["-1", "2", "1"]),
            (
                ["env": [["name": "PET_NPROC_PER_NODE", "value": "9223372036854775807"]]],
                ["9223372036854775807", "2097152", "9223372036854775807"]
            ),
        ] as [(JSONValue, [String])])
    func `PyTorch: torchrun starts a process for each GPU, or as many as the user says`(
        container: JSONValue, expected: [String]
    ) throws {
        var container = container
        container["image"] = "x"
        let pods = pods(["replicas": 2, "framework": "pytorch", "container": container])
        let variables = environment(pods[1])
        #expect(
            [variables["PET_NPROC_PER_NODE"], variables["WORLD_SIZE"], variables["LOCAL_WORLD_SIZE"]] == expected)
    }

    @Test(arguments: 0..<2)
    func `TensorFlow: each worker knows all of them and which one it is`(replica: Int) throws {
        let pods = pods(["replicas": 2, "framework": "tensorflow"])
        let variables = environment(pods[replica])
        #expect(Array(variables.keys) == ["TF_CONFIG"])
        #expect(
            try JSONValue(parsing: variables["TF_CONFIG"] ?? "") == [
                "cluster": ["worker": [.string("\(host(0)):2222"), .string("\(host(1)):2222")]],
                "task": ["type": "worker", "index": .int(Int64(replica))],
            ])
    }

    @Test(arguments: 0..<2)
    func `JAX: replica 0 is the coordinator`(replica: Int) throws {
        let pods = pods(["replicas": 2, "framework": "jax"])
        #expect(
            environment(pods[replica]) == [
                "JAX_COORDINATOR_ADDRESS": "\(host(0)):6666", "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": String(replica), "COORDINATOR_ADDRESS": host(0), "COORDINATOR_PORT": "6666",
                "NUM_PROCESSES": "2", "PROCESS_ID": String(replica),
            ])
    }

    @Test func `MPI: replica 0 finds a file of all hosts where the variables of each MPI point`() throws {
        let pods = pods(["replicas": 2, "framework": "mpi"])
        #expect(
            environment(pods[0]) == [
                "OMPI_MCA_orte_default_hostfile": "/etc/mpi/hostfile",
                "PRTE_MCA_prte_default_hostfile": "/etc/mpi/hostfile", "OMPI_MCA_orte_keep_fqdn_hostnames": "true",
                "OMPI_MCA_orte_set_default_slots": "1", "OMPI_MCA_plm_rsh_args": "-o ConnectionAttempts=10",
                "I_MPI_HYDRA_HOST_FILE": "/etc/mpi/hydra-hostfile", "I_MPI_PERHOST": "1",
                "I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS": "-o ConnectionAttempts=10",
                "HYDRA_HOST_FILE": "/etc/mpi/hydra-hostfile", "HYDRA_LAUNCH_EXTRA_ARGS": "-o ConnectionAttempts=10",
            ])
        #expect(
            pods[0]["spec"]?["containers"]?[0]?["volumeMounts"] == [
                ["name": "sluice-hosts", "mountPath": "/etc/mpi", "readOnly": true]
            ])
        var files: [String: String] = [:]
        for item in pods[0]["spec"]?["volumes"]?[0]?["downwardAPI"]?["items"]?.array ?? [] {
            let field = item["fieldRef"]?["fieldPath"]?.string ?? ""
            let annotation = String(field.dropFirst("metadata.annotations['".count).dropLast(2))
            files[item["path"]?.string ?? ""] = pods[0]["metadata"]?["annotations"]?[annotation]?.string
        }
        #expect(
            files == [
                "hostfile": "\(host(0)) slots=1\n\(host(1)) slots=1\n",
                "hydra-hostfile": "\(host(0)):1\n\(host(1)):1\n",
            ])
        // The others are started by ssh, which gives them nothing of this.
        #expect(environment(pods[1]) == [:])
        #expect(pods[1]["spec"]?["volumes"] == nil)
        #expect(pods[1]["spec"]?["hostname"]?.string == "\(Self.gang)-1")
    }

    @Test(
        arguments: [
            ("pytorch", ["MASTER_ADDR": "localhost", "WORLD_SIZE": "1", "RANK": "0", "PET_NNODES": "1"]),
            ("jax", ["COORDINATOR_ADDRESS": "localhost", "NUM_PROCESSES": "1", "PROCESS_ID": "0"]),
            (
                "tensorflow",
                [
                    "TF_CONFIG":
                        #"{"cluster":{"worker":["localhost:2222"]},"task":{"index":0,"type":"worker"}}"#
                ]
            ),
        ])
    func `A single pod is a world of one, and needs no Service`(framework: String, some: [String: String]) throws {
        var bench = Bench([task("g", ["framework": .string(framework)])], run: ["state": "Suspended"])
        bench.driver.specChanged(to: .running, generation: 2)
        let create = try #require(bench.driver.next(now: bench.now, monotonic: .zero).creates.first)
        #expect(create.service == nil)
        #expect(create.manifest["spec"]?["subdomain"] == nil)
        #expect(create.manifest["metadata"]?["labels"]?["sluice.dev/gang"]?.string == Self.gang)
        let variables = environment(create.manifest)
        for (name, value) in some { #expect(variables[name] == value) }
    }

    @Test func `A variable that the user has set stays, and may refer to ours, which come first`() throws {
        let container: JSONValue = [
            "image": "x",
            "env": [
                ["name": "MASTER_PORT", "value": "1234"], ["name": "END", "value": "$(MASTER_ADDR):$(MASTER_PORT)"],
                ["name": "RANK", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]],
            ],
        ]
        let pod = try #require(pods(["replicas": 2, "framework": "pytorch", "container": container]).last)
        let variables = environment(pod)
        #expect(variables["MASTER_PORT"] == "1234")
        #expect(variables["PET_MASTER_PORT"] == "1234")
        #expect(variables["RANK"] == "")
        #expect(variables["END"] == "$(MASTER_ADDR):$(MASTER_PORT)")
        let names = pod["spec"]?["containers"]?[0]?["env"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(names.first == "MASTER_ADDR")
        #expect(names.suffix(4) == ["MASTER_PORT", "END", "RANK", "SLUICE_RESULTS"])
    }

    @Test func `E3: nothing that is added can be taken for a variable by the kubelet`() {
        for framework in Framework.allCases {
            for pod in pods(["replicas": 2, "framework": .string(framework.rawValue)]) {
                #expect(environment(pod).values.allSatisfy { !$0.contains("$") })
            }
        }
    }

    @Test func `Sidecars and tasks without a framework are told nothing`() throws {
        let sidecar: JSONValue = ["spec": ["containers": [["name": "s", "image": "y"]]]]
        let told = pods(["replicas": 2, "framework": "jax", "podTemplate": sidecar])
        #expect(told[0]["spec"]?["initContainers"]?[0]?["env"] == nil)
        for pod in pods(["replicas": 2]) + pods(["replicas": 2, "framework": "none"]) {
            #expect(environment(pod) == [:])
            #expect(pod["spec"]?["subdomain"] == nil)
            #expect(pod["metadata"]?["labels"]?["sluice.dev/gang"] == nil)
        }
    }

    // MARK: The Service

    private func creates(_ bench: inout Bench) -> [RunDriver.Create] {
        bench.step().compactMap { if case .create(let create) = $0 { create } else { nil } }
    }

    private func bench(_ fields: JSONValue) -> Bench {
        var bench = Bench([task("g", fields)], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        return bench
    }

    @Test func `The Service has no address, selects the pods of the one attempt, and belongs to the run`() throws {
        var bench = bench(["replicas": 2, "framework": "mpi"])
        let creates = creates(&bench)
        #expect(creates.count == 2)
        #expect(creates[0].service == creates[1].service)
        let service = try #require(creates[0].service)
        #expect(service.name == Self.gang)
        let metadata = try ObjectMeta(service.manifest["metadata"] ?? [:])
        #expect(metadata.name == service.name)
        #expect(metadata.namespace == "ns")
        #expect(metadata.controller == bench.identity.ownerReference)
        #expect(
            service.manifest["spec"] == [
                "clusterIP": "None", "publishNotReadyAddresses": true,
                "selector": [
                    "sluice.dev/run": "run", "sluice.dev/task": "g", "sluice.dev/attempt": "0",
                    "sluice.dev/gang": .string(Self.gang),
                ],
            ])
        for create in creates {
            let labels = create.manifest["metadata"]?["labels"]?.stringMap ?? [:]
            for (key, value) in service.manifest["spec"]?["selector"]?.stringMap ?? [:] {
                #expect(labels[key] == value)
            }
        }
    }

    @Test func `E10: Instances of a forEach do not resolve into each other, nor do attempts`() throws {
        var bench = bench([
            "replicas": 2, "framework": "jax", "forEach": ["items": [1, 2]], "retry": ["limit": 1],
        ])
        let first = creates(&bench)
        for create in first { bench.perform(.create(create)) }
        var gangs = Set(first.compactMap(\.service?.name))
        #expect(gangs.count == 2)
        bench.settle()
        bench.fail("g[0]", settling: false)
        var second: [RunDriver.Create] = []
        for _ in 0..<5 {
            for action in bench.step() {
                if case .create(let create) = action { second.append(create) }
                bench.perform(action)
            }
        }
        #expect(second.map(\.identity.attempt) == [1, 1])
        gangs.formUnion(second.compactMap(\.service?.name))
        #expect(gangs.count == 3)
    }

    @Test func `E4: A crash between the Service and the pods asks for the same again`() throws {
        var bench = bench(["replicas": 3, "framework": "pytorch"])
        let before = creates(&bench)
        bench.restart(settling: false)
        bench.driver.specChanged(to: .running, generation: 2)
        let after = creates(&bench)
        #expect(before == after)
        // With one pod there already the others come, and with the Service: whether it is there nobody has noted.
        bench.perform(.create(after[0]))
        bench.restart(settling: false)
        let rest = creates(&bench)
        #expect(rest.map(\.identity.replica) == [1, 2])
        #expect(rest.allSatisfy { $0.service == before[0].service })
    }

    @Test(arguments: [
        "r", "2024-run", "a.b.c", "1." + String(repeating: "-", count: 60), String(repeating: "9", count: 63),
        String(repeating: "a-", count: 31) + "b",
    ])
    func `E4: The name of a gang is one for a Service, a label and a subdomain, whatever the run is called`(
        runName: String
    ) {
        let run = RunIdentity(namespace: "ns", name: runName, uid: "0f0e")
        var names: Set<String> = []
        for path in ["t", "shards[3]", "outer[2]/inner[0]", String(repeating: "y", count: 63)] {
            for attempt in [0, 9, 123_456_789] {
                let name = PodIdentity(path: path, attempt: attempt, replica: 7).gangName(in: run)
                #expect(name.utf8.count <= 63)
                #expect(name.wholeMatch(of: /[a-z]([-a-z0-9]*[a-z0-9])?/) != nil, "\(name)")
                names.insert(name)
            }
        }
        #expect(names.count == 12)
    }

    @Test(arguments: [Framework.tensorflow, .mpi])
    func `The largest gang that is told of all its hosts stays below the limits of Kubernetes and Linux`(
        framework: Framework
    ) throws {
        let run = RunIdentity(namespace: "ns", name: String(repeating: "n", count: 63), uid: "0f0e")
        var spec = TaskSpec(name: String(repeating: "t", count: 63))
        spec.framework = framework
        spec.replicas = try #require(framework.maximumReplicas)
        let gang = try #require(
            PodGang(PodIdentity(path: "\(spec.name)[9999]", attempt: 12, replica: 0), of: spec, in: run))
        var (main, metadata, pod) = (["image": "x"] as JSONValue, ObjectMeta(), [:] as JSONValue)
        gang.join(&main, &metadata, &pod)
        let longest = main["env"]?.array?.compactMap { $0["value"]?.string?.utf8.count }.max() ?? 0
        #expect(longest < 128 << 10, "a string of the environment, execve(2)")
        #expect(metadata.annotations.values.reduce(0) { $0 + $1.utf8.count } < 256 << 10)
    }
}
