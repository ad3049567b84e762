import JSON
import KubernetesSchema

/// Lays a task's pod template over its run's, as a strategic merge patch.
enum PodTemplateMerge {
    // Kubernetes replaces tolerations as a whole; here a task adds to what its run tolerates. What a task adds to a list
    // comes after what its run has, since init containers are run, and variables read, in their order.
    private static let strategicMerge = StrategicMerge(
        changing: ["tolerations": .join(keys: ["key", "operator", "effect"])], puttingNewElementsLast: true)

    /// The template of the run with that of the task over it. Throws `StrategicMergeError` when an element of a list
    /// lacks its key.
    static func merge(_ overlay: JSONValue, over base: JSONValue) throws -> JSONValue {
        try strategicMerge.apply(overlay, to: base, TypeTable.Shape.type("PodTemplateSpec"))
    }
}
