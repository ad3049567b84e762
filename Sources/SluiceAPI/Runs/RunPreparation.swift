public import JSON
import KubernetesModel

/// What the spec of a run comes to, once everything it refers to is looked up and checked.
public enum RunPreparation {
    /// It may begin. The snapshot is the pipeline of `pipelineRef` as the status keeps it; nil for inline pipelines.
    case ready(PipelineRunSpec, PipelineSpec, parameters: JSONObject, snapshot: JSONValue?)
    /// It never can.
    case invalid(reason: String, message: String)
    /// The Pipeline that it refers to is not there (yet).
    case missingPipeline(String)

    /// Prepares a run; `pipeline` gives the spec of a Pipeline of the run's namespace. A run that has begun keeps the pipeline
    /// that it began with.
    public static func prepare(_ run: PipelineRun, pipeline: (String) -> JSONValue?) -> RunPreparation {
        if run.metadata.name.utf8.count > Names.maximumLabelLength {
            // An older definition lets it through; its pods could not carry the name as their label.
            return .invalid(
                reason: Reasons.invalidSpec,
                message:
                    "metadata.name: must be no more than \(Names.maximumLabelLength) characters, since pods carry it")
        }
        let report = Validator.validate(runSpec: run.spec)
        guard report.isValid else { return .invalid(reason: Reasons.invalidSpec, message: report.message()) }
        let spec = PipelineRunSpec(validated: run.spec)
        guard let name = spec.pipelineRef else {
            return prepare(spec, spec.pipelineSpec ?? PipelineSpec(), snapshot: nil)
        }
        guard let json = run.status.pipelineSpec ?? pipeline(name) else { return .missingPipeline(name) }
        let pipelineReport = Validator.validate(pipelineSpec: json)
        guard pipelineReport.isValid else {
            return .invalid(reason: Reasons.invalidPipeline, message: "Pipeline \(name): \(pipelineReport.message())")
        }
        return prepare(spec, PipelineSpec(validated: json), snapshot: json)
    }

    private static func prepare(
        _ spec: PipelineRunSpec, _ pipeline: PipelineSpec, snapshot: JSONValue?
    ) -> RunPreparation {
        let (parameters, errors) = ParameterValues.resolve(spec.parameters, for: pipeline)
        guard errors.isEmpty else {
            return .invalid(
                reason: Reasons.invalidParameters, message: errors.map(\.description).joined(separator: "; "))
        }
        return .ready(spec, pipeline, parameters: parameters, snapshot: snapshot)
    }
}
