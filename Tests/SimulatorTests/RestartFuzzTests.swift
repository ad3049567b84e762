import JSON
import KubernetesModel
import SeededRandom
import Testing

@testable import Simulator

/// Runs of all shapes come to the same, however often the operator is restarted.
struct RestartFuzzTests {
    @Test(arguments: 0..<150 as Range<UInt64>) func `Restarts at any time change nothing`(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 7)
        let run = Self.anyRun(&random)
        let outcomes = JSONValue.array((0..<random.pick(1...6)).map { _ in Self.outcome(&random) })
        var actions: [JSONValue] = []
        if random.chance(0.3) {
            actions.append([
                "at": .string("\(random.pick(1...400))00ms"), "run": "r",
                "state": .string(random.pick(["Cancelled", "Suspended", "Terminated"])),
            ])
            actions.append(["at": "60s", "run": "r", "state": "Running"])
        }
        func simulated(_ extra: [JSONValue]) -> SimulationReport {
            let scenario: JSONValue = [
                "apiVersion": "sluice.dev/v1alpha1", "kind": "Scenario", "until": "3h", "outcomes": outcomes,
                "actions": .array(actions + extra),
            ]
            let (input, mistakes) = SimulationInput.read([run, scenario])
            #expect(mistakes.isEmpty && input.refused.isEmpty, "\(mistakes) \(input.refused)")
            return Simulation.run(input)
        }
        let plain = simulated([])
        #expect(plain.json.text == simulated([]).json.text)
        let restarts = (0..<40).map { _ -> JSONValue in
            ["at": .string("\(random.pick(0...1200))50ms"), "restartOperator": true]
        }
        let restarted = simulated(restarts)
        #expect(
            plain.run("r").rows == restarted.run("r").rows && plain.run("r").summary == restarted.run("r").summary,
            "seed \(seed): \(run.text) \(outcomes.text) \(JSONValue.array(actions).text)\n\(plain.table)\n\(restarted.table)"
        )
    }

    @Test func `E4: a restart during a retry of a sub-pipeline does not bring back pods of the attempt before`() {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: r}
            spec:
              pipelineSpec:
                tasks:
                - name: sub
                  retry: {limit: 1}
                  pipelineSpec:
                    tasks:
                    - {name: a, \(container)}
                    - {name: s, dependsOn: [a], forEach: {items: [1, 2]}, \(container)}

            """
        let outcomes = "outcomes: [{task: 'sub/s[0]', attempt: 0, exitCode: 1}, {duration: 10s}]"
        let plain = simulate(text + scenario(outcomes)).run("r")
        #expect(plain.rows.contains("sub/s[0] Succeeded: Error 10..11, Succeeded 30..40"))
        let restarted = simulate(text + scenario(outcomes, "actions: [{at: 25s, restartOperator: true}]")).run("r")
        #expect(restarted.rows == plain.rows)
    }

    @Test func `E8: a restart does not make the start-up deadline begin again`() {
        let text = run("r", "[{name: a, \(container)}]")
        let report = simulate(
            text + scenario("outcomes: [{failure: ImagePullBackOff}]", "actions: [{at: 5m, restartOperator: true}]"))
        #expect(report.run("r").summary == "Failed/ImagePullBackOff 0..600")
    }

    private static func anyRun(_ random: inout SeededGenerator) -> JSONValue {
        var spec: JSONValue = ["pipelineSpec": pipeline(&random, depth: 0)]
        if random.chance(0.3) { spec["parallelism"] = .int(Int64(random.pick(1...3))) }
        if random.chance(0.2) { spec["timeout"] = .string("\(random.pick(5...60))s") }
        spec["failurePolicy"] = .string(random.pick(["FailFast", "Continue", "Cancel"]))
        return [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun", "metadata": ["name": "r"], "spec": spec,
        ]
    }

    private static func pipeline(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
        var tasks: [JSONValue] = []
        for number in 0..<random.pick(1...4) {
            var task: JSONValue = ["name": .string("t\(number)")]
            if number > 0, random.chance(0.6) {
                task["dependsOn"] = [["task": .string("t\(random.pick(0...number - 1))")]]
            }
            if depth < 2, random.chance(0.25) {
                task["pipelineSpec"] = pipeline(&random, depth: depth + 1)
            } else {
                task["container"] = ["image": "busybox"]
                if random.chance(0.25) { task["replicas"] = .int(Int64(random.pick(2...3))) }
            }
            if random.chance(0.3) { task["forEach"] = ["items": [1, 2, 3]] }
            if random.chance(0.5) {
                task["retry"] = ["limit": 2, "backoff": ["initial": .string(random.pick(["0s", "1500ms", "4s"]))]]
            }
            if random.chance(0.2) { task["timeout"] = .string("\(random.pick(2...20))s") }
            if random.chance(0.2) { task["onFailure"] = "Ignore" }
            tasks.append(task)
        }
        var pipeline: JSONValue = ["tasks": .array(tasks)]
        if random.chance(0.4) { pipeline["finally"] = [["name": "end", "container": ["image": "busybox"]]] }
        return pipeline
    }

    private static func outcome(_ random: inout SeededGenerator) -> JSONValue {
        var outcome: JSONValue = [:]
        if random.chance(0.6) { outcome["task"] = .string("*t\(random.pick(0...3))*") }
        if random.chance(0.6) { outcome["attempt"] = .int(Int64(random.pick(0...1))) }
        if random.chance(0.3) { outcome["replica"] = .int(Int64(random.pick(0...1))) }
        switch random.pick(0...3) {
        case 0: outcome["exitCode"] = .int(Int64(random.pick(0...2)))
        case 1:
            let end = random.pick(PodEnd.allCases.filter { $0 != .imagePullBackOff })
            outcome["failure"] = .string(end.rawValue)
            if end.isStart { return outcome }
        default: break
        }
        outcome["duration"] = .string("\(random.pick(0...80))00ms")
        return outcome
    }
}
