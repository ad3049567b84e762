import JSON
import KubernetesModel
import SluiceAPI
import Testing

@testable import PipelineEngine

/// E4: names, labels, owners, finalizers; E12: results.
struct PodTests {
    private let run = RunIdentity(namespace: "ns", name: "run", uid: "0f0e")

    @Test func `E4: names are the same at every time and in every process`() {
        #expect(
            PodIdentity(path: "train", attempt: 3, replica: 1).name(in: run)
                == PodIdentity(path: "train", attempt: 3, replica: 1).name(in: run))
        // A name that was given out may never change, or a restarted operator of a later version makes a second pod.
        #expect(PodIdentity(path: "a", attempt: 0, replica: 0).name(in: run) == "run-a-r3ab2e29ifn84-0-0")
    }

    @Test(arguments: [
        "r", "a.b.c", String(repeating: "x", count: 253), String(repeating: "a-", count: 30) + "b",
        "a." + String(repeating: "-", count: 60),
    ])
    func `E4: names are DNS labels of at most 63 characters, whatever the run is called`(runName: String) {
        var run = run
        run.name = runName
        for task in ["t", String(repeating: "y", count: 63), "a-b"] {
            for attempt in [0, 9, 123_456_789] {
                let name = PodIdentity(path: task, attempt: attempt, replica: 4_095).name(in: run)
                #expect(name.utf8.count <= 63)
                #expect(name.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?/) != nil, "\(name)")
            }
        }
    }

    @Test func `E4: run, task, attempt and replica each make another name`() {
        var names: Set<String> = []
        var count = 0
        for uid in ["u1", "u2", "u1a"] {
            for task in ["a", "b", "a-1", "a-1-1"] {
                for attempt in 0..<12 {
                    for replica in 0..<12 {
                        names.insert(
                            PodIdentity(path: task, attempt: attempt, replica: replica)
                                .name(in: RunIdentity(namespace: "ns", name: "run", uid: uid)))
                        count += 1
                    }
                }
            }
        }
        #expect(names.count == count)
    }

    @Test func `E4: 100,000 tasks of one run have 100,000 names`() {
        var hashes: Set<String> = []
        for index in 0..<100_000 {
            hashes.insert(
                PodIdentity(path: "task-\(index)", attempt: 0, replica: 0).name(
                    in: RunIdentity(namespace: "", name: "", uid: "u")))
        }
        #expect(hashes.count == 100_000)
    }

    @Test func `E4: a pod has its labels, its owner, its finalizer, the results' file, and never restarts`() throws {
        let bench = Bench(
            [
                task(
                    "a",
                    [
                        "timeout": "90s", "replicas": 2,
                        "container": ["image": "x", "name": "mine", "env": [["name": "A", "value": "1"]]],
                        "podTemplate": [
                            "metadata": ["labels": ["team": "x", "sluice.dev/task": "forged"]],
                            "spec": ["restartPolicy": "Always"],
                        ],
                    ])
            ])
        let pod = try #require(bench.created[bench.name("a", 1)])
        let metadata = try ObjectMeta(pod["metadata"] ?? [:])
        #expect(
            metadata.labels == [
                "sluice.dev/run": "run", "sluice.dev/task": "a", "sluice.dev/attempt": "0", "sluice.dev/replica": "1",
                "app.kubernetes.io/managed-by": "sluice", "team": "x",
            ])
        #expect(metadata.controller == bench.identity.ownerReference)
        #expect(metadata.ownerReferences.map(\.uid) == ["0f0e"])
        #expect(metadata.finalizers == ["sluice.dev/track"])
        #expect(metadata.namespace == "ns")
        #expect(pod["spec"]?["restartPolicy"] == "Never")
        #expect(pod["spec"]?["activeDeadlineSeconds"] == 90)
        let container = try #require(pod["spec"]?["containers"]?[0])
        #expect(container["name"] == "main")
        #expect(
            container["env"] == [
                ["name": "A", "value": "1"], ["name": "SLUICE_RESULTS", "value": "/dev/termination-log"],
            ])
    }

    @Test func `E4: the template of a task is laid over its run's, and tolerations add up`() throws {
        let run: JSONValue = [
            "nodeSelector": ["disk": "ssd"], "initContainers": [["name": "a", "env": [["name": "A", "value": "1"]]]],
            "tolerations": [["key": "gpu", "operator": "Exists"], ["key": "spot", "effect": "NoSchedule"]],
            "schedulingGates": [["name": "g"]],
        ]
        let task: JSONValue = [
            "nodeSelector": ["zone": "b"],
            "initContainers": [["name": "b"], ["name": "a", "env": [["name": "B", "value": "2"]]]],
            "tolerations": [["key": "spot", "effect": "NoSchedule", "value": "x"], ["key": "spot"]],
            "schedulingGates": [["name": "h"]],
        ]
        #expect(
            try PodTemplateMerge.merge(["spec": task], over: ["spec": run])["spec"] == [
                "nodeSelector": ["disk": "ssd", "zone": "b"],
                "initContainers": [
                    ["name": "a", "env": [["name": "A", "value": "1"], ["name": "B", "value": "2"]]], ["name": "b"],
                ],
                "tolerations": [
                    ["key": "gpu", "operator": "Exists"], ["key": "spot", "effect": "NoSchedule", "value": "x"],
                    ["key": "spot"],
                ],
                "schedulingGates": [["name": "g"], ["name": "h"]],
            ])
    }

    @Test func `E4: a pod of another owner is not ours, whatever its name and labels say`() {
        var bench = Bench([task("a")])
        var stranger = bench.pods[bench.name("a")] ?? Pod()
        stranger.metadata.ownerReferences = [
            OwnerReference(apiVersion: "sluice.dev/v1alpha1", kind: "PipelineRun", name: "run", uid: "another")
        ]
        stranger.end(code: 1, at: bench.now)
        bench.driver.podObserved(stranger)
        bench.settle()
        #expect(bench.states("a") == ["Running"])
        stranger.metadata.ownerReferences = []
        bench.driver.podObserved(stranger)
        bench.settle()
        #expect(bench.states("a") == ["Running"])
    }

    @Test func `E4: labels that do not belong to the name make no pod of ours`() {
        var bench = Bench([task("a"), task("b")])
        var stranger = bench.pods[bench.name("a")] ?? Pod()
        stranger.metadata.labels["sluice.dev/task"] = "b"
        stranger.metadata.uid = "x"
        stranger.end(code: 1, at: bench.now)
        bench.driver.podObserved(stranger)
        for labels in [
            ["sluice.dev/attempt": "-1"], ["sluice.dev/attempt": "zero"],
            ["sluice.dev/replica": "99999999999999999999"],
        ] {
            stranger.metadata.labels.merge(labels) { $1 }
            bench.driver.podObserved(stranger)
        }
        bench.settle()
        #expect(bench.states("a", "b") == ["Running", "Running"])
    }

    @Test func `E4: the finalizer of a finished pod goes when its outcome is in the status, not before`() {
        var bench = Bench([task("a"), task("b")])
        bench.succeed("a", settling: false)
        let effects = bench.next()
        #expect(effects.creates.isEmpty && effects.releases.isEmpty)
        guard let write = effects.write else {
            Issue.record("no status is written")
            return
        }
        bench.write(write)
        let releases = bench.next().releases
        guard case .removeFinalizer(let name, _)? = releases.first, releases.count == 1 else {
            Issue.record("no pod is let go: \(releases)")
            return
        }
        #expect(name == bench.name("a"))
        // The operator dies after the status was written and before the finalizer was taken off.
        bench.restart()
        #expect(bench.released == [name])
        #expect(bench.createdCount[name] == 1)
    }

    @Test func `E4: pods of earlier attempts are let go as well`() {
        var bench = Bench([task("a", ["retry": ["limit": 3]])])
        for _ in 0..<3 { bench.fail("a") }
        #expect(bench.released.count == 3)
        bench.succeed("a")
        #expect(Set(bench.released) == Set(bench.created.keys))
        #expect(bench.pods.values.filter { !$0.metadata.finalizers.isEmpty }.isEmpty)
        #expect(bench.driver.isDone)
    }

    @Test func `E4: a finished pod that was deleted before the operator came back still tells its outcome`() {
        var bench = Bench([task("a", ["results": ["r"]]), task("b", ["dependsOn": ["a"]])])
        let name = bench.name("a")
        bench.pods[name]?.end(code: 0, at: bench.now, message: #"{"r": 1}"#)
        bench.pods[name]?.markDeleted(at: bench.now, grace: 0)
        bench.restart()
        #expect(bench.states("a", "b") == ["Succeeded", "Running"])
        #expect(bench.task("a").results == ["r": 1])
        #expect(bench.pods[name] == nil)
        #expect(bench.createdCount[name] == 1)
    }

    @Test
    func `E4: a pod that vanished without a trace is the infrastructure's failure, and its name is not used again`() {
        var bench = Bench([task("a")])
        let name = bench.name("a")
        bench.run("a")
        bench.pods[name] = nil
        bench.restart()
        #expect(bench.task("a").disruptions == 1)
        bench.pass(1)
        #expect(bench.createdCount[name] == 1)
        #expect(bench.task("a").attempt == 1)
    }

    // MARK: E12

    @Test(arguments: [
        (#"{"r": 1, "s": [null]}"#, "Succeeded"), (#"  {"s": {}, "r": "x", "other": 2}\#n"#, "Succeeded"),
        ("", "wrote no results"), ("accuracy 0.9", "not JSON"), (#"{"r": 1}"#, "s was not written"),
        ("[1, 2]", "type array"),
        (#"{"r": 1, "s": 2} trailing"#, "not JSON"), ("\"r\"", "type string"),
        (#"{"r": ""# + String(repeating: "x", count: 4089), "4096 bytes"),
    ])
    func `E12: results are a JSON object with every declared name, or the attempt fails and says why`(
        message: String, expected: String
    ) {
        var bench = Bench([task("a", ["results": ["r", "s"]])])
        bench.succeed("a", results: message)
        if expected == "Succeeded" {
            #expect(bench.states("a") == ["Succeeded"])
            #expect(bench.task("a").results.keys.sorted() == ["r", "s"])
        } else {
            #expect(bench.states("a") == ["Failed/InvalidResults"])
            #expect(bench.task("a").message.contains(expected), "\(bench.task("a").message)")
        }
    }

    @Test func `E12 and E7: an attempt that failed for its results is of class Failed`() {
        var bench = Bench([task("a", ["results": ["r"], "retry": ["limit": 1, "on": ["Failed"]]])])
        bench.succeed("a")
        #expect(bench.task("a").attempt == 1)
        bench.succeed("a", results: #"{"r": true}"#)
        #expect(bench.states("a") == ["Succeeded"])
    }

    @Test func `E12: a task that declares no results may write what it likes`() {
        var bench = Bench([task("a")])
        bench.succeed("a", results: "bye")
        #expect(bench.states("a") == ["Succeeded"])
    }

    @Test func `E12: the run's results are made of its tasks', with their types`() {
        var bench = Bench(
            [task("a", ["results": ["n", "o"]])],
            results: [
                ["name": "n", "value": "$(tasks.a.results.n)"], ["name": "text", "value": "n=$(tasks.a.results.n)"],
                ["name": "deep", "value": ["x": ["$(tasks.a.results.o.k)"]]],
            ])
        bench.succeed("a", results: #"{"n": 3, "o": {"k": false}}"#)
        #expect(bench.status.results == ["n": 3, "text": "n=3", "deep": ["x": [false]]])
    }
}
