import KubernetesModel
import SluiceAPI

/// What the spec of a run comes to, once everything it refers to is looked up and checked.
enum RunPreparation {
    /// It may begin. The snapshot is the pipeline of `pipelineRef` as the status keeps it; nil for inline pipelines.
    case ready(PipelineRunSpec, PipelineSpec, parameters: JSONObject, snapshot: JSONValue?)
    /// It never can.
    case invalid(reason: String, message: String)
    /// The Pipeline that it refers to is not there (yet).
    case missingPipeline(String)

    /// Prepares a run; `pipeline` gives the spec of a Pipeline of the run's namespace. A run that has begun keeps the pipeline
    /// that it began with.
    static func prepare(_ run: PipelineRun, pipeline: (String) -> JSONValue?) -> RunPreparation {
        let spec = PipelineRunSpec(validated: run.spec)
        guard let name = spec.pipelineRef else {
            return .ready(spec, spec.pipelineSpec ?? PipelineSpec(), parameters: spec.parameters, snapshot: nil)
        }
        guard let json = run.status.pipelineSpec ?? pipeline(name) else { return .missingPipeline(name) }
        return .ready(spec, PipelineSpec(validated: json), parameters: spec.parameters, snapshot: json)
    }
}
