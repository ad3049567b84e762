import JSON

/// The tasks of a pipeline by index, with their edges both ways. `finally` tasks follow the others.
public struct TaskGraph: Sendable {
    /// One task and what it waits for.
    public struct Node: Sendable {
        public let spec: TaskSpec
        public let isFinally: Bool
        /// What must have ended before this one is decided on.
        public internal(set) var dependencies: [Edge] = []
        /// Those that wait for this one.
        public internal(set) var dependents: [Int] = []
    }

    /// One dependency: the index of the other task, and the end that is needed of it.
    public struct Edge: Sendable, Hashable {
        public let index: Int
        public let on: Dependency.Condition
    }

    public private(set) var nodes: [Node]
    public private(set) var indexByName: [String: Int] = [:]
    /// How many of the nodes are not `finally`; these come first.
    public let mainCount: Int

    /// The graph of a validated pipeline. References to other tasks' results and phases are dependencies too, except from `finally`
    /// to the main tasks, which have all ended by then (rule E1). O(tasks + edges).
    public init(_ pipeline: PipelineSpec) {
        mainCount = pipeline.tasks.count
        nodes = []
        nodes.reserveCapacity(pipeline.tasks.count + pipeline.finally.count)
        for (index, task) in (pipeline.tasks + pipeline.finally).enumerated() {
            nodes.append(Node(spec: task, isFinally: index >= mainCount))
            indexByName[task.name] = index
        }
        for index in nodes.indices {
            var seen: Set<Int> = []
            var edges: [Edge] = []
            for dependency in nodes[index].spec.dependsOn {
                guard let other = indexByName[dependency.task] else { continue }
                edges.append(Edge(index: other, on: dependency.on))
                seen.insert(other)
            }
            // A reference to a phase asks for an end of any kind, one to a result for success; what dependsOn says wins.
            for (name, on) in nodes[index].spec.referencedTasks {
                guard let other = indexByName[name], other != index, nodes[other].isFinally == nodes[index].isFinally,
                    seen.insert(other).inserted
                else { continue }
                edges.append(Edge(index: other, on: on))
            }
            nodes[index].dependencies = edges
            for edge in edges { nodes[edge.index].dependents.append(index) }
        }
    }

    /// How deep each task lies: one deeper than the deepest that it waits for, 0 for those that wait for none. Not recursive;
    /// O(tasks + edges).
    public var depths: [Int] {
        var depths = Array(repeating: 0, count: nodes.count)
        var waiting = nodes.map(\.dependencies.count)
        var next = nodes.indices.filter { waiting[$0] == 0 }
        var position = 0
        while position < next.count {
            let index = next[position]
            position += 1
            for dependent in nodes[index].dependents {
                depths[dependent] = max(depths[dependent], depths[index] + 1)
                waiting[dependent] -= 1
                if waiting[dependent] == 0 { next.append(dependent) }
            }
        }
        return depths
    }
}

extension TaskSpec {
    /// The tasks whose results or phases this one refers to, with the end that it needs of them.
    public var referencedTasks: [(task: String, on: Dependency.Condition)] {
        var seen: [String: Int] = [:]
        var result: [(task: String, on: Dependency.Condition)] = []
        let item = itemName ?? ForEachSpec.defaultItemName
        for value in [container, podTemplate, .object(parameters), forEach?.items].compactMap(\.self) {
            value.forEachString { string, _ in
                guard string.utf8.contains(UInt8(ascii: "$")) else { return }
                for reference in ReferenceTemplate(string, item: item).references {
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
        let conditions = when.flatMap { try? WhenExpression(unchecked: $0, item: itemName) }?.dependencies ?? []
        for (task, on) in conditions {
            if let known = seen[task] {
                if on != .finished { result[known].on = on }
            } else {
                seen[task] = result.count
                result.append((task, on))
            }
        }
        return result
    }
}
