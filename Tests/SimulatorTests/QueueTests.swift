import Foundation
import JSON
import KubernetesModel
import Testing
import YAML

@testable import Simulator

/// Whole documents with nodes and queues: who runs when, who waits and why.
struct QueueTests {
    /// A node with that many cores.
    private static func node(_ name: String, cpu: Int, pods: Int = 110, spec: String = "{}") -> String {
        """
        ---
        apiVersion: v1
        kind: Node
        metadata: {name: \(name)}
        spec: \(spec)
        status: {allocatable: {cpu: \(cpu), memory: 64Gi, pods: \(pods)}}

        """
    }

    private static func queue(_ name: String, _ spec: String) -> String {
        """
        ---
        apiVersion: sluice.dev/v1alpha1
        kind: Queue
        metadata: {name: \(name)}
        spec: \(spec)

        """
    }

    /// A run of one task `a`, of so many pods of so many cores.
    private static func job(_ name: String, pods: Int = 1, cpu: Int = 1, task: String = "", spec: String = "") -> String
    {
        let path = name.split(separator: "/").map(String.init)
        return """
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: \(path[path.count - 1]), namespace: \(path.count > 1 ? path[0] : "default")}
            spec:
              \(spec)
              pipelineSpec:
                tasks:
                - name: a
                  replicas: \(pods)
                  \(task)
                  container: {image: x, resources: {requests: {cpu: \(cpu)}}}

            """
    }

    private static func runs(_ report: SimulationReport) -> [String] { report.runs.map { "\($0.name) \($0.summary)" } }

    private static func peak(_ report: SimulationReport, _ queue: String) -> Double? {
        report.queues.first { $0.name == queue }?.peak.first { $0.resource == "cpu" }?.value
    }

    @Test func `Q3: two tenants with weights 1 and 2 share nine cores as three and six`() {
        var text = Self.node("n1", cpu: 4) + Self.node("n2", cpu: 5)
        text +=
            Self.queue("one", "{namespaces: [one], weight: 1}") + Self.queue("two", "{namespaces: [two], weight: 2}")
        for number in 0..<30 { text += Self.job("one/s\(number)") + Self.job("two/t\(number)") }
        let report = simulate(text + scenario("outcomes: [{duration: 10s}]", "until: 45s"))
        let first = report.admissions.filter { $0.at == .zero }
        #expect(first.count { $0.queue == "one" } == 3 && first.count { $0.queue == "two" } == 6)
        #expect(Self.peak(report, "one") == 3 && Self.peak(report, "two") == 6)
        #expect(report.utilisation.map { "\($0.resource) \($0.units)" }.first == "cpu 1.0")
        #expect(report.preemptions.isEmpty && report.waiting.count == 15)
        #expect(
            report.waiting.first.map { "\($0.workload.run) \($0.since) \($0.reason)" }
                == "s3 0.0 seconds it asks for 1 cpu, 0 of 9 are free")
        let shares = report.queues.map { "\($0.name) \($0.shares.map { "\($0.from) \($0.thousandths)" })" }
        #expect(shares == [#"one ["0.0 seconds 333"]"#, #"two ["0.0 seconds 666"]"#])
    }

    @Test func `Q7: what is lent is taken back, and the victim goes on later`() {
        let text =
            Self.node("n0", cpu: 4) + Self.queue("a", "{namespaces: [a]}") + Self.queue("b", "{namespaces: [b]}")
            + Self.job("a/x", cpu: 2) + Self.job("a/x2", cpu: 2) + Self.job("b/z", cpu: 2)
            + scenario("arrivals: [{run: b/z, at: 100s}]", "outcomes: [{duration: 300s}]")
        let report = simulate(text)
        #expect(
            Self.runs(report) == ["x Succeeded 0..300", "x2 Succeeded 0..600", "z Succeeded 100..400"])
        #expect(report.run("x2").rows == ["a Succeeded: Preempted 0..100, Succeeded 300..600"])
        #expect(
            report.preemptions.map(\.json.text) == [
                #"{"at":100,"for":{"namespace":"b","queue":"b","run":"z","task":"a"},"namespace":"a","queue":"a","reason":"queue b takes back for b/z/a what it deserves; queue a is over its share","run":"x2","task":"a"}"#
            ])
    }

    @Test func `minAvailable: a gang starts with as many as suffice, and the rest joins when there is room`() {
        let text =
            Self.node("n0", cpu: 4) + Self.job("first", cpu: 2)
            + Self.job("x", pods: 4, task: "minAvailable: 2")
            + scenario("outcomes: [{run: first, duration: 100s}, {duration: 300s}]")
        let report = simulate(text)
        #expect(Self.runs(report) == ["first Succeeded 0..100", "x Succeeded 0..400"])
        #expect(report.run("x").rows == ["a Succeeded: Succeeded 0..400"])
        #expect(
            report.admissions.filter { $0.run == "x" }.map { "\($0.at.goText) \($0.pods)" } == [
                "0s 2", "1m40s 1", "1m40s 1",
            ])
    }

    @Test func `minAvailable: what is above it leaves before whole gangs, and the gang goes on without`() {
        let text =
            Self.node("n0", cpu: 4) + Self.queue("a", "{namespaces: [a]}") + Self.queue("b", "{namespaces: [b]}")
            + Self.job("a/x", pods: 4, task: "minAvailable: 2") + Self.job("b/z", cpu: 2)
            + scenario(
                "arrivals: [{run: b/z, at: 100s}]", "outcomes: [{duration: 300s}]",
                "actions: [{at: 150s, restartOperator: true}]")
        let report = simulate(text)
        #expect(Self.runs(report) == ["x Succeeded 0..300", "z Succeeded 100..400"])
        #expect(report.run("x").rows == ["a Succeeded: Succeeded 0..300"])
        #expect(report.preemptions.map(\.pods) == [2])
        #expect(report.preemptions[0].json["pods"] == 2)
        #expect(report.table.contains("1m40s: a/x/a lost 2 of its pods: queue b takes back"))
    }

    @Test func `Q5: a gang waits where there is enough but on no node`() {
        let text =
            Self.node("n1", cpu: 3) + Self.node("n2", cpu: 3) + Self.job("one", cpu: 2) + Self.job("two", cpu: 2)
            + Self.job("wide", cpu: 2) + scenario("outcomes: [{duration: 60s}]", "until: 30s")
        let report = simulate(text)
        #expect(
            report.waiting.map(\.reason) == [
                "it asks for 2 cpu, 2 of 6 are free, but not on nodes as its pods need them"
            ])
        #expect(report.run("wide").summary == "Queued/Fragmentation -..-")
    }

    @Test(arguments: [("fifo", "40..50"), ("traverse", "0..10")])
    func `Q6: in a fifo queue nobody passes the head, else who fits does`(strategy: String, small: String) {
        let text =
            Self.node("n0", cpu: 4) + Self.queue("q", "{namespaces: [default], dequeueStrategy: \(strategy)}")
            + Self.job("first", cpu: 3) + Self.job("head", cpu: 4) + Self.job("small", cpu: 1)
            + scenario(
                "arrivals: [{run: head, at: 100ms}, {run: small, at: 200ms}]",
                "outcomes: [{run: small, duration: 10s}, {duration: 20s}]")
        let report = simulate(text)
        #expect(Self.runs(report).first == "first Succeeded 0..20")
        let begins = report.run("small").started
        #expect(strategy == "fifo" ? begins == .seconds(40) : begins == .milliseconds(200), "\(report.table)")
    }

    @Test func `Q1: two gangs of 100 pods on 100 nodes for one pod run one after the other`() {
        var text = (0..<100).map { Self.node("n\($0)", cpu: 1, pods: 1) }.joined()
        text += Self.job("left", pods: 100) + Self.job("right", pods: 100)
        let report = simulate(text + scenario("outcomes: [{duration: 1h}]"))
        #expect(Self.runs(report) == ["left Succeeded 0..3600", "right Succeeded 3600..7200"])
        #expect(report.podsCreated == 200)
        #expect(report.admissions.map { Set($0.nodes).count } == [100, 100])
    }

    @Test func `A queue that is closed under load lets nothing new in, one that is drained loses what runs`() {
        let load = Self.node("n0", cpu: 1) + Self.queue("q", "{namespaces: [default]}") + Self.job("a") + Self.job("b")
        func report(_ state: String) -> SimulationReport {
            simulate(
                load
                    + scenario(
                        "outcomes: [{duration: 10s}]",
                        "actions: [{at: 5s, patch: {kind: Queue, name: q, spec: {state: \(state)}}}, "
                            + "{at: 60s, patch: {kind: Queue, name: q, spec: {state: null}}}]"))
        }
        #expect(Self.runs(report("Closed")) == ["a Succeeded 0..10", "b Succeeded 60..70"])
        let drained = report("Draining")
        #expect(Self.runs(drained) == ["a Succeeded 0..70", "b Succeeded 70..80"])
        #expect(drained.preemptions.map(\.asker) == [nil])
        let open = simulate(
            load
                + scenario(
                    "outcomes: [{duration: 10s}]", "until: 8s",
                    "actions: [{at: 5s, patch: {kind: Queue, name: q, spec: {state: Closed}}}]"))
        #expect(open.waiting.map(\.reason) == ["queue q is closed"])
    }

    @Test func `maxRunningRuns limits runs, not tasks`() {
        let text =
            Self.node("n0", cpu: 9) + Self.queue("q", "{namespaces: [default], maxRunningRuns: 2}") + Self.job("a")
            + Self.job("b") + Self.job("c")
        #expect(
            Self.runs(simulate(text + scenario("outcomes: [{duration: 10s}]")))
                == ["a Succeeded 0..10", "b Succeeded 0..10", "c Succeeded 10..20"])
        let report = simulate(text + scenario("outcomes: [{duration: 10s}]", "until: 5s"))
        #expect(report.waiting.map(\.reason) == ["queue q has 2 running runs of at most 2"])
    }

    @Test func `Q4: higher priority goes first; a run whose PriorityClass is not there waits for it`() {
        let text =
            Self.node("n0", cpu: 1) + Self.job("low", spec: "priority: 1") + Self.job("plain")
            + Self.job("high", spec: "priorityClassName: high") + Self.job("first")
            + scenario(
                "arrivals: [{run: low, at: 1s}, {run: plain, at: 1s}, {run: high, at: 1s}]",
                "outcomes: [{duration: 10s}]",
                "actions: [{at: 15s, apply: {apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 100}}]"
            )
        #expect(
            Self.runs(simulate(text)) == [
                "first Succeeded 0..10", "low Succeeded 10..20", "plain Succeeded 30..40", "high Succeeded 20..30",
            ])
    }

    @Test func `A node that vanishes takes its pods along, and its room is there again when it comes back`() {
        let text =
            Self.node("n1", cpu: 1) + Self.node("n2", cpu: 2) + Self.job("one", cpu: 1) + Self.job("two", cpu: 2)
            + scenario(
                "outcomes: [{duration: 20s}]",
                "actions: [{at: 5s, delete: {kind: Node, name: n2}}, {at: 60s, apply: {apiVersion: v1, kind: Node, "
                    + "metadata: {name: n2}, status: {allocatable: {cpu: 2, pods: 10}}}}]")
        let report = simulate(text)
        #expect(report.run("one").rows == ["a Succeeded: Succeeded 0..20"])
        #expect(report.run("two").rows == ["a Succeeded: NodeLost 0..5, Succeeded 60..80"])
        #expect(report.admissions.map(\.nodes) == [["n1"], ["n2"], ["n2"]])
    }

    @Test func `A node that is cordoned takes nobody, and keeps what runs on it`() {
        let text =
            Self.node("n0", cpu: 1) + Self.node("bad", cpu: 8, spec: "{unschedulable: true}")
            + Self.node("tainted", cpu: 8, spec: "{taints: [{key: k, effect: NoSchedule}]}") + Self.job("one")
            + Self.job("two")
            + scenario(
                "outcomes: [{duration: 20s}]",
                "actions: [{at: 5s, patch: {kind: Node, name: n0, spec: {unschedulable: true}}}, "
                    + "{at: 60s, patch: {kind: Node, name: n0, spec: {unschedulable: null}}}]")
        let report = simulate(text)
        #expect(Self.runs(report) == ["one Succeeded 0..20", "two Succeeded 60..80"])
    }

    @Test func `Q2: a pod of others takes room until it is deleted`() {
        let pod = """
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: other, namespace: people}
            spec: {nodeName: n0, containers: [{name: c, resources: {requests: {cpu: 3}}}]}

            """
        let text = Self.node("n0", cpu: 4) + pod + Self.job("one") + Self.job("two")
        let report = simulate(
            text
                + scenario(
                    "outcomes: [{duration: 20s}]", "actions: [{at: 5s, delete: {kind: Pod, name: people/other}}]"))
        #expect(Self.runs(report) == ["one Succeeded 0..20", "two Succeeded 5..25"])
        // 1 core for 5 s and 4 for 20 s, of which 40 seconds of cores were used.
        #expect(report.utilisation.first?.units == Usage.rounded(40.0 / 85))
    }

    @Test func `Q11: pods that were let in without a node are bound when one comes`() {
        let text =
            Self.node("n0", cpu: 1)
            + Self.queue("q", "{namespaces: [default], provisioning: Autoscaler, capability: {cpu: 8, memory: 1Gi}}")
            + Self.job("big", pods: 2, cpu: 4)
            + scenario(
                "outcomes: [{duration: 20s}]",
                "actions: [{at: 90s, apply: {apiVersion: v1, kind: Node, metadata: {name: new}, "
                    + "status: {allocatable: {cpu: 8, memory: 1Gi, pods: 10}}}}]")
        let report = simulate(text)
        #expect(report.admissions.map(\.json.text).first?.contains(#""at":0,"attempt":0"#) == true)
        #expect(report.admissions.first?.nodes == [nil, nil])
        #expect(Self.runs(report) == ["big Succeeded 0..110"])
    }

    @Test func `With no Node the capacity has no end, and a ceiling of a queue holds all the same`() {
        let text =
            Self.queue("q", "{namespaces: [default], capability: {cpu: 2}}") + Self.job("a") + Self.job("b")
            + Self.job("c", task: "podTemplate: {spec: {nodeSelector: {zone: moon}}}")
            + Self.job("free/d", pods: 1000, cpu: 1000) + scenario("outcomes: [{duration: 10s}]")
        let report = simulate(text)
        #expect(
            Self.runs(report) == [
                "a Succeeded 0..10", "b Succeeded 0..10", "c Succeeded 10..20", "d Succeeded 0..10",
            ])
        #expect(report.utilisation.isEmpty && report.admissions.allSatisfy { $0.nodes.isEmpty })
        #expect(Self.peak(report, "q") == 2 && Self.peak(report, "default") == 1_000_000)
    }

    @Test func `With no Node and no Queue everybody begins at once, and nothing is said of queues`() {
        let report = simulate(Self.job("a", cpu: 1000) + Self.job("b", spec: "priority: 5"))
        #expect(Self.runs(report) == ["a Succeeded 0..1", "b Succeeded 0..1"])
        #expect(report.admissions.map(\.queue) == ["default", "default"])
        #expect(report.json["queues"] == [] && report.json["utilisation"] == [:] && report.json["waiting"] == [])
    }

    @Test func `A queue that does not exist is waited for, by its name and by the labels of a namespace`() {
        let label = "{at: 40s, apply: {apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {in: 'yes'}}}}"
        let text =
            Self.queue("other", "{namespaceSelector: {matchLabels: {in: 'yes'}}, capability: {cpu: 1}}")
            + Self.job("a", spec: "queue: late") + Self.job("team/b") + Self.job("team/c")
            + scenario(
                "arrivals: [{run: team/b, at: 50s}, {run: team/c, at: 50s}]", "outcomes: [{duration: 10s}]",
                "actions: [{at: 30s, apply: {apiVersion: sluice.dev/v1alpha1, kind: Queue, metadata: {name: late}, "
                    + "spec: {}}}, \(label)]")
        #expect(
            Self.runs(simulate(text)) == ["a Succeeded 30..40", "b Succeeded 50..60", "c Succeeded 60..70"])
    }

    @Test func `What cannot be is refused, and the rest goes on`() throws {
        let text = """
            {apiVersion: sluice.dev/v1alpha1, kind: Queue, metadata: {name: bad}, spec: {weight: 0}}
            ---
            {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {allocatable: {cpu: many}}}
            ---
            {kind: Node, metadata: {name: n2}}
            ---
            {apiVersion: v1, kind: Namespace, metadata: {labels: {a: b}}}
            ---
            {apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: none}}
            ---
            {apiVersion: v1, kind: Pod, metadata: {namespace: a}, spec: {nodeName: [1]}}
            ---
            {apiVersion: scheduling.volcano.sh/v1beta1, kind: Queue, metadata: {name: theirs}}

            """
        let report = simulate(text + Self.job("a"))
        #expect(
            report.refused.map { "\($0.kind) \($0.name): \($0.message)" } == [
                "Queue bad: spec.weight: Invalid value: 0: spec.weight in body should be greater than or equal to 1",
                #"Node n1: status.allocatable.cpu: Invalid value: "many": must be an amount such as 2, 500m or 16Gi"#,
                "Node n2: apiVersion: Required value: must be v1",
                "Namespace : metadata.name: Required value",
                "PriorityClass none: value: Required value", "Pod a/: metadata.name: Required value",
            ])
        // A Node was meant: the capacity has an end.
        #expect(report.run("a").summary == "Queued/NeverFits -..-")
    }

    @Test func `A restart of the operator changes nothing; while it is away nobody is let in`() {
        let text =
            Self.node("n0", cpu: 4) + Self.queue("q1", "{namespaces: [a]}") + Self.queue("q2", "{namespaces: [b]}")
            + Self.job("a/x", cpu: 2) + Self.job("a/x2", cpu: 2) + Self.job("b/z", cpu: 2) + Self.job("b/z2", cpu: 2)
        let outcomes = "outcomes: [{duration: 300s}]"
        let arrivals = "arrivals: [{run: b/z, at: 100s}, {run: b/z2, at: 101s}]"
        let plain = simulate(text + scenario(outcomes, arrivals))
        let restarts = [10, 50, 100, 101, 200, 300, 301, 400].map { "{at: \($0)s, restartOperator: true}" }
        let restarted = simulate(
            text + scenario(outcomes, arrivals, "actions: [\(restarts.joined(separator: ", "))]"))
        #expect(plain.json.text == restarted.json.text)
        let away = simulate(
            text
                + scenario(outcomes, arrivals, "actions: [{at: 50s, operator: Stopped}, {at: 150s, operator: Started}]")
        )
        #expect(away.preemptions.map(\.at) == [.seconds(150)])
        #expect(away.run("z").started == .seconds(150))
    }
}

extension QueueTests {
    @Test func `The sample does what its comments say`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "config/samples/simulate/queues.yaml")
        let report = simulate(try String(contentsOf: file, encoding: .utf8))
        #expect(report.refused.isEmpty && report.waiting.isEmpty)
        #expect(report.runs.allSatisfy { $0.phase == "Succeeded" })
        #expect(report.run("train").started == .seconds(300))
        #expect(report.preemptions.count == 4)
        #expect(report.table.contains("5m0s: batch/embed/shard[1] was evicted: queue research takes back"))
        #expect(report.table.contains("\nbatch                          cpu 22, memory 88Gi, nvidia.com/gpu 11"))
        #expect(report.timeline(width: 60).contains("# for all of it"))
        #expect(simulate(try String(contentsOf: file, encoding: .utf8)).json.text == report.json.text)
    }
}
