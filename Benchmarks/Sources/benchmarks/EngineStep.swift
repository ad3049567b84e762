import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// What a step of the engine costs by the size and the shape of the run: the first one, which creates every pod, and one after a
/// single pod changed; and the status of a run half of which has ended.
enum EngineStep {
    /// A run of one shape.
    private struct Shape {
        var name: String
        var pods: Int
        var pipeline: JSONValue
        var parameters = JSONObject()
    }

    static func run() throws -> JSONValue {
        let tasks = [10, 100, 1000, 10_000].map { count in
            Shape(
                name: "\(count) tasks", pods: count,
                pipeline: ["tasks": .array((0..<count).map { Self.task(["name": .string("task-\($0)")]) })])
        }
        let loop = Shape(
            name: "forEach of 5000", pods: 5000,
            pipeline: [
                "parameters": [["name": "items", "type": "array"]],
                "tasks": [task(["name": "each", "forEach": ["items": "$(params.items)"]])],
            ], parameters: ["items": .array((0..<5000).map { .int($0) })])
        let gangs = [10, 100, 1000].map { count in
            Shape(
                name: "gang of \(count)", pods: count,
                pipeline: ["tasks": [task(["name": "gang", "replicas": .int(Int64(count))])]])
        }
        return .array(try (tasks + [loop] + gangs).map { .object(try measure($0)) })
    }

    private static func task(_ fields: JSONValue) -> JSONValue {
        var task = fields
        task["container"] = ["image": "busybox:1", "command": ["true"]]
        return task
    }

    private static func measure(_ shape: Shape) throws -> JSONObject {
        let pipeline = PipelineSpec(validated: shape.pipeline)
        let clock = ContinuousClock()
        var now = Timestamp(seconds: 1_800_000_000)

        var engine: RunEngine?
        var firsts: [Double] = []
        var pods: [Pod] = []
        let before = residentBytes()
        var memory = 0
        for round in 0..<3 {
            let begin = clock.now
            var fresh = RunEngine(
                run: RunIdentity(namespace: "ns", name: "run", uid: "0f0e"), generation: 1, spec: PipelineRunSpec(),
                pipeline: pipeline, parameters: shape.parameters, status: PipelineRunStatus())
            let output = fresh.step(now: now)
            firsts.append((clock.now - begin).milliseconds)
            pods = []
            for case .createPod(_, _, let manifest, _) in output.actions {
                var pod = Pod()
                pod.metadata = try ObjectMeta(manifest["metadata"] ?? [:])
                pod.metadata.uid = "uid-\(pods.count)"
                pod.metadata.resourceVersion = "1"
                pod.metadata.creationTimestamp = now
                pods.append(pod)
            }
            engine = fresh
            if round == 0 { memory = residentBytes() - before }
        }
        guard var engine else { return [:] }
        for pod in pods { engine.podCreated(pod) }
        _ = engine.step(now: now)
        _ = engine.statusWritten(through: engine.decisionCount)

        // Each pod is bound and runs, and half of them succeed: an event and a step a time.
        var steps: [Double] = []
        func change(_ index: Int, _ version: String, _ body: (inout Pod) -> Void) {
            body(&pods[index])
            pods[index].metadata.resourceVersion = version
            now = now + .milliseconds(1)
            let begin = clock.now
            engine.podObserved(pods[index])
            _ = engine.step(now: now)
            steps.append((clock.now - begin).milliseconds * 1000)
        }
        for index in pods.indices {
            change(index, "2") { pod in
                pod.nodeName = "node"
                pod.status.phase = .running
            }
        }
        if shape.pods == pods.count, !shape.name.hasPrefix("gang") {
            for index in pods.indices where index % 2 == 0 {
                change(index, "3") { $0.status.phase = .succeeded }
            }
        }
        steps.sort()
        var statuses: [Double] = []
        var bytes = 0
        for _ in 0..<5 {
            let begin = clock.now
            let status = engine.status(now: now)
            bytes = status.json.bytes.count
            statuses.append((clock.now - begin).milliseconds)
        }
        return [
            "run": .string(shape.name), "firstStepMilliseconds": .double(rounded(median(firsts))),
            "stepMicroseconds": .double(rounded(median(steps))),
            "step99Microseconds": .double(rounded(steps[steps.count * 99 / 100])),
            "statusMilliseconds": .double(rounded(median(statuses))), "statusBytes": .int(Int64(bytes)),
            "memoryBytesATask": .int(Int64(memory / max(shape.pods, 1))),
        ]
    }
}
