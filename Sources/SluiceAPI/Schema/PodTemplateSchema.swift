import JSON
import KubernetesModel
import KubernetesSchema

/// The schemas of what becomes pods.
enum PodTemplateSchema {
    /// A task's container: core/v1 Container without its name, which Sluice gives.
    static let container = CoreTypes.schema(of: "Container", without: ["name", "restartPolicy", "restartPolicyRules"])
        .described("The container that does the work, as in a pod, without a name. Fields may hold $(...) references.")

    /// `podTemplate` of a run or a task.
    static let podTemplate: StructuralSchema = {
        // Sluice sets what is left out, and gives a container to pods that have none.
        var schema = CoreTypes.schema(
            of: "PodSpec", without: ["activeDeadlineSeconds", "ephemeralContainers", "nodeName", "restartPolicy"])
        schema.required = []
        schema.properties["metadata"] = .object(
            "Labels and annotations of the pods.",
            ["labels": .map(of: .string()), "annotations": .map(of: .string())])
        return schema
    }()
}
