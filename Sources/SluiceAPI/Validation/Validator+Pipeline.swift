import CEL
import JSON
import KubernetesModel

extension Validator {
    /// Checks a pipeline whose shape has been checked; values of the wrong type are passed over here.
    static func checkPipeline(
        _ spec: JSONValue, _ path: FieldPath, depth: Int, templateOfRun: JSONValue? = nil,
        _ report: inout ValidationReport
    ) {
        checkParameters(spec, path, &report)
        let tasks = spec["tasks"]?.array ?? []
        let finally = spec["finally"]?.array ?? []
        if tasks.isEmpty { report.add(.required(path.field("tasks"), "a pipeline has at least one task")) }

        var graph = DependencyCheck()
        for (list, field) in [(tasks, "tasks"), (finally, "finally")] {
            for (index, task) in list.enumerated() {
                let taskPath = path.field(field).index(index)
                guard let name = task["name"]?.string else { continue }
                if let problem = Names.plainLabelProblem(name) {
                    report.add(.invalid(taskPath.field("name"), .string(name), problem))
                }
                let isNew = graph.add(name, taskPath, isFinally: field == "finally")
                if !isNew { report.add(.duplicate(taskPath.field("name"), .string(name))) }
            }
        }
        var scope = ReferenceScope()
        scope.declare(spec)
        let hasConditions = (tasks + finally).contains { $0["when"] != nil }
        let variables = hasConditions ? WhenExpression.Variables(PipelineSpec(validated: spec)) : nil
        for (list, field) in [(tasks, "tasks"), (finally, "finally")] {
            scope.isFinally = field == "finally"
            for (index, task) in list.enumerated() where task.object != nil {
                let path = path.field(field).index(index)
                checkTask(task, path, scope: &scope, graph: &graph, depth: depth, &report)
                if let variables { checkWhen(task, path, variables, scope: &scope, graph: &graph, &report) }
            }
        }
        graph.reportCycle(&report)

        checkResults(spec, path, scope: &scope, &report)
        if let templateOfRun { scope.noteUses(in: templateOfRun) }
        for (index, parameter) in (spec["parameters"]?.array ?? []).enumerated() {
            guard let name = parameter["name"]?.string, !scope.usedParameters.contains(name) else { continue }
            report.warn(
                .invalid(path.field("parameters").index(index), .string(name), "the parameter is never used"))
        }
    }

    private static func checkParameters(_ spec: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        for (index, json) in (spec["parameters"]?.array ?? []).enumerated() {
            let path = path.field("parameters").index(index)
            guard json.object != nil, let name = json["name"]?.string else { continue }
            if let problem = Identifier.problem(name) {
                report.add(.invalid(path.field("name"), .string(name), problem))
            }
            let parameter = ParameterSpec(validated: json)
            for (position, value) in parameter.allowedValues.enumerated() where !parameter.type.accepts(value) {
                report.add(
                    .invalid(
                        path.field("enum").index(position), value,
                        "must be \(parameter.type.phrase), the type of the parameter"))
            }
            guard let value = parameter.defaultValue else { continue }
            if !parameter.type.accepts(value) {
                report.add(
                    .invalid(
                        path.field("default"), value, "must be \(parameter.type.phrase), the type of the parameter"))
            } else if !parameter.allows(value) {
                report.add(.notSupported(path.field("default"), value, parameter.allowedValues.map(\.rendered)))
            }
        }
    }

    private static func checkResults(
        _ spec: JSONValue, _ path: FieldPath, scope: inout ReferenceScope, _ report: inout ValidationReport
    ) {
        scope.isFinally = true
        scope.current = nil
        for (index, result) in (spec["results"]?.array ?? []).enumerated() {
            let path = path.field("results").index(index)
            if let name = result["name"]?.string, let problem = Identifier.problem(name) {
                report.add(.invalid(path.field("name"), .string(name), problem))
            }
            if let value = result["value"] { scope.check(value, path.field("value"), isResult: true, &report) }
        }
    }

    private static func checkTask(
        _ task: JSONValue, _ path: FieldPath, scope: inout ReferenceScope, graph: inout DependencyCheck, depth: Int,
        _ report: inout ValidationReport
    ) {
        let name = task["name"]?.string
        let kinds = ["container", "pipelineRef", "pipelineSpec"].filter { task[$0] != nil }
        if kinds.count != 1 {
            let rule = "exactly one of container, pipelineRef and pipelineSpec must be set"
            report.add(
                kinds.isEmpty ? .required(path.field("container"), rule) : .forbidden(path.field(kinds[1]), rule))
        }
        checkDependencies(task, path, graph: &graph, &report)
        checkNumbers(task, path, &report)

        let results = task["results"]?.array ?? []
        var seen: Set<String> = []
        for (index, result) in results.enumerated() {
            guard let text = result.string else { continue }
            let path = path.field("results").index(index)
            if let problem = Identifier.problem(text) { report.add(.invalid(path, result, problem)) }
            if !seen.insert(text).inserted { report.add(.duplicate(path, result)) }
        }
        if let container = task["container"], container.object != nil {
            PodTemplateCheck.check(container: container, path.field("container"), isMain: true, &report)
        }
        if let template = task["podTemplate"], template.object != nil {
            PodTemplateCheck.check(template: template, path.field("podTemplate"), &report)
        }
        scope.current = name
        let forEach = task["forEach"]
        scope.item = nil
        var places: [(value: JSONValue, path: FieldPath, item: String?)] = []
        if let items = forEach?["items"] { places.append((items, path.field("forEach").field("items"), nil)) }
        let item = forEach.map { $0["as"]?.string ?? ForEachSpec.defaultItemName }
        for field in ["container", "podTemplate", "parameters"] {
            if let value = task[field] { places.append((value, path.field(field), item)) }
        }
        for place in places {
            scope.item = place.item
            for edge in scope.check(place.value, place.path, &report) {
                if let name { graph.connect(name, to: edge.task, at: edge.path) }
            }
        }
        scope.item = nil
        if let forEach { checkForEach(forEach, path.field("forEach"), scope: scope, &report) }
        checkSubPipeline(task, path, &report)
        if let inner = task["pipelineSpec"] {
            let innerPath = path.field("pipelineSpec")
            guard depth < maximumPipelineDepth else {
                report.add(.forbidden(innerPath, "pipelines nest at most \(maximumPipelineDepth) deep"))
                return
            }
            let (value, errors) = checkShape(inner, PipelineSpec.schema, path: innerPath, isRoot: false)
            report.errors += errors
            if value.object != nil { checkPipeline(value, innerPath, depth: depth + 1, &report) }
        }
    }

    private static func checkWhen(
        _ task: JSONValue, _ path: FieldPath, _ variables: WhenExpression.Variables, scope: inout ReferenceScope,
        graph: inout DependencyCheck, _ report: inout ValidationReport
    ) {
        guard let source = task["when"]?.string else { return }
        let path = path.field("when")
        let item = task["forEach"].map { $0["as"]?.string ?? ForEachSpec.defaultItemName }
        do {
            let when = try WhenExpression(source, in: variables, isFinally: scope.isFinally, item: item)
            scope.noteUses(ofParameters: when.parameters)
            for other in when.tasks {
                if other == scope.current {
                    report.add(.invalid(path, .string(source), "a task cannot refer to itself"))
                } else if let name = scope.current, scope.isEdge(to: other) {
                    graph.connect(name, to: other, at: path)
                }
            }
        } catch {
            report.add(.invalid(path, .string(source), error.description))
        }
    }

    private static func checkForEach(
        _ forEach: JSONValue, _ path: FieldPath, scope: ReferenceScope, _ report: inout ValidationReport
    ) {
        if let name = forEach["as"]?.string {
            if let problem = Identifier.problem(name) {
                report.add(.invalid(path.field("as"), .string(name), problem))
            } else if ["params", "tasks", "run", "task", "replica"].contains(name) {
                report.add(.invalid(path.field("as"), .string(name), "references begin with that word already"))
            }
        }
        guard let items = forEach["items"] else { return }
        let path = path.field("items")
        if let list = items.array {
            if list.count > ForEachSpec.maximumItems {
                report.add(.tooMany(path, count: list.count, maximum: ForEachSpec.maximumItems))
            }
            return
        }
        let rule = "must be a list, or one reference to a list such as $(params.items)"
        guard let text = items.string else {
            report.add(.invalid(path, items, rule))
            return
        }
        let parts = ReferenceTemplate(text).parts
        guard parts.count == 1, case .reference(let reference) = parts[0] else {
            // A malformed reference has been reported.
            if case .malformed? = parts.first { return }
            report.add(.invalid(path, items, rule))
            return
        }
        if case .parameter(let name) = reference.root, reference.steps.isEmpty,
            let type = scope.type(ofParameter: name),
            type != .array
        {
            report.add(.invalid(path, items, "\(rule): the parameter \(name) is of type \(type.rawValue)"))
        }
    }

    /// The rules for a task that runs a pipeline, and what only such a task may have.
    private static func checkSubPipeline(_ task: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        let isPipeline = task["pipelineRef"] != nil || task["pipelineSpec"] != nil
        if !isPipeline {
            if task["parameters"] != nil {
                report.add(
                    .forbidden(path.field("parameters"), "only a task with pipelineRef or pipelineSpec has parameters"))
            }
            return
        }
        for field in ["podTemplate", "replicas", "minAvailable", "topology", "framework", "successPolicy", "results"]
        where task[field] != nil {
            report.add(.forbidden(path.field(field), "is for tasks with a container; this one runs a pipeline"))
        }
        if let name = task["pipelineRef"]?["name"]?.string, let problem = Names.plainSubdomainProblem(name) {
            report.add(.invalid(path.field("pipelineRef").field("name"), .string(name), problem))
        }
        guard let inline = task["pipelineSpec"], inline.object != nil else { return }
        let given = task["parameters"]?.object ?? JSONObject()
        let pipeline = PipelineSpec(validated: inline)
        report.errors += ParameterValues.resolve(given, for: pipeline, path: path.field("parameters")).errors
            .filter { error in
                // What a reference stands for is known when the task runs.
                guard error.kind == .invalid || error.kind == .notSupported, let value = error.badValue.string else {
                    return true
                }
                return ReferenceTemplate(value, item: task["forEach"]?["as"]?.string ?? ForEachSpec.defaultItemName)
                    .references.isEmpty
            }
    }

    private static func checkDependencies(
        _ task: JSONValue, _ path: FieldPath, graph: inout DependencyCheck, _ report: inout ValidationReport
    ) {
        let conditions = Dependency.Condition.allCases.map(\.rawValue)
        for (index, entry) in (task["dependsOn"]?.array ?? []).enumerated() {
            let path = path.field("dependsOn").index(index)
            var namePath = path
            if let fields = entry.object {
                namePath = path.field("task")
                for key in fields.keys where key != "task" && key != "on" {
                    report.add(.unknown(path.field(key), hint(for: key, among: ["task", "on"])))
                }
                if let on = fields["on"], !conditions.contains(on.string ?? "") {
                    report.add(.notSupported(path.field("on"), on, conditions))
                }
                guard fields.contains("task") else {
                    report.add(.required(namePath))
                    continue
                }
            }
            guard let other = entry.string ?? entry["task"]?.string else {
                report.add(.invalid(namePath, entry, "must be the name of a task, or {task, on}"))
                continue
            }
            guard let name = task["name"]?.string else { continue }
            if other == name {
                report.add(.invalid(namePath, .string(other), "a task cannot depend on itself"))
            } else if let known = graph.node(other) {
                if known.isFinally, !(graph.node(name)?.isFinally ?? false) {
                    report.add(.invalid(namePath, .string(other), "tasks cannot depend on a task of finally"))
                } else {
                    graph.connect(name, to: other, at: namePath)
                }
            } else {
                report.add(
                    .notFound(
                        namePath, .string(other),
                        "no task has that name" + Suggestion.phrase(for: other, in: graph.names)))
            }
        }
    }

    private static func checkNumbers(_ task: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        checkDuration(task["timeout"], path.field("timeout"), allowsZero: true, &report)
        let replicas = task["replicas"]?.int ?? 1
        if let minimum = task["minAvailable"]?.int, minimum > replicas {
            report.add(
                .invalid(
                    path.field("minAvailable"), .int(minimum), "must not be more than replicas, which is \(replicas)"))
        }
        if let key = task["topology"]?["key"]?.string, let problem = Names.qualifiedNameProblem(key) {
            report.add(.invalid(path.field("topology").field("key"), .string(key), problem))
        }
        if let framework = task["framework"]?.string.flatMap(Framework.init(rawValue:)) {
            checkFramework(framework, task, replicas: replicas, path, &report)
        }
        guard let retry = task["retry"], retry.object != nil else { return }
        let backoff = path.field("retry").field("backoff")
        checkDuration(retry["backoff"]?["initial"], backoff.field("initial"), allowsZero: true, &report)
        checkDuration(retry["backoff"]?["max"], backoff.field("max"), allowsZero: true, &report)
    }

    private static func checkFramework(
        _ framework: Framework, _ task: JSONValue, replicas: Int64, _ path: FieldPath, _ report: inout ValidationReport
    ) {
        if let maximum = framework.maximumReplicas, replicas > maximum {
            report.add(
                .invalid(
                    path.field("replicas"), .int(replicas),
                    "must not be more than \(maximum) with framework \(framework.rawValue), where each is told of all"))
        }
        for field in ["hostname", "subdomain", "setHostnameAsFQDN"] {
            guard task["podTemplate"]?["spec"]?[field] != nil else { continue }
            report.add(
                .forbidden(
                    path.field("podTemplate").field("spec").field(field),
                    "framework \(framework.rawValue) names the pods"))
        }
        // torchrun alone has jobs that grow and shrink, as PET_NNODES says then.
        let isElastic = task["container"]?["env"]?.array?.contains { $0["name"] == "PET_NNODES" } ?? false
        if let minimum = task["minAvailable"]?.int, minimum < replicas, !isElastic {
            report.warn(
                .invalid(
                    path.field("minAvailable"), .int(minimum),
                    "is less than replicas, and framework \(framework.rawValue) waits for all \(replicas) of them"))
        }
    }
}
