import JSON
import SluiceAPI

/// A pipeline made ready to run: immutable, and shared by all scopes that run it.
final class Plan: Sendable {
    let tasks: [TaskPlan]
    let indexByName: [String: Int]
    /// How many of the tasks are not `finally`; these come first.
    let mainCount: Int
    /// The indices of the tasks, each after all that it depends on; those of `finally` come last.
    let order: [Int]
    let parameters: [ParameterSpec]
    let results: [ResultSpec]

    /// The plan of a validated pipeline, with those that are in place inside of it. O(tasks + edges).
    init(_ pipeline: PipelineSpec) {
        let graph = TaskGraph(pipeline)
        var consumers: [[Int]] = Array(repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            for (name, on) in node.spec.referencedTasks where on != .finished {
                if let other = graph.indexByName[name] { consumers[other].append(index) }
            }
        }
        let hasConditions = graph.nodes.contains { $0.spec.when != nil }
        let variables = hasConditions ? WhenExpression.Variables(pipeline) : nil
        var giveResults: Set<String> = []
        for result in pipeline.results {
            result.value.forEachString { text, _ in
                for case .result(let task, _) in ReferenceTemplate(text).references.map(\.root) {
                    giveResults.insert(task)
                }
            }
        }
        let heights = Self.heights(graph)
        tasks = graph.nodes.enumerated().map { index, node in
            TaskPlan(
                node, height: heights[index], when: Self.condition(of: node, variables), consumers: consumers[index],
                isResult: giveResults.contains(node.spec.name))
        }
        indexByName = graph.indexByName
        mainCount = graph.mainCount
        // Whatever comes before another one has more tasks after it.
        order =
            (0..<graph.mainCount).sorted { (-heights[$0], $0) < (-heights[$1], $1) }
            + (graph.mainCount..<graph.nodes.count).sorted { (-heights[$0], $0) < (-heights[$1], $1) }
        parameters = pipeline.parameters
        results = pipeline.results
    }
}

extension Plan {
    /// For each task how many follow one on the other from it to the end, itself among them. O(tasks + edges).
    private static func heights(_ graph: TaskGraph) -> [Int] {
        var heights = Array(repeating: 1, count: graph.nodes.count)
        var open = graph.nodes.map(\.dependents.count)
        var next = open.indices.filter { open[$0] == 0 }
        while let index = next.popLast() {
            for edge in graph.nodes[index].dependencies {
                heights[edge.index] = max(heights[edge.index], heights[index] + 1)
                open[edge.index] -= 1
                if open[edge.index] == 0 { next.append(edge.index) }
            }
        }
        return heights
    }

    /// The condition of a task, which validation has read before.
    private static func condition(of node: TaskGraph.Node, _ variables: WhenExpression.Variables?) -> WhenExpression? {
        guard let source = node.spec.when, let variables else { return nil }
        return try? WhenExpression(source, in: variables, isFinally: node.isFinally, item: node.spec.itemName)
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
    /// Its condition; nil for a task without one.
    let when: WhenExpression?
    /// How many tasks of the plan follow one on the other from this one to the end, itself among them.
    let height: Int
    /// How many of its pods must be scheduled for the gang to hold.
    let minAvailable: Int
    /// What references call the item of its forEach.
    let item: String
    /// The tasks of the plan that read its results, and whether the results of the plan are made of them.
    let consumers: [Int]
    let isResult: Bool

    init(_ node: TaskGraph.Node, height: Int, when: WhenExpression?, consumers: [Int], isResult: Bool) {
        self.when = when
        self.height = height
        self.consumers = consumers
        self.isResult = isResult
        spec = node.spec
        isFinally = node.isFinally
        dependencies = node.dependencies
        dependents = node.dependents
        pipeline = node.spec.pipelineSpec.map(Plan.init)
        minAvailable = node.spec.minAvailable ?? node.spec.replicas
        item = node.spec.itemName ?? ForEachSpec.defaultItemName
    }
}
