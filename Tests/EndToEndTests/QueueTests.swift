import Foundation
import JSON
import KubernetesModel
import Testing

/// Queues with real processes on the embedded cluster, in peace and under an operator that is killed again and again.
@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct QueueTests {
    private static let tenants = [("a", 1), ("b", 1), ("c", 2)]

    private static func manifests(gangs: Int) -> String {
        var documents: [String] = []
        for (name, weight) in tenants {
            documents.append("{apiVersion: v1, kind: Namespace, metadata: {name: team-\(name)}}")
            documents.append(
                """
                apiVersion: sluice.dev/v1alpha1
                kind: Queue
                metadata: {name: \(name)}
                spec: {weight: \(weight), namespaces: [team-\(name)]}
                """)
        }
        // An eighth of the machine for each gang, whatever machine it is.
        let cpu = ProcessInfo.processInfo.activeProcessorCount * 1000 / 16
        for number in 0..<gangs {
            for (name, _) in tenants {
                documents.append(
                    """
                    apiVersion: sluice.dev/v1alpha1
                    kind: PipelineRun
                    metadata: {name: r\(number), namespace: team-\(name)}
                    spec:
                      pipelineSpec:
                        tasks:
                          - name: gang
                            replicas: 2
                            container: {image: x, command: [sleep, "4"], resources: {requests: {cpu: \(cpu)m}}}
                    """)
            }
        }
        return documents.joined(separator: "\n---\n")
    }

    private static func list(_ cluster: LocalUp, _ kind: String, _ selector: String = "") async throws -> [JSONValue] {
        let text = try await cluster.kubectl("get", kind, "-A", "--field-selector=\(selector)", "-o", "json")
        return try JSONValue(parsing: text)["items"]?.array ?? []
    }

    @Test(arguments: [false, true])
    func `Q3, Q5 and Q9: tenants of the weights 1, 1 and 2 get their shares, and every gang runs whole`(kills: Bool)
        async throws
    {
        try await LocalUp.withOperator(kills: kills, every: .seconds(2)) { cluster in
            try await cluster.kubectl("apply", "-f", "-", input: Self.manifests(gangs: 20))
            // Replicas that run, by run and at every look; and how much of what is used each tenant has while all wait.
            var shares: [String: Double] = [:]
            var looks = 0
            var most = 0
            let end = ContinuousClock.now + .seconds(100)
            while ContinuousClock.now < end {
                let runs = try await Self.list(cluster, "prun")
                if runs.allSatisfy({ $0["status"]?["completionTime"] != nil }) { break }
                let pods = try await Self.list(cluster, "pods", "status.phase=Running")
                most = max(most, pods.count)
                let waiting = Set(
                    runs.filter { $0["status"]?["phase"] == "Queued" }.compactMap {
                        $0["metadata"]?["namespace"]?.string
                    })
                if waiting.count == Self.tenants.count, pods.count >= 12 {
                    looks += 1
                    for pod in pods {
                        let namespace = pod["metadata"]?["namespace"]?.string ?? ""
                        shares[namespace, default: 0] += 1 / Double(pods.count)
                    }
                }
                try await Task.sleep(for: .milliseconds(150))
            }
            let runs = try await Self.list(cluster, "prun")
            #expect(runs.count == 60)
            for run in runs {
                let task = run["status"]?["tasks"]?[0]
                #expect(run["status"]?["phase"] == "Succeeded", "\(run["status"]?.text ?? "")")
                // Nothing was taken down since a part of it found no room, and nothing ran twice.
                #expect(task?["attempt"] == nil || task?["attempt"] == 0, "\(task?.text ?? "")")
            }
            #expect(most <= 16, "never more pods than there is room for")
            if !kills {
                #expect(looks >= 3)
                for (name, weight) in Self.tenants {
                    let share = shares["team-\(name)", default: 0] / Double(max(1, looks))
                    // Within one gang of eight of the ideal.
                    #expect(abs(share - Double(weight) / 4) < 0.125, "\(name): \(share) of \(looks) looks")
                }
            }
            let text = try await Program.run(Tools.sluice, ["queue", "--kubeconfig", cluster.kubeconfig])
            #expect(text.output.contains("No run waits."))
            #expect(text.output.hasPrefix("QUEUE  WEIGHT  STATE"))
        }
    }

    @Test(arguments: [false, true])
    func `Q1: of two runs that are admitted as a whole, and would block each other, one runs and then the other`(
        kills: Bool
    )
        async throws
    {
        try await LocalUp.withOperator(kills: kills, every: .seconds(2)) { cluster in
            // Half of the machine each: a run takes all of it, with one task from the first moment to the last.
            let cpu = "\(ProcessInfo.processInfo.activeProcessorCount * 500)m"
            func task(_ name: String, _ seconds: Int, _ after: String = "") -> String {
                "{name: \(name), dependsOn: [\(after)], container: {image: x, command: [sleep, '\(seconds)'], "
                    + "resources: {requests: {cpu: \(cpu)}}}}"
            }
            let manifests = ["one", "two"].map { name in
                """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: \(name)}
                spec:
                  gangScope: Run
                  pipelineSpec: {tasks: [\(task("hold", 4)), \(task("a", 1)), \(task("b", 1, "a"))]}
                """
            }
            try await cluster.kubectl("apply", "-f", "-", input: manifests.joined(separator: "\n---\n"))
            if !kills {
                try await cluster.kubectl(
                    "wait", "prun", "--all", "--for=jsonpath={.status.startTime}", "--timeout=2s", expect: nil)
                let told = try await cluster.kubectl("get", "prun", "-o", "jsonpath={.items[*].status.message}")
                #expect(told.contains("the run takes up to 2 pods"), "\(told)")
            }
            try await cluster.kubectl("wait", "prun", "--all", "--for=condition=Finished", "--timeout=120s")
            let runs =
                try JSONValue(parsing: try await cluster.kubectl("get", "prun", "-o", "json"))["items"]?.array ?? []
            var times: [(start: Date, end: Date)] = []
            for run in runs {
                #expect(run["status"]?["phase"] == "Succeeded", "\(run["status"]?.text ?? "")")
                let start = try #require(run["status"]?["startTime"]?.string)
                let end = try #require(run["status"]?["completionTime"]?.string)
                times.append((try Date(start, strategy: .iso8601), try Date(end, strategy: .iso8601)))
            }
            times.sort { $0.start < $1.start }
            #expect(times.count == 2 && times[0].end <= times[1].start, "\(times)")
        }
    }

    @Test func `sluice run: what this machine can never have ends at once, says what, and finally runs`() async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = "\(directory)/gpu.yaml"
        try """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: gpu}
        spec:
          pipelineSpec:
            tasks:
              - {name: train, container: {image: x, command: ["true"], resources: {limits: {example.com/tpu: 1}}}}
            finally:
              - {name: bye, container: {image: x, command: ["true"]}}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try await Program.run(Tools.sluice, ["run", file])
        #expect(result.status == 1)
        #expect(
            result.errors.contains("a pod asks for 1 example.com/tpu, and no node has as much for it"),
            "\(result.errors)")
        #expect(result.output.contains("bye  Succeeded"))
        #expect(result.errors.contains("--ignore-resources"))
        let ignored = try await Program.run(Tools.sluice, ["run", "--ignore-resources", "example.com/tpu", file])
        #expect(ignored.status == 0, "\(ignored.errors)")
        let wrong = try await Program.run(Tools.sluice, ["run", "--ignore-resources", "gpu", file])
        #expect(wrong.status != 0 && wrong.errors.contains("expected cpu, memory, or a name such as nvidia.com/gpu"))
    }

    @Test func `U3: sluice run: a Secret and a volume that never come fail their tasks in seconds`() async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = "\(directory)/absent.yaml"
        try """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: absent}
        spec:
          failurePolicy: Continue
          pipelineSpec:
            parameters: [{name: secret, default: absent}, {name: config, default: nowhere}]
            tasks:
              - {name: secret, container: {image: x, command: ["true"], envFrom: [{secretRef: {name: $(params.secret)}}]}}
              - name: volume
                podTemplate: {spec: {volumes: [{name: v, configMap: {name: $(params.config)}}]}}
                container: {image: x, command: ["true"], volumeMounts: [{name: v, mountPath: /v}]}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try await Program.run(Tools.sluice, ["run", file])
        #expect(result.status == 1)
        #expect(result.output.contains("secret \"absent\" not found"), "\(result.output)")
        #expect(result.output.contains("volume  Failed"), "\(result.output)")
        #expect(
            result.output.contains(
                #"task volume: MountVolume.SetUp failed for volume "v" : configmap "nowhere" not found"#),
            "\(result.output)")
    }
}
