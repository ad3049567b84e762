import Foundation
import JSON
import KubernetesModel
import Testing

@testable import ProcessNode

/// Pods that look for each other by name are processes of one machine here.
struct GangAddressesTests {
    private let ports = GangPorts()

    private func pod(_ replica: Int = 0, gang: String = "g", isAlone: Bool = false) throws -> NodePod {
        var pod: JSONValue = [
            "metadata": [
                "name": .string("\(gang)-\(replica)"), "namespace": "ns", "uid": .string("\(gang)-uid-\(replica)"),
                "labels": ["sluice.dev/gang": .string(gang)],
                "annotations": ["sluice.dev/hostfile": .string("\(gang)-0.\(gang) slots=1\n\(gang)-1.\(gang):1\n")],
            ],
            "spec": [:],
        ]
        if !isAlone {
            pod["spec"]?["hostname"] = .string("\(gang)-\(replica)")
            pod["spec"]?["subdomain"] = .string(gang)
        }
        return try NodePod(pod)
    }

    private func rewritten(_ variables: [String: String], _ pod: NodePod) throws -> [String: String] {
        var environment = ContainerEnvironment(variables)
        try #require(GangAddresses(pod, ports: ports)).rewrite(&environment)
        return environment.variables
    }

    @Test func `The names of the gang are this machine, and each port of each host is another one`() throws {
        let variables = try rewritten(
            [
                "MASTER_ADDR": "g-0.g", "MASTER_PORT": "29500", "PET_MASTER_ADDR": "g-0.g.ns.svc.cluster.local",
                "PET_MASTER_PORT": "29500", "END": "tcp://g-0.g:29500/x", "FULL": "g-0.g.ns.svc:29500",
                "TF_CONFIG": #"{"worker":["g-0.g:2222","g-1.g:2222"]}"#, "ALL": "g-0.g,g-1.g",
            ], pod())
        let master = try #require(variables["MASTER_PORT"].flatMap { Int($0) })
        #expect(master != 29500)
        #expect((20_000..<32_000).contains(master))
        #expect(variables["MASTER_ADDR"] == "127.0.0.1")
        #expect(variables["PET_MASTER_ADDR"] == "127.0.0.1")
        #expect(variables["PET_MASTER_PORT"] == "\(master)")
        #expect(variables["END"] == "tcp://127.0.0.1:\(master)/x")
        #expect(variables["FULL"] == "127.0.0.1:\(master)")
        #expect(variables["ALL"] == "127.0.0.1,127.0.0.1")
        let (first, second) = (ports.port("ns/g", "g-0", 2222), ports.port("ns/g", "g-1", 2222))
        #expect(Set([first, second, master]).count == 3)
        #expect(variables["TF_CONFIG"] == #"{"worker":["127.0.0.1:\#(first)","127.0.0.1:\#(second)"]}"#)
    }

    @Test(arguments: [
        "xg-0.g", "g-0.gx", "g-0.g-1", "a.g-0.g", "g-0.g.other.svc", "G-0.g", ".g", "g-0.h:29500", "g",
        "localhost:2222",
        "g-0.", "", "_.g",
    ])
    func `What is no name of the gang stays`(text: String) throws {
        let isName = ["xg-0.g"].contains(text)
        let expected = isName ? "127.0.0.1" : text
        #expect(try rewritten(["A": text, "B_PORT": "29500"], pod()) == ["A": expected, "B_PORT": "29500"])
    }

    @Test func `All pods of a gang are told the same, those of another gang something else`() throws {
        let variables = ["MASTER_ADDR": "g-0.g", "MASTER_PORT": "29500"]
        #expect(try rewritten(variables, pod(0)) == rewritten(variables, pod(1)))
        let others = try rewritten(["MASTER_ADDR": "h-0.h", "MASTER_PORT": "29500"], pod(0, gang: "h"))
        #expect(try others["MASTER_PORT"] != rewritten(variables, pod(0))["MASTER_PORT"])
    }

    @Test func `A gang of one is localhost to itself, and what else is stays`() throws {
        let variables = try rewritten(
            [
                "MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "DB_ADDR": "localhost", "DB_PORT": "5432",
                "TF_CONFIG": #"["localhost:2222"]"#, "URL": "http://localhost:8080",
            ], pod(isAlone: true))
        #expect(variables["MASTER_PORT"] == "\(ports.port("ns/g", "localhost", 29500))")
        #expect(variables["MASTER_PORT"] != "29500")
        #expect(variables["DB_PORT"] == "5432")
        #expect(variables["TF_CONFIG"] == #"["localhost:\#(ports.port("ns/g", "localhost", 2222))"]"#)
        #expect(variables["URL"] == "http://localhost:8080")
    }

    @Test func `A pod of no gang keeps what it has`() throws {
        var json = try pod().json
        json["metadata"]?["labels"] = nil
        #expect(GangAddresses(try NodePod(json), ports: ports) == nil)
    }

    @Test func `A port that somebody listens on is not given, and the ports of a gang that is gone are given again`()
        throws
    {
        ports.join("ns/g", pod: "a")
        ports.join("ns/g", pod: "b")
        let port = ports.port("ns/g", "x", 1)
        ports.leave("ns/g", pod: "a")
        #expect(ports.port("ns/g", "x", 1) == port)
        ports.leave("ns/g", pod: "b")
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound && listen(listener, 1) == 0)
        ports.join("ns/g", pod: "c")
        let other = ports.port("ns/g", "x", 1)
        #expect(other != port)
        #expect(ports.port("ns/g", "x", 1) == other, "the same each time, also once its pod listens there")
    }

    @Test func `MPI: the annotations of hosts are files where the variables say, with the hosts of this machine`()
        async throws
    {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-gang-\(UUID().uuidString)")
            .path
        defer { try? FileManager.default.removeItem(atPath: root) }
        var json = try pod().json
        json["spec"]?["volumes"] = [
            [
                "name": "hosts",
                "downwardAPI": [
                    "items": [
                        [
                            "path": "hostfile",
                            "fieldRef": ["fieldPath": "metadata.annotations['sluice.dev/hostfile']"],
                        ],
                        ["path": "../outside", "fieldRef": ["fieldPath": "metadata.name"]],
                    ]
                ],
            ]
        ]
        json["spec"]?["containers"] = [
            [
                "name": "main", "image": "x", "command": ["true"],
                "env": [["name": "FILE", "value": "/etc/mpi/hostfile"], ["name": "OTHER", "value": "/etc/mpix"]],
                "volumeMounts": [["name": "hosts", "mountPath": "/etc/mpi"]],
            ]
        ]
        let pod = try NodePod(json)
        let gang = GangAddresses(pod, ports: ports)
        let files = PodFiles(node: root, namespace: "ns", name: "g-0", uid: "u")
        try files.prepare(containers: ["main"], hasWork: true)
        let source = ConfigurationSource(configMap: { _ in nil }, secret: { _ in nil })
        let volumes = try await files.materialise(pod, from: source) {
            gang?.rewrite($0, withPorts: false) ?? $0
        }
        let launch = ContainerLaunch(
            container: try #require(pod.containers.first), pod: pod, files: files, volumes: volumes, attempt: 0,
            sandbox: .mounts, gang: gang)
        let environment = try await launch.prepared(from: source).environment
        #expect(environment.contains("OTHER=/etc/mpix"))
        let variable = try #require(environment.first { $0.hasPrefix("FILE=") })
        // The number behind a host is a port in a variable, and the number of its processes here.
        #expect(
            try String(contentsOfFile: String(variable.dropFirst(5)), encoding: .utf8)
                == "127.0.0.1 slots=1\n127.0.0.1:1\n")
        #expect(!FileManager.default.fileExists(atPath: files.volume("outside")))
    }
}
