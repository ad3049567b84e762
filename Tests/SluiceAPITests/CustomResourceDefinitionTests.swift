import Foundation
import JSON
import KubernetesModel
import KubernetesSchema
import SluiceAPI
import Testing
import YAML

struct CustomResourceDefinitionTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "config/crd")

    @Test
    func `config-crd holds what the Swift types say`() throws {
        for definition in CustomResourceDefinitions.all {
            let plural = try #require(definition[path: "spec", "names", "plural"]?.string)
            let file = Self.directory.appending(path: "sluice.dev_\(plural).yaml")
            #expect(
                try String(contentsOf: file, encoding: .utf8) == YAMLWriter.text(definition),
                "run hack/generate-crds.sh")
        }
        let kustomization = try String(
            contentsOf: Self.directory.appending(path: "kustomization.yaml"), encoding: .utf8)
        let names = CustomResourceDefinitions.all.compactMap { $0[path: "spec", "names", "plural"]?.string }
        let listed = try #require(try YAMLReader.parse(kustomization).first).value["resources"]?.strings
        #expect(listed?.sorted() == names.map { "sluice.dev_\($0).yaml" }.sorted())
    }

    @Test
    func `kubectl apply can keep a definition in its annotation`() {
        for definition in CustomResourceDefinitions.all { #expect(definition.bytes.count < 200_000) }
    }

    @Test
    func `The text of all definitions reads back as the definitions`() throws {
        #expect(
            try YAMLReader.parse(YAMLWriter.text(CustomResourceDefinitions.all)).map(\.value)
                == CustomResourceDefinitions.all)
    }

    @Test
    func `Every schema is structural: each value has a type, and properties and additional ones never meet`() throws {
        func check(_ schema: StructuralSchema, _ path: FieldPath) {
            #expect(schema.type != nil || schema.isIntOrString || schema.preservesUnknownFields, "\(path)")
            #expect(schema.properties.isEmpty || schema.additionalProperties == nil, "\(path)")
            #expect((schema.type == .array) == (schema.items != nil), "\(path)")
            for name in schema.required { #expect(schema.properties[name] != nil, "\(path).\(name)") }
            for (name, property) in schema.properties { check(property, path.field(name)) }
            if let items = schema.items {
                check(items, path.index(0))
                for key in schema.listMapKeys { #expect(items.required.contains(key), "\(path)") }
            }
            if case .schema(let values)? = schema.additionalProperties { check(values, path.field("*")) }
        }
        for kind in CustomResourceDefinitions.kinds {
            check(try #require(CustomResourceDefinitions.schema(ofKind: kind)), .root)
        }
    }

    @Test
    func `Every property of ours has a description`() {
        for schema in [
            PipelineRunSpec.schema, PipelineSpec.schema, TaskSpec.schema, ParameterSpec.schema,
            PipelineRunStatus.schema, TaskStatus.schema, QueueSpec.schema, QueueStatus.schema,
        ] {
            for (name, property) in schema.properties { #expect(property.description?.isEmpty == false, "\(name)") }
        }
    }

    @Test
    func `A run that was just created has observed no generation`() throws {
        var run: JSONValue = ["spec": ["pipelineRef": ["name": "x"]]]
        CustomResourceDefinitions.schema(ofKind: "PipelineRun")?.applyDefaults(&run)
        #expect(run["status"] == ["observedGeneration": -1])
    }

    // MARK: The Swift types

    /// A value for each field that is not the default, so that a decoder that reads the field gives another result.
    private static let samples: [String: JSONValue] = [
        "description": "d", "parameters": [["name": "p"]], "tasks": [["name": "t"]], "finally": [["name": "f"]],
        "results": [["name": "r", "value": 1]], "container": ["image": "x"], "podTemplate": ["spec": ["hostname": "h"]],
        "dependsOn": ["x"], "replicas": 2, "successPolicy": "Leader", "framework": "mpi", "retry": ["limit": 1],
        "timeout": "1s",
        "onFailure": "Ignore", "pipelineRef": ["name": "p"], "pipelineSpec": ["description": "d"], "parallelism": 2,
        "failurePolicy": "Cancel", "state": "Suspended", "ttlSecondsAfterFinished": 5, "type": "number", "default": 5,
        "enum": [1], "limit": 3, "backoff": ["initial": "9s"], "on": ["Failed"], "exitCodes": [7], "initial": "2s",
        "factor": 3, "max": "7s", "name": "n", "value": "v",
    ]

    @Test
    func `The fields of the schemas are those that the Swift types read, save those refused as not supported yet`() {
        func unread(
            _ schema: StructuralSchema, _ own: [String: JSONValue] = [:], _ decode: (JSONValue) -> AnyHashable
        ) -> Set<String> {
            let empty = decode([:])
            return Set(
                schema.properties.keys.filter { name in
                    decode(.object([name: own[name] ?? Self.samples[name] ?? "?"])) == empty
                })
        }
        #expect(unread(PipelineSpec.schema) { PipelineSpec(validated: $0) }.isEmpty)
        #expect(unread(ParameterSpec.schema) { ParameterSpec(validated: $0) }.isEmpty)
        #expect(unread(ResultSpec.schema) { PipelineSpec(validated: ["results": [$0]]) }.isEmpty)
        #expect(unread(RetrySpec.schema) { RetrySpec(validated: $0) }.isEmpty)
        #expect(unread(BackoffSpec.schema) { BackoffSpec(validated: $0) }.isEmpty)
        let ignoredByTask = unread(
            TaskSpec.schema,
            [
                "results": ["r"], "forEach": ["items": [1]], "parameters": ["p": 1], "minAvailable": 2,
                "topology": ["key": "k"],
            ]
        ) { TaskSpec(validated: $0) }
        #expect(ignoredByTask.isEmpty)
        let ignoredByRun = unread(
            PipelineRunSpec.schema, ["parameters": ["p": 1], "queueTimeout": "7s", "gangScope": "Run"]
        ) { PipelineRunSpec(validated: $0) }
        #expect(ignoredByRun == ["queue", "priority", "priorityClassName"])
        #expect(
            unread(
                QueueSpec.schema,
                [
                    "namespaces": ["a"], "namespaceSelector": [:], "parent": "p", "weight": 2, "guarantee": ["cpu": 1],
                    "deserved": ["cpu": 1], "capability": ["cpu": 1], "reclaimable": false, "dequeueStrategy": "fifo",
                    "preemption": "Never", "state": "Closed", "maxRunningRuns": 1, "provisioning": "Autoscaler",
                    "provisioningTimeout": "1m",
                ]
            ) { QueueSpec(validated: $0) }.isEmpty)
    }

    @Test(arguments: ["", "a b", "/x", "zone/"])
    func `A topology names a label`(key: String) {
        let topology: JSONValue = ["key": .string(key)]
        let task: JSONValue = ["name": "a", "container": ["image": "x"], "replicas": 2, "topology": topology]
        let report = Validator.validate(pipelineSpec: ["tasks": [task]])
        #expect(report.errors.map { "\($0.path)" } == ["spec.tasks[0].topology.key"])
    }

    @Test func `A topology is for tasks with a container`() {
        let task: JSONValue = ["name": "a", "pipelineRef": ["name": "p"], "topology": ["key": "zone"]]
        let report = Validator.validate(pipelineSpec: ["tasks": [task]])
        #expect(report.errors.map { "\($0.path)" } == ["spec.tasks[0].topology"])
    }

    @Test
    func `The status that the operator writes is what the schema says`() throws {
        var status = PipelineRunStatus()
        status.reason = "r"
        status.message = "m"
        status.startTime = Timestamp(seconds: 1)
        status.completionTime = Timestamp(seconds: 2)
        status.progress = "1/2"
        status.counts = [.failed: 1]
        status.results = ["r": ["any": 1]]
        status.pipelineSpec = ["tasks": []]
        status.pipelines = ["p": ["tasks": []]]
        status.folded = [FoldedTasks(phase: .skipped, reason: "r", tasks: "a")]
        status.conditions = [
            Condition(
                type: "Succeeded", status: "True", reason: "r", message: "m", lastTransitionTime: Timestamp(seconds: 1),
                observedGeneration: 1)
        ]
        var task = TaskStatus(name: "t", phase: .running)
        task.reason = "r"
        task.message = "m"
        task.attempt = 1
        task.failures = 1
        task.disruptions = 1
        task.requeues = 1
        task.items = 3
        task.pods = ["p"]
        task.startTime = Timestamp(seconds: 1)
        task.completionTime = Timestamp(microseconds: 1_500_000)
        task.nextAttemptTime = Timestamp(seconds: 3)
        task.exitCode = 1
        task.shrunkTo = 2
        task.stuckTime = Timestamp(seconds: 4)
        task.stopping = .failure(.timeout)
        task.results = ["x": [1, "a"]]
        status.tasks = [task]
        var json = status.json
        #expect(PipelineRunStatus.schema.prune(&json, isRoot: false).isEmpty)
        #expect(json == status.json)
        #expect(PipelineRunStatus.schema.validate(json).isEmpty)
        // The queue is not written yet.
        #expect(Set(PipelineRunStatus.schema.properties.keys).subtracting(json.object?.keys ?? []) == ["queue"])
        #expect(Set(TaskStatus.schema.properties.keys) == Set(json[path: "tasks"]?[0]?.object?.keys ?? []))
        #expect(Set(FoldedTasks.schema.properties.keys) == Set(json["folded"]?[0]?.object?.keys ?? []))
        #expect(Set(Condition.schema.properties.keys) == Set(json["conditions"]?[0]?.object?.keys ?? []))
    }
}
