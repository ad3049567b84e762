import JSON
import KubernetesModel

/// Whether every volume that a task's container mounts is one of its pod. It is known where the run and its pipeline are in one
/// object: a Pipeline by itself may rely on the template of the run.
enum VolumeCheck {
    /// Checks the tasks of a pipeline, and of those inside of it. `volumes` are those that its pods have already; nil when they are
    /// not known.
    static func check(
        _ pipeline: JSONValue, _ path: FieldPath, volumes: Set<String>?, _ report: inout ValidationReport
    ) {
        guard let volumes else { return }
        for field in ["tasks", "finally"] {
            for (index, task) in (pipeline[field]?.array ?? []).enumerated() {
                let path = path.field(field).index(index)
                guard let own = Self.volumes(of: task["podTemplate"]) else { continue }
                let all = volumes.union(own)
                for (position, mount) in (task["container"]?["volumeMounts"]?.array ?? []).enumerated() {
                    guard let name = mount["name"]?.string, !name.contains("$("), !all.contains(name) else { continue }
                    let place = path.field("container").field("volumeMounts").index(position).field("name")
                    report.add(
                        .notFound(
                            place, .string(name),
                            "no podTemplate.spec.volumes has it\(Suggestion.phrase(for: name, in: all))"))
                }
                // Pipelines inside of pipelines go no deeper than the validator allows; a deeper one is refused by it.
                if path.steps.count < 4 * Validator.maximumPipelineDepth, let inner = task["pipelineSpec"] {
                    check(inner, path.field("pipelineSpec"), volumes: all, &report)
                }
            }
        }
    }

    /// The names of a template's volumes; nil when a directive of the merge or a reference leaves them open.
    static func volumes(of template: JSONValue?) -> Set<String>? {
        var names: Set<String> = []
        for volume in template?["spec"]?["volumes"]?.array ?? [] {
            guard volume["$patch"] == nil, let name = volume["name"]?.string, !name.contains("$(") else { return nil }
            names.insert(name)
        }
        return names
    }
}
