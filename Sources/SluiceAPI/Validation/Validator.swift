public import JSON
public import KubernetesModel
import KubernetesSchema

/// Says all that is wrong with an object of group sluice.dev. Pure, in time linear in the object, and the one place for
/// it: lint, `sluice run` and the operator go by the same rules.
public enum Validator {
    /// Pipelines inside of pipelines go no deeper (rule E11).
    public static let maximumPipelineDepth = 10

    /// Checks a whole object, apiVersion and kind included.
    public static func validate(_ object: JSONValue, zones: ZoneCheck? = nil) -> ValidationReport {
        var report = ValidationReport()
        guard object.object != nil else {
            report.add(FieldError(.root, .typeInvalid, badValue: .string(object.kindName), "must be an object"))
            return report
        }
        guard object["apiVersion"]?.string == Sluice.apiVersion else {
            let value = object["apiVersion"] ?? .null
            report.add(
                value.isNull
                    ? .required("apiVersion", "must be \(Sluice.apiVersion)")
                    : .notSupported("apiVersion", value, [Sluice.apiVersion]))
            return report
        }
        guard let kind = object["kind"]?.string, let schema = CustomResourceDefinitions.schema(ofKind: kind) else {
            let value = object["kind"] ?? .null
            report.add(value.isNull ? .required("kind") : .notSupported("kind", value, CustomResourceDefinitions.kinds))
            return report
        }
        checkMetadata(object, isLabel: kind != Sluice.pipelines.kind, &report)
        let (value, errors) = checkShape(object, schema, path: .root, isRoot: true)
        report.errors += errors
        guard let spec = value["spec"], spec.object != nil else { return report }
        switch kind {
        case Sluice.pipelineRuns.kind: checkRun(spec, "spec", &report)
        case Sluice.scheduledRuns.kind: checkSchedule(spec, "spec", zones, &report)
        case Sluice.queues.kind:
            checkQueue(spec, name: object["metadata"]?["name"]?.string, "spec", &report)
            if let namespace = object["metadata"]?["namespace"] {
                report.warn(
                    .invalid("metadata.namespace", namespace, "a Queue is of the whole cluster and in no namespace"))
            }
        default: checkPipeline(spec, "spec", depth: 1, &report)
        }
        return report
    }

    /// Checks the spec of a PipelineRun.
    public static func validate(runSpec spec: JSONValue, path: FieldPath = "spec") -> ValidationReport {
        var report = ValidationReport()
        let (value, errors) = checkShape(spec, PipelineRunSpec.schema, path: path, isRoot: false)
        report.errors += errors
        if value.object != nil { checkRun(value, path, &report) }
        return report
    }

    /// Checks the spec of a Pipeline.
    public static func validate(pipelineSpec spec: JSONValue, path: FieldPath = "spec") -> ValidationReport {
        var report = ValidationReport()
        let (value, errors) = checkShape(spec, PipelineSpec.schema, path: path, isRoot: false)
        report.errors += errors
        if value.object != nil { checkPipeline(value, path, depth: 1, &report) }
        return report
    }

    /// What the schema says of a value, and the value without what the server would drop.
    static func checkShape(
        _ value: JSONValue, _ schema: StructuralSchema, path: FieldPath, isRoot: Bool
    ) -> (JSONValue, [FieldError]) {
        var value = value
        var errors = schema.prune(&value, isRoot: isRoot).map { unknown in
            FieldError.unknown(FieldPath(path.steps + unknown.steps), hint(for: unknown, in: schema))
        }
        schema.dropNulls(&value)
        errors += schema.validate(value, path: path).map { WrongType.worded($0, value, below: path) }
        return (value, errors)
    }

    private static func hint(for path: FieldPath, in schema: StructuralSchema) -> String {
        guard case .field(let name)? = path.steps.last, let parent = schema.schema(at: path.parent) else { return "" }
        if path.parent.steps.last == .field("podTemplate"), PodTemplateSchema.podSpec.properties[name] != nil {
            return "fields of the pod go below spec: podTemplate.spec.\(name)"
        }
        return PeerSpellings.hint(for: name, among: Set(parent.properties.keys))
            ?? hint(for: name, among: parent.properties.keys)
    }

    /// What may have been meant by an unknown field, as the end of a message; empty when nothing is similar.
    static func hint(for name: String, among known: some Collection<String>) -> String {
        if name == "true", known.contains("on") { return "YAML takes on, yes and y for true: write \"on\" in quotes" }
        return Suggestion.nearest(to: name, in: known).map { "did you mean \($0)?" } ?? ""
    }

    private static func checkMetadata(_ object: JSONValue, isLabel: Bool, _ report: inout ValidationReport) {
        let path: FieldPath = "metadata"
        guard let metadata = object["metadata"], metadata.object != nil else {
            report.add(.required(path, "must hold a name"))
            return
        }
        // Pods carry the names of their run and queue as labels.
        let limit = isLabel ? Names.maximumLabelLength : Names.maximumSubdomainLength
        if let name = metadata["name"] {
            guard let text = name.string else {
                report.add(WrongType.notAString(name, path.field("name")))
                return
            }
            if let problem = Names.plainSubdomainProblem(text, maximumLength: limit) {
                report.add(.invalid(path.field("name"), name, problem))
            }
        } else if let prefix = metadata["generateName"]?.string, !prefix.isEmpty {
            // The server cuts the prefix to 58 characters and adds five.
            let sample = String(prefix.prefix(58)) + "x"
            if let problem = Names.plainSubdomainProblem(sample) {
                report.add(.invalid(path.field("generateName"), .string(prefix), problem))
            }
        } else {
            report.add(.required(path.field("name"), "name or generateName is required"))
        }
    }

    static func checkRun(_ spec: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        report.errors += Unsupported.errors(inRun: spec, path)
        let inline = spec["pipelineSpec"]
        if (spec["pipelineRef"] == nil) == (inline == nil) {
            report.add(
                inline == nil
                    ? .required(path, PipelineRunSpec.oneSource)
                    : .forbidden(path.field("pipelineSpec"), PipelineRunSpec.oneSource))
        }
        if let name = spec["pipelineRef"]?["name"]?.string, let problem = Names.plainSubdomainProblem(name) {
            report.add(.invalid(path.field("pipelineRef").field("name"), .string(name), problem))
        }
        for field in ["timeout", "queueTimeout"] {
            checkDuration(spec[field], path.field(field), allowsZero: true, &report)
        }
        checkQueueing(spec, path, &report)
        if let template = spec["podTemplate"] {
            PodTemplateCheck.check(template: template, path.field("podTemplate"), &report)
        }
        if let inline, inline.object != nil {
            let inlinePath = path.field("pipelineSpec")
            checkPipeline(inline, inlinePath, depth: 1, templateOfRun: spec["podTemplate"], &report)
            let given = spec["parameters"]?.object ?? JSONObject()
            VolumeCheck.check(inline, inlinePath, volumes: VolumeCheck.volumes(of: spec["podTemplate"]), &report)
            let pipeline = PipelineSpec(validated: inline)
            report.errors += ParameterValues.resolve(given, for: pipeline, path: path.field("parameters")).errors
        }
        if let template = spec["podTemplate"] {
            // What the pipeline declares is known only when it is in place.
            var scope = ReferenceScope()
            if let inline { scope.declare(inline) } else { scope.isOpen = true }
            scope.allowsTasks = false
            scope.check(template, path.field("podTemplate"), &report)
        }
    }

    /// Checks where a run waits and what goes before it.
    private static func checkQueueing(_ spec: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        let limits = ["queue": Names.maximumLabelLength, "priorityClassName": Names.maximumSubdomainLength]
        for field in ["queue", "priorityClassName"] {
            guard let value = spec[field], let name = value.string, let limit = limits[field],
                let problem = Names.plainSubdomainProblem(name, maximumLength: limit)
            else { continue }
            // What the schema says of its length is said here in words.
            report.errors.removeAll { $0.path == path.field(field) }
            report.add(.invalid(path.field(field), value, problem))
        }
        if spec["priority"] != nil, spec["priorityClassName"] != nil {
            report.add(
                .forbidden(path.field("priorityClassName"), "only one of priority and priorityClassName may be set"))
        }
    }

    /// Checks that a value, if it is a string, is a duration longer than nothing.
    static func checkDuration(
        _ value: JSONValue?, _ path: FieldPath, allowsZero: Bool = false, _ report: inout ValidationReport
    ) {
        guard let value, let text = value.string else { return }
        guard let duration = Duration(goText: text) else {
            report.add(.invalid(path, value, "must be a duration such as 90s, 10m or 1h30m"))
            return
        }
        if duration < .zero || (duration == .zero && !allowsZero) {
            report.add(.invalid(path, value, allowsZero ? "must not be negative" : "must be longer than 0s"))
        }
    }
}
