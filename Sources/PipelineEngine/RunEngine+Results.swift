import JSON
import KubernetesModel
import SluiceAPI

/// The results that the run keeps: all of them lie in its status, which has to be small enough to be stored (rule E12).
extension RunEngine {
    /// The failure of what would make them too large.
    var resultsTooLarge: PodFailure {
        PodFailure(
            .failed, reason: Reasons.resultsTooLarge,
            message: "the results of the run would be larger than the limit of \(settings.resultLimit) bytes",
            exitCode: 0)
    }

    /// Keeps the results of a node, in place of those that it had. Where they would be too many, those of the nodes inside of it go,
    /// which nobody can read any more. False when they are too large even so: they are not kept.
    mutating func keep(_ results: JSONObject, of index: Int) -> Bool {
        drop(resultsOf: index)
        guard !results.isEmpty else { return true }
        noteResultDecision()
        let size = Self.size(results)
        if resultBytes + size > settings.resultLimit { dropResults(inside: index) }
        if resultBytes + size > settings.resultLimit, folds { dropUnneededResults() }
        guard resultBytes + size <= settings.resultLimit else { return false }
        nodes[index].status.results = results
        resultBytes += size
        return true
    }

    mutating func drop(resultsOf index: Int) {
        guard !nodes[index].status.results.isEmpty else { return }
        resultBytes -= Self.size(nodes[index].status.results)
        nodes[index].status.results = [:]
    }

    /// Counts the results that a status tells of.
    mutating func noteResults(of index: Int) {
        if !nodes[index].status.results.isEmpty { resultBytes += Self.size(nodes[index].status.results) }
    }

    mutating func dropResults(inside index: Int) {
        for inner in nodesInside(index) { drop(resultsOf: inner) }
    }

    /// Those that a status which folds leaves out, so that a restart would not know them either. O(nodes).
    private mutating func dropUnneededResults() {
        for index in nodes.indices where nodes[index].status.phase.isFinished && !needsResults(index) {
            drop(resultsOf: index)
        }
    }

    /// Whether the pods that run might write more than there is room for.
    var areResultsScarce: Bool {
        resultBytes + activeCount * PodVerdict.terminationMessageLimit > settings.resultLimit
    }

    private static func size(_ results: JSONObject) -> Int { JSONValue.object(results).text.utf8.count }

    /// Whether anything may still read the results of a task.
    func needsResults(_ index: Int) -> Bool {
        let node = nodes[index]
        if let owner = node.owner { return !nodes[owner].status.phase.isFinished }
        let scope = scopes[node.scope]
        return (node.task.isResult && scope.unfinished > 0)
            || node.task.consumers.contains { !nodes[scope.first + $0].status.phase.isFinished }
    }
}
