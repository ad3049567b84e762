import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// What a step of the engine costs by the size of the run: the first one, which creates every pod, and one after a single pod
/// changed; and the status of a run that goes on.
enum EngineStep {
    static func run() throws -> JSONValue {
        .array(try [10, 100, 1000, 10_000].map { .object(try measure(tasks: $0)) })
    }

    private static func measure(tasks count: Int) throws -> JSONObject {
        let tasks = (0..<count).map { number -> JSONValue in
            ["name": .string("task-\(number)"), "container": ["image": "busybox:1", "command": ["true"]]]
        }
        let pipeline = PipelineSpec(validated: ["tasks": .array(tasks)])
        let clock = ContinuousClock()
        var now = Timestamp(seconds: 1_800_000_000)

        var engine: RunEngine?
        var firsts: [Double] = []
        var pods: [Pod] = []
        for _ in 0..<3 {
            let begin = clock.now
            var fresh = RunEngine(
                run: RunIdentity(namespace: "ns", name: "run", uid: "0f0e"), generation: 1, spec: PipelineRunSpec(),
                pipeline: pipeline, parameters: [:], status: PipelineRunStatus())
            let output = fresh.step(now: now)
            firsts.append((clock.now - begin).milliseconds)
            pods = []
            for case .createPod(_, _, let manifest) in output.actions {
                var pod = Pod()
                pod.metadata = try ObjectMeta(manifest["metadata"] ?? [:])
                pod.metadata.uid = "uid-\(pods.count)"
                pod.metadata.resourceVersion = "1"
                pod.metadata.creationTimestamp = now
                pods.append(pod)
            }
            engine = fresh
        }
        guard var engine else { return [:] }
        for pod in pods { engine.podCreated(pod) }
        _ = engine.step(now: now)
        _ = engine.statusWritten()

        // Each pod is bound and runs: an event and a step a time.
        var steps: [Double] = []
        for index in pods.indices.prefix(2000) {
            pods[index].nodeName = "node"
            pods[index].status.phase = .running
            pods[index].metadata.resourceVersion = "2"
            now = now + .milliseconds(1)
            let begin = clock.now
            engine.podObserved(pods[index])
            _ = engine.step(now: now)
            steps.append((clock.now - begin).milliseconds * 1000)
        }
        var statuses: [Double] = []
        var bytes = 0
        for _ in 0..<5 {
            let begin = clock.now
            let status = engine.status(now: now)
            bytes = status.json.bytes.count
            statuses.append((clock.now - begin).milliseconds)
        }
        return [
            "tasks": .int(Int64(count)), "firstStepMilliseconds": .double(rounded(median(firsts))),
            "stepMicroseconds": .double(rounded(median(steps))),
            "statusMilliseconds": .double(rounded(median(statuses))), "statusBytes": .int(Int64(bytes)),
        ]
    }
}
