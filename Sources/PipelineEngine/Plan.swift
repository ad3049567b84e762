import JSON
import SluiceAPI

/// A pipeline made ready to run: immutable, and shared by all scopes that run it.
final class Plan: Sendable {
    let tasks: [TaskPlan]
    let indexByName: [String: Int]
    /// How many of the tasks are not `finally`; these come first.
    let mainCount: Int
    let parameters: [ParameterSpec]
    let results: [ResultSpec]

    /// The plan of a validated pipeline, with those that are in place inside of it. O(tasks + edges).
    init(_ pipeline: PipelineSpec) {
        let graph = TaskGraph(pipeline)
        tasks = graph.nodes.map(TaskPlan.init)
        indexByName = graph.indexByName
        mainCount = graph.mainCount
        parameters = pipeline.parameters
        results = pipeline.results
    }
}

/// One task of a plan.
final class TaskPlan: Sendable {
    /// What a task runs: a pod, one instance for each item, or a pipeline.
    enum Kind { case leaf, group, pipeline }

    let spec: TaskSpec
    let isFinally: Bool
    let dependencies: [TaskGraph.Edge]
    let dependents: [Int]
    /// The pipeline in place that it runs; nil for all others.
    let pipeline: Plan?
    /// How many of its pods must be scheduled for the gang to hold.
    let minAvailable: Int
    /// What references call the item of its forEach.
    let item: String

    init(_ node: TaskGraph.Node) {
        spec = node.spec
        isFinally = node.isFinally
        dependencies = node.dependencies
        dependents = node.dependents
        pipeline = node.spec.pipelineSpec.map(Plan.init)
        minAvailable = node.spec.minAvailable ?? node.spec.replicas
        item = node.spec.itemName ?? ForEachSpec.defaultItemName
    }
}
