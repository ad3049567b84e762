import JSON
import KubernetesModel
import SeededRandom
import Simulator
import Testing
import YAML

struct ScenarioTests {
    static let example = """
        ---
        apiVersion: sluice.dev/v1alpha1
        kind: Scenario
        metadata: {name: example}
        start: 2026-01-01T00:00:00Z
        until: 24h
        arrivals:
        - {run: team-a/train, at: 10s}
        - {run: team-a/small, at: 0s, count: 350, every: 100ms}
        outcomes:
        - {run: team-a/train, task: fit, attempt: 0, replica: 2, duration: 30s, exitCode: 1}
        - {task: fit, attempt: 1, failure: OOMKilled}
        - {task: "shard[3]", duration: 2s, results: {out: 20}}
        actions:
        - {at: 5m, run: team-a/train, state: Cancelled}
        - {at: 6m, pod: {run: team-a/train, task: fit, replica: 0}, failure: Evicted}
        - {at: 9m, restartOperator: true}
        - {at: 10m, operator: Stopped}
        - {at: 2h, operator: Started}
        - {at: 3h, clock: -1h}

        """
    static let runs = """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: train, namespace: team-a}
        spec:
          pipelineSpec:
            tasks:
            - {name: fit, replicas: 3, retry: {limit: 2, backoff: {initial: 10s}}, \(container)}
            - {name: shard, dependsOn: [fit], forEach: {items: [1, 2, 3, 4]}, results: [out], \(container)}
            results:
            - {name: all, value: $(tasks.shard.results.out)}
        ---
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: small, namespace: team-a}
        spec: {pipelineSpec: {tasks: [{name: one, \(container)}]}}

        """

    @Test func `The example of the design does what it says`() {
        let report = simulate(Self.runs + Self.example)
        #expect(report.runs.count == 351 && report.podsCreated == 350 + 9 + 4 && report.refused.isEmpty)
        let train = report.run("train")
        #expect(train.summary == "Succeeded 10..74" && train.arrived == .seconds(10))
        #expect(
            train.rows == [
                "fit Succeeded: Error 10..40, OOMKilled 50..51, Succeeded 71..72",
                "shard Succeeded", "shard[0] Succeeded: Succeeded 72..73", "shard[1] Succeeded: Succeeded 72..73",
                "shard[2] Succeeded: Succeeded 72..73", "shard[3] Succeeded: Succeeded 72..74",
            ])
        #expect(train.results == ["all": ["", "", "", 20]])
        #expect(report.run("small-349").summary == "Succeeded 34.9..35.9")
    }

    @Test func `The report has the fields of the design, and the same bytes each time`() throws {
        let report = simulate(Self.runs + Self.example)
        let json = report.json
        #expect(
            json.object?.keys == [
                "admissions", "makespanSeconds", "podsCreated", "preemptions", "queues", "refused", "runs",
                "schedules", "utilisation", "waiting",
            ])
        #expect(
            json["admissions"]?[349]?.text
                == #"{"at":34.8,"attempt":0,"namespace":"team-a","nodes":[],"pods":1,"queue":"default","run":"small-348","task":"one"}"#
        )
        #expect(json.text == simulate(Self.runs + Self.example).json.text)
    }

    @Test func `One run, as JSON`() {
        let report = simulate(
            run("r", "[{name: a, \(container)}]") + scenario("outcomes: [{exitCode: 1, duration: 1500ms}]"))
        #expect(
            report.json.text == """
                {"admissions":[{"at":0,"attempt":0,"namespace":"default","nodes":[],"pods":1,"queue":"default","run":"r","task":"a"}],\
                "makespanSeconds":1.5,"podsCreated":1,"preemptions":[],"queues":[],"refused":[],\
                "runs":[{"arrived":0,"counts":{"Failed":1},"finished":1.5,"name":"r","namespace":"default","phase":"Failed",\
                "reason":"Error","results":{},"started":0,"tasks":[{"attempts":[{"admitted":0,"finished":1.5,"outcome":"Error",\
                "pods":1,"started":0}],"name":"a","phase":"Failed","reason":"Error"}]}],"schedules":[],"utilisation":{},"waiting":[]}
                """)
    }

    static let mistakes: [(line: String, message: String)] = [
        ("outcome: []", "unknown field \"outcome\""),
        (
            "start: yesterday",
            #"start: Invalid value: "yesterday": must be a time from 1970 to 2100 such as 2026-01-01T00:00:00Z"#
        ),
        ("until: 5", "until: Invalid value: 5: must be a duration such as 90s, 10m or 1h30m"),
        ("until: -5s", #"until: Invalid value: "-5s": must not be negative"#),
        ("until: 2000000h", #"until: Invalid value: "2000000h": must be no longer than 87648h0m0s"#),
        ("arrivals: {}", #"arrivals: Invalid value: "object": must be a list"#),
        ("arrivals: [5]", #"arrivals[0]: Invalid value: "integer": must be an object"#),
        ("arrivals: [{at: 1s}]", "arrivals[0].run: Required value"),
        (
            "arrivals: [{run: a/b/c}]",
            #"arrivals[0].run: Invalid value: "a/b/c": must be a name: NAMESPACE/NAME"#
        ),
        (
            "arrivals: [{run: smal}]",
            #"arrivals[0].run: Not found: "default/smal": there is no such PipelineRun (did you mean default/small?)"#
        ),
        ("arrivals: [{run: small}, {run: small}]", #"arrivals[1].run: Duplicate value: "default/small""#),
        (
            "arrivals: [{run: small, count: 0}]",
            "arrivals[0].count: Invalid value: 0: must be an integer from 1 to 1000000"
        ),
        (
            "arrivals: [{run: small, every: 1s}]",
            "arrivals[0].count: Required value: every says how far apart so many runs come"
        ),
        (
            "arrivals: [{run: small, count: 1000000, every: 9000h}]",
            #"arrivals[0].every: Invalid value: "9000h": the last run comes later than 87648h0m0s"#
        ),
        ("outcomes: [{exitCode: 300}]", "outcomes[0].exitCode: Invalid value: 300: must be an integer from 0 to 255"),
        (
            "outcomes: [{failure: Evict}]",
            #"outcomes[0].failure: Unsupported value: "Evict": supported values: "OOMKilled", "Evicted", "Preempted", "NodeLost", "Deleted", "ImagePullBackOff", "InvalidImageName", "Unschedulable""#
        ),
        (
            "outcomes: [{failure: Evicted, exitCode: 1}]",
            "outcomes[0].exitCode: Forbidden: a pod either ends with an exit code or meets a failure"
        ),
        (
            "outcomes: [{failure: Unschedulable, duration: 1s}]",
            "outcomes[0].duration: Forbidden: a pod that meets Unschedulable never starts"
        ),
        (
            "outcomes: [{results: [1]}]",
            #"outcomes[0].results: Invalid value: "array": must be an object: values by name"#
        ),
        (
            "outcomes: [{results: {n: 1}}]",
            #"outcomes[0].results: Invalid value: "false": YAML takes y, on, n and off for true and false: write the name in quotes"#
        ),
        ("outcomes: [{task: 5}]", "outcomes[0].task: Invalid value: 5: must be a text that is not empty"),
        (
            "actions: [{at: 1s}]",
            "actions[0]: Required value: exactly one of state, pod, apply, delete, patch, restartOperator, operator, clock, trigger must be set"
        ),
        (
            "actions: [{restartOperator: true}]",
            "actions[0].at: Required value: must be a duration such as 90s, 10m or 1h30m"
        ),
        (
            "actions: [{at: 1s, restartOperator: false}]",
            "actions[0].restartOperator: Invalid value: false: must be true"
        ),
        ("actions: [{at: 1s, clock: 1s, run: small}]", "actions[0].run: Forbidden: belongs to state, not to clock"),
        (
            "actions: [{at: 1s, run: small, state: Stopped}]",
            #"actions[0].state: Unsupported value: "Stopped": supported values: "Running", "Suspended", "Cancelled", "Terminated""#
        ),
        (
            "actions: [{at: 1s, pod: {run: small, task: a}, failure: Unschedulable}]",
            #"actions[0].failure: Invalid value: "Unschedulable": keeps a pod from starting: give it as an outcome"#
        ),
        ("actions: [{at: 1s, pod: {run: small}, failure: Evicted}]", "actions[0].pod.task: Required value"),
        (
            "actions: [{at: 1s, delete: {kind: Node, name: n1}}]",
            #"actions[0].delete.name: Not found: "n1": there is no such Node"#
        ),
        (
            "actions: [{at: 1s, trigger: {kind: ScheduledRun, name: a/b}}]",
            #"actions[0].trigger.name: Not found: "a/b": there is no such ScheduledRun"#
        ),
        (
            "actions: [{at: 1s, trigger: {kind: PipelineRun, name: small}}]",
            #"actions[0].trigger.kind: Unsupported value: "PipelineRun": supported values: "ScheduledRun""#
        ),
        (
            "actions: [{at: 1s, apply: {kind: ConfigMap}}]",
            #"actions[0].apply.kind: Unsupported value: "ConfigMap": supported values: "PipelineRun", "Pipeline", "ScheduledRun", "Queue", "Node", "PriorityClass", "Namespace", "Pod""#
        ),
        (
            "actions: [{at: 1s, operator: Paused}]",
            #"actions[0].operator: Unsupported value: "Paused": supported values: "Stopped", "Started""#
        ),
        (
            "actions: [{at: 1s, patch: {kind: PipelineRun, name: small}}]",
            "actions[0].patch.spec: Required value: must be an object: what changes in the spec"
        ),
    ]

    @Test(arguments: mistakes) func `Each mistake is one sentence with its path`(line: String, message: String) throws {
        let documents = try YAMLReader.parse(run("small", "[{name: a, \(container)}]") + scenario(line)).map(\.value)
        let (_, mistakes) = SimulationInput.read(documents)
        #expect(mistakes.map(\.error.description) == [message])
        #expect(mistakes.map(\.document) == [1])
    }

    @Test func `A field that does not exist is told with the one that was meant`() throws {
        let (_, mistakes) = SimulationInput.read(try YAMLReader.parse(scenario("outcomes: [{tsak: a}]")).map(\.value))
        #expect(mistakes.map(\.error.body) == ["unknown field (did you mean task?)"])
    }

    @Test func `Documents that cannot be simulated are told`() throws {
        func mistakes(_ text: String) throws -> [String] {
            SimulationInput.read(try YAMLReader.parse(text).map(\.value)).mistakes.map(\.error.description)
        }
        #expect(try mistakes("{apiVersion: v1, kind: ConfigMap}") == [])
        #expect(try mistakes("{apiVersion: sluice.dev/v1alpha1, kind: Nothing}").count == 1)
        #expect(try mistakes("[1]") == [#"<nil>: Invalid value: "array": must be an object with apiVersion and kind"#])
        #expect(try mistakes("a: 1") == ["kind: Required value"])
        #expect(
            try mistakes(scenario() + scenario()) == [
                "kind: Forbidden: there is a Scenario already; at most one is read"
            ])
        let twice = run("r", "[{name: a, \(container)}]")
        #expect(try mistakes(twice + twice) == [#"metadata.name: Duplicate value: "r""#])
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func `No document makes the decoder crash`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let base = try YAMLReader.parse(Self.runs + Self.example).map(\.value)
        for _ in 0..<60 {
            var documents = base
            for _ in 0..<random.pick(1...4) { documents[2] = mutated(documents[2], &random, depth: 0) }
            let (input, mistakes) = SimulationInput.read(documents)
            if mistakes.isEmpty, random.chance(0.02) { _ = Simulation.run(input) }
        }
    }

    private func mutated(_ value: JSONValue, _ random: inout SeededGenerator, depth: Int) -> JSONValue {
        let strange: [JSONValue] = [
            .null, true, -1, 9_223_372_036_854_775_807, 1.5, "", "-1h", "1000000h", "a/b", "a/b/c", "*", "****?", [],
            [:],
            ["at": "1s"], "2026-01-01T00:00:00Z", "Cancelled", "PipelineRun",
        ]
        switch value {
        case .object(var fields) where !fields.isEmpty && random.chance(0.85):
            let key = random.pick(fields.keys)
            if random.chance(0.1) {
                fields[random.pick(["at", "run", "pod", "state", "clock", "x"])] = random.pick(strange)
            } else {
                fields[key] = random.chance(0.1) ? nil : mutated(fields[key] ?? .null, &random, depth: depth + 1)
            }
            return .object(fields)
        case .array(var elements) where !elements.isEmpty && random.chance(0.85):
            let index = random.pick(0...elements.count - 1)
            elements[index] = mutated(elements[index], &random, depth: depth + 1)
            return .array(elements)
        default: return random.pick(strange)
        }
    }
}
