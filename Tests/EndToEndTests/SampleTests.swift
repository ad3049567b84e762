import Foundation
import Testing

@Suite(.serialized) struct SampleTests {
    @Test func `sluice run runs the sample to Succeeded and prints its results`() async throws {
        let result = try await Program.run(Tools.sluice, ["run", Tools.sample("train-on-shards.yaml")])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("Succeeded  8/8 tasks"))
        #expect(result.output.contains("accuracy: 0."))
        // The shards train side by side and the models meet in one place.
        let order = [
            "make-data  Succeeded", "split  Succeeded", "train-1  Succeeded", "evaluate  Succeeded",
            "report  Succeeded",
        ]
        let positions = order.map { result.output.range(of: $0)?.lowerBound }
        #expect(positions.allSatisfy { $0 != nil })
        #expect(positions.compactMap(\.self) == positions.compactMap(\.self).sorted())
    }

    @Test func `sluice run -o json prints the finished object and nothing else`() async throws {
        let result = try await Program.run(Tools.sluice, ["run", Tools.sample("hello.yaml"), "-o", "json"])
        #expect(result.status == 0, "\(result.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let status = try #require(object["status"] as? [String: Any])
        #expect(status["phase"] as? String == "Succeeded")
        #expect((status["results"] as? [String: Any])?["letters"] as? Int == 5)
    }

    @Test func `Four processes train one model, and find each other as PyTorch's would`() async throws {
        // Side by side, where each run has addresses of its own.
        let sample = Tools.sample("distributed-training.yaml")
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    let result = try await Program.run(Tools.sluice, ["run", sample])
                    #expect(result.status == 0, "\(result.output)\(result.errors)")
                    #expect(result.output.contains("Succeeded  2/2 tasks"))
                    #expect(result.output.contains("slope: 3.0"))
                }
            }
        }
    }

    @Test func `Tasks of every framework tell their processes addresses at which these meet`() async throws {
        let meet = """
            import json, os, socket, sys, time
            framework, index, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
            if framework == "tensorflow":
                config = json.loads(os.environ["TF_CONFIG"])
                assert config["task"] == {"type": "worker", "index": index}, config
                hosts = [h.split(":") for h in config["cluster"]["worker"]]
                assert len({tuple(h) for h in hosts}) == size, hosts
                host, port = hosts[0]
            elif framework == "jax":
                assert (os.environ["NUM_PROCESSES"], os.environ["PROCESS_ID"]) == (str(size), str(index))
                host, port = os.environ["COORDINATOR_ADDRESS"], os.environ["COORDINATOR_PORT"]
                assert os.environ["JAX_COORDINATOR_ADDRESS"] == f"{host}:{port}", os.environ["JAX_COORDINATOR_ADDRESS"]
            else:
                assert (os.environ["WORLD_SIZE"], os.environ["RANK"]) == (str(size), str(index))
                host, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
            if index == 0:
                server = socket.create_server((host, int(port)))
                server.settimeout(60)
                peers = [server.accept()[0] for _ in range(size - 1)]
                time.sleep(0.2)
            else:
                end = time.monotonic() + 60
                while True:
                    try:
                        socket.create_connection((host, int(port)), timeout=60)
                        break
                    except OSError:
                        assert time.monotonic() < end
                        time.sleep(0.05)
            """.split(separator: "\n").map { "                  \($0)" }.joined(separator: "\n")
        func task(_ name: String, _ framework: String, _ size: Int, _ command: String) -> String {
            """
                - name: \(name)
                  framework: \(framework)
                  replicas: \(size)
                  container:
                    image: python:3
            \(command)
            """
        }
        var tasks: [String] = []
        for framework in ["pytorch", "tensorflow", "jax"] {
            for size in [1, 3] {
                let command = """
                            command: [python3, -c]
                            args:
                              - |
                    \(meet)
                              - \(framework)
                              - "$(replica.index)"
                              - "\(size)"
                    """
                tasks.append(task("\(framework)-\(size)", framework, size, command))
                if size == 1 { tasks.append(task("\(framework)-again", framework, size, command)) }
            }
        }
        let count =
            #"test $(replica.index) != 0 || test "$(grep -c '^127.0.0.1 slots=1$' $OMPI_MCA_orte_default_hostfile)" = 3"#
        tasks.append(task("mpi-3", "mpi", 3, "        command: [sh, -ec, '\(count.replacing("'", with: "''"))']"))
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: meet}
            spec:
              pipelineSpec:
                tasks:
            \(tasks.joined(separator: "\n"))
            """
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: manifest)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("10/10 tasks"))
    }

    @Test func `sluice run exits 1 when the run fails, and says why`() async throws {
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: fails}
            spec:
              pipelineSpec:
                tasks:
                  - name: a
                    container: {image: "busybox:1", command: [sh, -c, "echo disk on fire >&2; exit 3"]}
            """
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: manifest)
        #expect(result.status == 1)
        #expect(result.output.contains("exit code 3: disk on fire"), "\(result.output)\(result.errors)")
    }
}
