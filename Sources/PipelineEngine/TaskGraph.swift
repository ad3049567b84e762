public import SluiceAPI

/// The tasks of a pipeline by index, with their edges both ways. `finally` tasks follow the others.
public struct TaskGraph: Sendable {
    /// One node.
    struct Node: Sendable {
        var spec: TaskSpec
        var isFinally: Bool
        /// What must have ended before this one is decided on.
        var dependencies: [(index: Int, on: Dependency.Condition)]
        /// Those that wait for this one.
        var dependents: [Int] = []
    }

    private(set) var nodes: [Node]
    private(set) var indexByName: [String: Int] = [:]
    /// How many of the nodes are not `finally`.
    let mainCount: Int

    /// The graph of a validated pipeline. References to other tasks' results and phases are dependencies too (DESIGN.md,
    /// Task.dependsOn), except from `finally` to the main tasks, which have all ended by then. O(tasks + edges).
    public init(_ pipeline: PipelineSpec) {
        mainCount = pipeline.tasks.count
        nodes = []
        nodes.reserveCapacity(pipeline.tasks.count + pipeline.finally.count)
        for (index, task) in (pipeline.tasks + pipeline.finally).enumerated() {
            nodes.append(Node(spec: task, isFinally: index >= mainCount, dependencies: []))
            indexByName[task.name] = index
        }
        for index in nodes.indices {
            var dependencies: [(index: Int, on: Dependency.Condition)] = []
            for dependency in nodes[index].spec.dependsOn {
                if let other = indexByName[dependency.task] { dependencies.append((other, dependency.on)) }
            }
            // A reference to a phase asks for an end of any kind, one to a result for success.
            for (name, on) in nodes[index].spec.referencedTasks {
                guard let other = indexByName[name], other != index,
                    nodes[other].isFinally == nodes[index].isFinally,
                    !dependencies.contains(where: { $0.index == other })
                else { continue }
                dependencies.append((other, on))
            }
            nodes[index].dependencies = dependencies
            for dependency in dependencies { nodes[dependency.index].dependents.append(index) }
        }
    }
}

extension TaskSpec {
    /// The tasks whose results or phases this one refers to, with the end that it needs of them.
    public var referencedTasks: [(task: String, on: Dependency.Condition)] {
        var seen: [String: Int] = [:]
        var result: [(task: String, on: Dependency.Condition)] = []
        for value in [container, podTemplate].compactMap(\.self) {
            value.forEachString { string, _ in
                guard string.utf8.contains(UInt8(ascii: "$")) else { return }
                for reference in ReferenceTemplate(string).references {
                    let task: String
                    let on: Dependency.Condition
                    switch reference.root {
                    case .result(let name, _): (task, on) = (name, .succeededOrSkipped)
                    case .taskPhase(let name): (task, on) = (name, .finished)
                    default: continue
                    }
                    if let known = seen[task] {
                        if on != .finished { result[known].on = on }
                    } else {
                        seen[task] = result.count
                        result.append((task, on))
                    }
                }
            }
        }
        return result
    }
}
