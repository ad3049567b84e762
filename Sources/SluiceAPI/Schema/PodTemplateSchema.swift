import JSON
import KubernetesModel
import KubernetesSchema

/// The schemas of what becomes pods.
enum PodTemplateSchema {
    /// A task's container: core/v1 Container without its name, which Sluice gives.
    static let container = CoreTypes.schema(of: "Container", without: ["name", "restartPolicy", "restartPolicyRules"])
        .described("The container that does the work, as in a pod, without a name. Fields may hold $(...) references.")

    /// The fields of a pod that a template may set.
    static let podSpec: StructuralSchema = {
        // Sluice sets what is left out, and gives a container to pods that have none.
        var schema = CoreTypes.schema(
            of: "PodSpec", without: ["activeDeadlineSeconds", "ephemeralContainers", "nodeName", "restartPolicy"])
        schema.required = []
        return schema.described("Fields of the pods.")
    }()

    /// `podTemplate` of a run or a task: a core/v1 PodTemplateSpec.
    static let podTemplate = StructuralSchema.object(
        "A PodTemplateSpec.",
        [
            "metadata": .object(
                "Labels and annotations of the pods.",
                ["labels": .map(of: .string()), "annotations": .map(of: .string())]),
            "spec": podSpec,
        ])
}
