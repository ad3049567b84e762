import JSON
import KubernetesModel

/// What cannot be had together: refused, never ignored.
enum Unsupported {
    /// With `gangScope: Run` the most that the run may take at once must be known before anything of it starts.
    static func errors(inRun spec: JSONValue, _ path: FieldPath) -> [FieldError] {
        guard spec["gangScope"] == "Run", let pipeline = spec["pipelineSpec"] else { return [] }
        var errors: [FieldError] = []
        check(pipeline, path.field("pipelineSpec"), hasLimit: spec["parallelism"] != nil, &errors)
        return errors
    }

    private static func check(
        _ pipeline: JSONValue, _ path: FieldPath, hasLimit: Bool, _ errors: inout [FieldError], depth: Int = 0
    ) {
        for list in ["tasks", "finally"] {
            for (index, task) in (pipeline[list]?.array ?? []).enumerated() {
                let path = path.field(list).index(index)
                if task["pipelineRef"] != nil {
                    errors.append(
                        .forbidden(
                            path.field("pipelineRef"),
                            "with gangScope Run the whole run must be known before it starts: write the pipeline in place, as "
                                + "pipelineSpec"))
                }
                if let each = task["forEach"], !hasLimit, each["parallelism"] == nil,
                    let items = each["items"]?.string, items.contains("$(tasks.")
                {
                    errors.append(
                        .required(
                            path.field("forEach").field("parallelism"),
                            "with gangScope Run, since how many items there will be is known only when the run is under way"
                        )
                    )
                }
                if let inner = task["pipelineSpec"], depth < Validator.maximumPipelineDepth {
                    check(inner, path.field("pipelineSpec"), hasLimit: hasLimit, &errors, depth: depth + 1)
                }
            }
        }
    }
}
