import JSON
import KubernetesModel
import KubernetesSchema
import SluiceAPI
import Testing
import YAML

struct ValidatorTests {
    /// Manifests with one mistake each, and what is said of it.
    private static let broken: [(String, String)] = [
        (
            "tasks: [{name: a, container: {imge: x, image: z}}]",
            "spec.tasks[0].container.imge: unknown field (did you mean image?)"
        ),
        ("tasks: [{name: a, container: {image: x}}]\ntask: []", "spec.task: unknown field (did you mean tasks?)"),
        (
            "tasks: [{name: a, container: {image: 5}}]",
            #"spec.tasks[0].container.image: Invalid value: 5: is a number, expected a string: write it in quotes"#
        ),
        ("tasks: []", "spec.tasks: Required value: a pipeline has at least one task"),
        ("tasks: [{container: {image: x}}]", "spec.tasks[0].name: Required value"),
        (
            "tasks: [{name: A_b, container: {image: x}}]",
            #"spec.tasks[0].name: Invalid value: "A_b": must consist of lower case letters, digits and -, and begin and end with a letter or digit"#
        ),
        (
            "tasks: [{name: a}]",
            "spec.tasks[0].container: Required value: exactly one of container, pipelineRef and pipelineSpec must be set"
        ),
        ("tasks: [{name: a, container: {command: [x]}}]", "spec.tasks[0].container.image: Required value"),
        (
            "tasks: [{name: a, container: {image: x}}, {name: a, container: {image: x}}]",
            #"spec.tasks[1].name: Duplicate value: "a""#
        ),
        (
            "tasks: [{name: a, container: {image: x}}]\nfinally: [{name: a, container: {image: x}}]",
            #"spec.finally[0].name: Duplicate value: "a""#
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [c]}, {name: b, container: {image: x}, dependsOn: [a]}, {name: c, container: {image: x}, dependsOn: [b]}]",
            #"spec.tasks[0].dependsOn[0]: Invalid value: "a": the tasks wait for each other in a cycle: a -> c -> b -> a"#
        ),
        (
            "tasks: [{name: a, results: [r], container: {image: '$(tasks.b.phase)'}}, {name: b, container: {image: x, args: ['$(tasks.a.results.r)']}}]",
            #"spec.tasks[0].container.image: Invalid value: "a": the tasks wait for each other in a cycle: a -> b -> a"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [a]}]",
            #"spec.tasks[0].dependsOn[0]: Invalid value: "a": a task cannot depend on itself"#
        ),
        (
            "tasks: [{name: train, container: {image: x}}, {name: b, container: {image: x}, dependsOn: [trian]}]",
            #"spec.tasks[1].dependsOn[0]: Not found: "trian": no task has that name (did you mean train?)"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [{task: b, 'on': Success}]}, {name: b, container: {image: x}}]",
            #"spec.tasks[0].dependsOn[0].on: Unsupported value: "Success": supported values: "SucceededOrSkipped", "Succeeded", "Failed", "Finished""#
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [{task: b, onn: Failed}]}, {name: b, container: {image: x}}]",
            "spec.tasks[0].dependsOn[0].onn: unknown field (did you mean on?)"
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [{'on': Failed}]}]",
            "spec.tasks[0].dependsOn[0].task: Required value"
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [5]}]",
            "spec.tasks[0].dependsOn[0]: Invalid value: 5: must be the name of a task, or {task, on}"
        ),
        (
            "tasks: [{name: a, container: {image: x}, dependsOn: [z]}]\nfinally: [{name: z, container: {image: x}}]",
            #"spec.tasks[0].dependsOn[0]: Invalid value: "z": tasks cannot depend on a task of finally"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(params.nam)']}}]\nparameters: [{name: name}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(params.nam)": no parameter has that name (did you mean name?)"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(tasks.b.results.r)']}}, {name: b, container: {image: x}, results: [q]}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(tasks.b.results.r)": the task b declares no such result"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(tasks.c.phase)']}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(tasks.c.phase)": no task has that name"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(tasks.a.phase)']}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(tasks.a.phase)": a task cannot refer to itself"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(tasks.z.phase)']}}]\nfinally: [{name: z, container: {image: x}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(tasks.z.phase)": tasks cannot refer to a task of finally"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(run.phase)']}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(run.phase)": the run has a phase only in finally"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(item)']}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(item)": there is an item only in a task with forEach"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(tasks.a)']}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(tasks.a)": is not a valid reference: expected results or phase"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, timeout: 5}]",
            #"spec.tasks[0].timeout: Invalid value: 5: is a number, expected a string: a duration such as 5s"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, timeout: 1d}]",
            #"spec.tasks[0].timeout: Invalid value: "1d": must be a duration such as 90s, 10m or 1h30m"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, timeout: -1s}]",
            #"spec.tasks[0].timeout: Invalid value: "-1s": must not be negative"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, retry: {limit: -1}}]",
            "spec.tasks[0].retry.limit: Invalid value: -1: spec.tasks[0].retry.limit in body should be greater than or equal to 0"
        ),
        (
            "tasks: [{name: a, container: {image: x}, retry: {backoff: {initial: x}}}]",
            #"spec.tasks[0].retry.backoff.initial: Invalid value: "x": must be a duration such as 90s, 10m or 1h30m"#
        ),
        (
            "tasks: [{name: a, container: {image: x, resources: {requests: {cpu: 1GB}}}}]",
            #"spec.tasks[0].container.resources.requests.cpu: Invalid value: "1GB": is not a valid quantity: the suffix "GB" is none of n u m k M G T P E Ki Mi Gi Ti Pi Ei"#
        ),
        (
            "tasks: [{name: a, container: {image: x, resources: {limits: {memory: -1}}}}]",
            "spec.tasks[0].container.resources.limits.memory: Invalid value: -1: must not be negative"
        ),
        (
            "tasks: [{name: a, container: {image: x, imagePullPolicy: always}}]",
            #"spec.tasks[0].container.imagePullPolicy: Unsupported value: "always": supported values: "Always", "IfNotPresent", "Never""#
        ),
        (
            "tasks: [{name: a, container: {image: x, env: [{name: SLUICE_RESULTS, value: x}]}}]",
            #"spec.tasks[0].container.env[0].name: Invalid value: "SLUICE_RESULTS": names that begin with SLUICE_ are set by Sluice"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, podTemplate: {spec: {containers: [{name: main, image: x}]}}}]",
            #"spec.tasks[0].podTemplate.spec.containers[0].name: Invalid value: "main": is the name of the task's own container"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, podTemplate: {spec: {containers: [{name: s, image: x}], initContainers: [{name: s, image: x}]}}}]",
            #"spec.tasks[0].podTemplate.spec.containers[0].name: Duplicate value: "s""#
        ),
        (
            "tasks: [{name: a, container: {image: x}, podTemplate: {metadata: {labels: {sluice.dev/run: x}}}}]",
            #"spec.tasks[0].podTemplate.metadata.labels: Invalid value: "sluice.dev/run": is set by Sluice"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, replicas: 0}]",
            "spec.tasks[0].replicas: Invalid value: 0: spec.tasks[0].replicas in body should be greater than or equal to 1"
        ),
        (
            "tasks: [{name: a, container: {image: x}, replicas: 2, minAvailable: 3}]",
            "spec.tasks[0].minAvailable: Invalid value: 3: must not be more than replicas, which is 2"
        ),
        (
            "tasks: [{name: a, container: {image: x}, forEach: {items: 3}}]",
            "spec.tasks[0].forEach.items: Invalid value: 3: must be a list, or one reference to a list such as $(params.items)"
        ),
        (
            "tasks: [{name: a, container: {image: x}, forEach: {items: 'a,b'}}]",
            #"spec.tasks[0].forEach.items: Invalid value: "a,b": must be a list, or one reference to a list such as $(params.items)"#
        ),
        (
            "{parameters: [{name: p, default: x}], tasks: [{name: a, container: {image: x}, forEach: {items: $(params.p)}}]}",
            #"spec.tasks[0].forEach.items: Invalid value: "$(params.p)": must be a list, or one reference to a list such as $(params.items): the parameter p is of type string"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, forEach: {items: ['$(item)']}}]",
            #"spec.tasks[0].forEach.items[0]: Invalid value: "$(item)": there is an item only in a task with forEach"#
        ),
        (
            "tasks: [{name: a, container: {image: x, args: ['$(item)']}, forEach: {items: [1], as: shard}}]",
            #"spec.tasks[0].container.args[0]: Invalid value: "$(item)": the item of this task is called shard"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, forEach: {items: [1], as: params}}]",
            #"spec.tasks[0].forEach.as: Invalid value: "params": references begin with that word already"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, parameters: {p: 1}}]",
            "spec.tasks[0].parameters: Forbidden: only a task with pipelineRef or pipelineSpec has parameters"
        ),
        (
            "tasks: [{name: a, pipelineRef: {name: p}, replicas: 2}]",
            "spec.tasks[0].replicas: Forbidden: is for tasks with a container; this one runs a pipeline"
        ),
        (
            "tasks: [{name: a, pipelineRef: {name: P}}]",
            #"spec.tasks[0].pipelineRef.name: Invalid value: "P": must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"#
        ),
        (
            "tasks: [{name: a, pipelineSpec: {parameters: [{name: k, type: integer}], tasks: [{name: b, container: {image: $(params.k)}}]}}]",
            "spec.tasks[0].parameters.k: Required value: the parameter has no default"
        ),
        (
            "tasks: [{name: a, parameters: {k: x}, pipelineSpec: {parameters: [{name: k, type: integer}], tasks: [{name: b, container: {image: $(params.k)}}]}}]",
            #"spec.tasks[0].parameters.k: Invalid value: "x": must be an integer"#
        ),
        (
            "tasks: [{name: a, parameters: {k: 1}, pipelineSpec: {tasks: [{name: b, container: {image: x}}]}}]",
            #"spec.tasks[0].parameters.k: Not found: "k": the pipeline declares no such parameter"#
        ),
        (
            "tasks: [{name: a, pipelineSpec: {tasks: [{name: b, container: {image: '$(tasks.c.results.r)'}}]}}, {name: c, container: {image: x}, results: [r]}]",
            #"spec.tasks[0].pipelineSpec.tasks[0].container.image: Invalid value: "$(tasks.c.results.r)": no task has that name"#
        ),
        (
            "tasks: [{name: a, pipelineSpec: {tasks: [{name: c, container: {image: x}, results: [r]}], results: [{name: out, value: $(tasks.c.results.r)}]}}, {name: b, container: {image: '$(tasks.a.results.r)'}}]",
            #"spec.tasks[1].container.image: Invalid value: "$(tasks.a.results.r)": the task a declares no such result"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'params.x ='}]",
            #"spec.tasks[0].when: Invalid value: "params.x =": column 10: the character '=' has no meaning here: equality is written '=='"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'params.x == 1'}]",
            #"spec.tasks[0].when: Invalid value: "params.x == 1": column 8: there is no field 'x': there are none"#
        ),
        (
            "{parameters: [{name: k, type: integer}], tasks: [{name: a, container: {image: x}, when: 'params.k == \"1\"'}]}",
            #"spec.tasks[0].when: Invalid value: "params.k == \"1\"": column 10: '==' does not take int and string: expected two values of one type"#
        ),
        (
            "{parameters: [{name: k, type: integer}], tasks: [{name: a, container: {image: x}, when: 'params.k + 1'}]}",
            #"spec.tasks[0].when: Invalid value: "params.k + 1": column 1: expected a condition, true or false, not a value of type int"#
        ),
        (
            "{parameters: [{name: k, type: integer}], tasks: [{name: a, container: {image: x}, when: '$(params.k) > 1'}]}",
            #"spec.tasks[0].when: Invalid value: "$(params.k) > 1": column 1: expected an expression: it reads params.x and tasks.a.results.r without $()"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'tasks.a.phase == \"Failed\"'}]",
            #"spec.tasks[0].when: Invalid value: "tasks.a.phase == \"Failed\"": a task cannot refer to itself"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'tasks.bb.results.r > 1'}, {name: b, container: {image: x}, results: [r]}]",
            #"spec.tasks[0].when: Invalid value: "tasks.bb.results.r > 1": column 7: there is no field 'bb': expected 'a' or 'b'; did you mean 'b'?"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'tasks.b.results.s > 1'}, {name: b, container: {image: x}, results: [r]}]",
            #"spec.tasks[0].when: Invalid value: "tasks.b.results.s > 1": column 17: there is no field 's': expected 'r'; did you mean 'r'?"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'size(tasks) > 1'}]",
            #"spec.tasks[0].when: Invalid value: "size(tasks) > 1": column 6: expected the name of a task after tasks, as in tasks.prepare.results.rows"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'item > 1'}]",
            #"spec.tasks[0].when: Invalid value: "item > 1": column 1: the variable 'item' is not known: expected 'params', 'run' or 'tasks'"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'run.phase == \"Failed\"'}]",
            #"spec.tasks[0].when: Invalid value: "run.phase == \"Failed\"": column 5: there is no field 'phase': expected 'name', 'namespace' or 'uid'"#
        ),
        (
            "tasks: [{name: a, container: {image: x}, when: 'tasks.b.phase == \"Failed\"'}, {name: b, container: {image: x}, dependsOn: [a]}]",
            "spec.tasks[0].when: Invalid value: \"a\": the tasks wait for each other in a cycle: a -> b -> a"
        ),
        (
            "tasks: [{name: a, container: {image: x}, results: [r, r]}]",
            #"spec.tasks[0].results[1]: Duplicate value: "r""#
        ),
        (
            "tasks: [{name: a, container: {image: x}, results: ['r s']}]",
            #"spec.tasks[0].results[0]: Invalid value: "r s": must consist of letters, digits, _ and -"#
        ),
        ("parameters: [{name: p, type: integer, default: x}]\ntasks: [{name: $(params.p), container: {image: x}}]", ""),
        (
            "parameters: [{name: p, type: int}]\ntasks: [{name: a, container: {image: '$(params.p)'}}]",
            #"spec.parameters[0].type: Unsupported value: "int": supported values: "string", "number", "integer", "boolean", "array", "object""#
        ),
        (
            "parameters: [{name: p, type: integer, default: x}]\ntasks: [{name: a, container: {image: '$(params.p)'}}]",
            #"spec.parameters[0].default: Invalid value: "x": must be an integer, the type of the parameter"#
        ),
        (
            "parameters: [{name: p, enum: [a, b], default: c}]\ntasks: [{name: a, container: {image: '$(params.p)'}}]",
            #"spec.parameters[0].default: Unsupported value: "c": supported values: "a", "b""#
        ),
        (
            "parameters: [{name: p, enum: [1]}]\ntasks: [{name: a, container: {image: '$(params.p)'}}]",
            "spec.parameters[0].enum[0]: Invalid value: 1: must be a string, the type of the parameter"
        ),
        (
            "tasks: [{name: a, container: {image: x}}]\nresults: [{name: r, value: '$(tasks.a.results.q)'}]",
            #"spec.results[0].value: Invalid value: "$(tasks.a.results.q)": the task a declares no such result"#
        ),
    ]

    private func errors(pipeline: String) throws -> [String] {
        let spec = try #require(try YAMLReader.parse(pipeline).first).value
        return Validator.validate(pipelineSpec: spec).errors.map { "\($0.path): \($0.body)" }
    }

    @Test(arguments: broken.filter { !$0.1.isEmpty })
    func `A mistake in a pipeline is said in one sentence with its path`(text: String, message: String) throws {
        #expect(try errors(pipeline: text) == [message])
    }

    @Test(arguments: [
        ("{}", ["spec: Required value: exactly one of pipelineRef and pipelineSpec must be set"]),
        (
            "{pipelineRef: {name: x}, pipelineSpec: {tasks: [{name: a, container: {image: x}}]}}",
            ["spec.pipelineSpec: Forbidden: exactly one of pipelineRef and pipelineSpec must be set"]
        ),
        ("{pipelineRef: {}}", ["spec.pipelineRef.name: Required value"]),
        (
            "{pipelineRef: {name: X}}",
            [
                #"spec.pipelineRef.name: Invalid value: "X": must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, state: Paused}",
            [
                #"spec.state: Unsupported value: "Paused": supported values: "Running", "Suspended", "Cancelled", "Terminated""#
            ]
        ),
        (
            "{pipelineRef: {name: x}, timeout: soon}",
            [#"spec.timeout: Invalid value: "soon": must be a duration such as 90s, 10m or 1h30m"#]
        ),
        ("{pipelineRef: {name: x}, queue: team-a, priority: -5}", []),
        ("{pipelineRef: {name: x}, queue: a.b, priorityClassName: system.high}", []),
        (
            "{pipelineRef: {name: x}, queue: Team}",
            [
                #"spec.queue: Invalid value: "Team": must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, queue: \(String(repeating: "q", count: 64))}",
            [
                #"spec.queue: Invalid value: "\#(String(repeating: "q", count: 64))": must be no more than 63 characters"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, priority: high}",
            [#"spec.priority: Invalid value: "high": is a string, expected an integer"#]
        ),
        (
            "{pipelineRef: {name: x}, priorityClassName: a_b}",
            [
                #"spec.priorityClassName: Invalid value: "a_b": must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, priority: 1, priorityClassName: high}",
            ["spec.priorityClassName: Forbidden: only one of priority and priorityClassName may be set"]
        ),
        ("{pipelineRef: {name: x}, gangScope: Run}", []),
        (
            "{gangScope: Run, pipelineSpec: {tasks: [{name: a, pipelineRef: {name: p}}]}}",
            [
                "spec.pipelineSpec.tasks[0].pipelineRef: Forbidden: with gangScope Run the whole run must be known before it starts: write the pipeline in place, as pipelineSpec"
            ]
        ),
        (
            "{gangScope: Run, pipelineSpec: {tasks: [{name: a, container: {image: x}, results: [r]}, {name: b, container: {image: x}, forEach: {items: $(tasks.a.results.r)}}]}}",
            [
                "spec.pipelineSpec.tasks[1].forEach.parallelism: Required value: with gangScope Run, since how many items there will be is known only when the run is under way"
            ]
        ),
        (
            "{gangScope: Run, parallelism: 3, pipelineSpec: {tasks: [{name: a, container: {image: x}, results: [r]}, {name: b, container: {image: x}, forEach: {items: $(tasks.a.results.r)}}]}}",
            []
        ),
        ("{pipelineRef: {name: x}, gangScope: Task}", []),
        ("{pipelineRef: {name: x}, podTemplate: {spec: {nodeSelector: {a: '$(params.any)'}}}}", []),
        (
            "{pipelineRef: {name: x}, podTemplate: {spec: {hostname: '$(tasks.a.phase)'}}}",
            [
                #"spec.podTemplate.spec.hostname: Invalid value: "$(tasks.a.phase)": the pods of every task have this template, so it cannot refer to one task"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, podTemplate: {spec: {hostname: '$(run.phase)'}}}",
            [
                #"spec.podTemplate.spec.hostname: Invalid value: "$(run.phase)": the run has a phase only in finally"#
            ]
        ),
        (
            "{pipelineRef: {name: x}, podTemplate: {spec: {restartPolicy: Always}}}",
            ["spec.podTemplate.spec.restartPolicy: unknown field"]
        ),
        (
            "{pipelineRef: {name: x}, podTemplate: {nodeSelector: {a: b}}}",
            [
                "spec.podTemplate.nodeSelector: unknown field (fields of the pod go below spec: podTemplate.spec.nodeSelector)"
            ]
        ),
        (
            "{pipelineSpec: {parameters: [{name: p, type: number}], tasks: [{name: a, container: {image: '$(params.p)'}}]}}",
            ["spec.parameters.p: Required value: the parameter has no default"]
        ),
        (
            "{parameters: {p: x}, pipelineSpec: {parameters: [{name: p, type: number}], tasks: [{name: a, container: {image: '$(params.p)'}}]}}",
            [#"spec.parameters.p: Invalid value: "x": must be a number"#]
        ),
        (
            "{parameters: {q: x}, pipelineSpec: {tasks: [{name: a, container: {image: x}}]}}",
            [#"spec.parameters.q: Not found: "q": the pipeline declares no such parameter"#]
        ),
    ])
    func `A mistake in a run is said in one sentence with its path`(text: String, messages: [String]) throws {
        let spec = try #require(try YAMLReader.parse(text).first).value
        #expect(Validator.validate(runSpec: spec).errors.map { "\($0.path): \($0.body)" } == messages)
    }

    @Test(arguments: [
        (#"[]"#, "must be an object"),
        (#"{"kind":"PipelineRun"}"#, "apiVersion: Required value: must be sluice.dev/v1alpha1"),
        (#"{"apiVersion":"sluice.dev/v1","kind":"PipelineRun"}"#, #"apiVersion: Unsupported value: "sluice.dev/v1""#),
        (#"{"apiVersion":"sluice.dev/v1alpha1"}"#, "kind: Required value"),
        (
            #"{"apiVersion":"sluice.dev/v1alpha1","kind":"Pipelin"}"#,
            #"kind: Unsupported value: "Pipelin": supported values: "PipelineRun", "Pipeline""#
        ),
        (
            #"{"apiVersion":"sluice.dev/v1alpha1","kind":"PipelineRun","spec":{"pipelineRef":{"name":"x"}}}"#,
            "metadata: Required value"
        ),
        (
            #"{"apiVersion":"sluice.dev/v1alpha1","kind":"PipelineRun","metadata":{},"spec":{"pipelineRef":{"name":"x"}}}"#,
            "metadata.name: Required value"
        ),
        (
            #"{"apiVersion":"sluice.dev/v1alpha1","kind":"PipelineRun","metadata":{"name":"X"},"spec":{"pipelineRef":{"name":"x"}}}"#,
            "metadata.name: Invalid value"
        ),
        (#"{"apiVersion":"sluice.dev/v1alpha1","kind":"PipelineRun","metadata":{"name":"x"}}"#, "spec: Required value"),
        (
            #"{"apiVersion":"sluice.dev/v1alpha1","kind":"PipelineRun","metadata":{"name":"x"},"spec":5}"#,
            "spec: Invalid value"
        ),
    ])
    func `A whole object is checked from its apiVersion on`(text: String, beginning: String) throws {
        let report = Validator.validate(try JSONValue(parsing: text))
        try #require(report.errors.count == 1)
        #expect(report.message().hasPrefix(beginning) || report.errors[0].detail == beginning, "\(report.message())")
    }

    @Test
    func `A run's name fits the label that its pods carry`() {
        func report(_ name: String) -> ValidationReport {
            Validator.validate([
                "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun", "metadata": ["name": .string(name)],
                "spec": ["pipelineRef": ["name": "x"]],
            ])
        }
        #expect(report(String(repeating: "a", count: 63)).isValid)
        #expect(!report(String(repeating: "a", count: 64)).isValid)
    }

    @Test(arguments: [
        ("framework: pytorch, replicas: 4, container: {image: x}", []),
        ("framework: none, replicas: 4, container: {image: x}", []),
        ("framework: jax, container: {image: x}", []),
        ("framework: pytorch, replicas: 10000, container: {image: x}", []),
        (
            "framework: torch, container: {image: x}",
            [
                #"spec.tasks[0].framework: Unsupported value: "torch": supported values: "none", "pytorch", "tensorflow", "mpi", "jax""#
            ]
        ),
        (
            "framework: mpi, pipelineRef: {name: p}",
            ["spec.tasks[0].framework: Forbidden: is for tasks with a container; this one runs a pipeline"]
        ),
        (
            "framework: jax, pipelineSpec: {tasks: [{name: b, container: {image: x}}]}",
            ["spec.tasks[0].framework: Forbidden: is for tasks with a container; this one runs a pipeline"]
        ),
        (
            "framework: tensorflow, replicas: 801, container: {image: x}",
            [
                "spec.tasks[0].replicas: Invalid value: 801: must not be more than 800 with framework tensorflow, where each is told of all"
            ]
        ),
        (
            "framework: mpi, replicas: 2, container: {image: x}, podTemplate: {spec: {hostname: h, subdomain: s}}",
            [
                "spec.tasks[0].podTemplate.spec.hostname: Forbidden: framework mpi names the pods",
                "spec.tasks[0].podTemplate.spec.subdomain: Forbidden: framework mpi names the pods",
            ]
        ),
    ])
    func `A framework is for a task with a container, and is one that is known`(
        fields: String, errors: [String]
    ) throws {
        let text = "tasks: [{name: a, \(fields)}]"
        let report = Validator.validate(pipelineSpec: try #require(try YAMLReader.parse(text).first).value)
        #expect(report.errors.map(\.description) == errors)
    }

    @Test
    func `A gang that may begin with fewer than its framework waits for is warned of`() throws {
        func warnings(_ container: String) throws -> [String] {
            let text =
                "tasks: [{name: a, framework: pytorch, replicas: 4, minAvailable: 2, container: \(container)}]"
            return Validator.validate(pipelineSpec: try #require(try YAMLReader.parse(text).first).value)
                .warnings.map(\.description)
        }
        #expect(
            try warnings("{image: x}") == [
                "spec.tasks[0].minAvailable: Invalid value: 2: is less than replicas, and framework pytorch waits for all 4 of them"
            ])
        #expect(try warnings("{image: x, env: [{name: PET_NNODES, value: '2:4'}]}") == [])
    }

    @Test
    func `A parameter that nothing uses is warned of`() throws {
        let text =
            "parameters: [{name: used, default: x}, {name: idle, default: x}]\ntasks: [{name: a, container: {image: '$(params.used)'}}]"
        let report = Validator.validate(pipelineSpec: try #require(try YAMLReader.parse(text).first).value)
        #expect(report.isValid)
        #expect(
            report.warnings.map(\.description) == [
                #"spec.parameters[1]: Invalid value: "idle": the parameter is never used"#
            ])
    }

    @Test
    func `Finally may read every task, and depend on any`() throws {
        let text = """
            tasks: [{name: a, container: {image: x}, results: [r]}]
            finally:
            - {name: w, container: {image: x, args: ['$(tasks.a.results.r) $(run.phase) $(tasks.z.phase)']}, dependsOn: [{task: a, 'on': Failed}]}
            - {name: z, container: {image: x}}
            """
        #expect(try errors(pipeline: text) == [])
    }

    @Test
    func `Ten thousand tasks in a line, in a fan and in a ring are checked`() {
        func task(_ index: Int, after others: [Int]) -> JSONValue {
            [
                "name": .string("t\(index)"), "container": ["image": "x", "args": ["$(params.p)"]],
                "dependsOn": .array(others.map { .string("t\($0)") }),
            ]
        }
        func report(_ tasks: [JSONValue]) -> ValidationReport {
            Validator.validate(pipelineSpec: ["parameters": [["name": "p", "default": "x"]], "tasks": .array(tasks)])
        }
        let count = 10_000
        #expect(report((0..<count).map { task($0, after: $0 == 0 ? [] : [$0 - 1]) }).errors.isEmpty)
        #expect(
            report((0..<count).map { task($0, after: $0 == count - 1 ? Array(0..<(count - 1)) : []) }).errors.isEmpty)
        let ring = report((0..<count).map { task($0, after: [($0 + count - 1) % count]) }).errors
        #expect(ring.count == 1 && ring[0].detail.contains("(10000 tasks)"))
        let unknown = report((0..<count).map { task($0, after: [$0 + 100_000]) }).errors
        #expect(unknown.count == count)
    }

    @Test
    func `E11: Pipelines inside of pipelines are checked to depth 10 and refused beyond`() {
        func nested(_ depth: Int) -> JSONValue {
            depth == 0
                ? ["tasks": [["name": "a", "container": ["image": "x", "imge": "y"]]]]
                : ["tasks": [["name": "a", "pipelineSpec": nested(depth - 1)]]]
        }
        let inner = Validator.validate(pipelineSpec: nested(9)).errors.filter { $0.kind == .unknown }
        #expect(inner.count == 1)
        let deep = Validator.validate(pipelineSpec: nested(40)).errors.filter { $0.detail.contains("at most 10 deep") }
        #expect(deep.count == 1)
    }

    @Test
    func `Parameters are given, defaulted and refused`() throws {
        var pipeline = PipelineSpec()
        pipeline.parameters = [
            ParameterSpec(name: "n", type: .number, defaultValue: 1), ParameterSpec(name: "s"),
            ParameterSpec(name: "e", allowedValues: ["a", "b"]),
            ParameterSpec(name: "i", type: .integer, defaultValue: 3),
        ]
        let good = ParameterValues.resolve(["s": "x", "e": "b", "i": 4.0], for: pipeline)
        #expect(good.errors.isEmpty)
        #expect(good.values == ["n": 1, "s": "x", "e": "b", "i": 4.0])
        let bad = ParameterValues.resolve(["e": "c", "i": 1.5, "more": nullValue], for: pipeline)
        #expect(
            bad.errors.map(\.description) == [
                #"spec.parameters.more: Not found: "more": the pipeline declares no such parameter"#,
                "spec.parameters.s: Required value: the parameter has no default",
                #"spec.parameters.e: Unsupported value: "c": supported values: "a", "b""#,
                "spec.parameters.i: Invalid value: 1.5: must be an integer",
            ])
    }

    private let nullValue = JSONValue.null
}
