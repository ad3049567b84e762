import JSON
import KubernetesModel

/// The tasks of a pipeline that is being validated, what they wait for, and where the manifest says so. ``TaskGraph`` is what comes
/// out of a valid one.
struct DependencyCheck {
    struct Node {
        var name: String
        var path: FieldPath
        var isFinally: Bool
        /// Indexes of the tasks that this one waits for, and the places that say so.
        var edges: [(index: Int, path: FieldPath)] = []
    }

    private var nodes: [Node] = []
    private var indexes: [String: Int] = [:]

    /// False when there is such a task already; that one stays.
    mutating func add(_ name: String, _ path: FieldPath, isFinally: Bool) -> Bool {
        guard indexes[name] == nil else { return false }
        indexes[name] = nodes.count
        nodes.append(Node(name: name, path: path, isFinally: isFinally))
        return true
    }

    func node(_ name: String) -> Node? { indexes[name].map { nodes[$0] } }
    var names: Dictionary<String, Int>.Keys { indexes.keys }

    mutating func connect(_ name: String, to other: String, at path: FieldPath) {
        guard let index = indexes[name], let target = indexes[other], index != target else { return }
        nodes[index].edges.append((target, path))
    }

    /// Reports one cycle, named in full, when there is any. Not recursive; O(tasks + edges).
    func reportCycle(_ report: inout ValidationReport) {
        // Tasks are taken away once all they wait for is gone; what is left waits for a cycle.
        var missing = nodes.map { $0.edges.count }
        var dependents: [[Int]] = Array(repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for edge in node.edges { dependents[edge.index].append(index) }
        }
        var free = nodes.indices.filter { missing[$0] == 0 }
        while let index = free.popLast() {
            for dependent in dependents[index] {
                missing[dependent] -= 1
                if missing[dependent] == 0 { free.append(dependent) }
            }
        }
        guard var current = nodes.indices.first(where: { missing[$0] > 0 }) else { return }
        // Each that is left waits for another that is left: going on must come back.
        var walk: [Int] = []
        var places: [Int: Int] = [:]
        while places[current] == nil {
            places[current] = walk.count
            walk.append(current)
            guard let next = nodes[current].edges.first(where: { missing[$0.index] > 0 }) else { return }
            current = next.index
        }
        let cycle = Array(walk[(places[current] ?? 0)...])
        // It begins at the first task of the pipeline, so that the message does not depend on where the walk began.
        guard let first = cycle.min(), let start = cycle.firstIndex(of: first) else { return }
        let ordered = cycle[start...] + cycle[..<start] + [first]
        var text = ordered.prefix(20).map { nodes[$0].name }.joined(separator: " -> ")
        if ordered.count > 20 { text += " -> ... (\(ordered.count - 1) tasks) -> \(nodes[first].name)" }
        let edge = nodes[first].edges.first { missing[$0.index] > 0 && ordered.dropFirst().first == $0.index }
        report.add(
            .invalid(
                edge?.path ?? nodes[first].path, .string(nodes[first].name),
                "the tasks wait for each other in a cycle: \(text)"))
    }
}
