import CEL
import JSON
import SluiceAPI

/// Whether a task runs at all: rule E2.
extension RunEngine {
    /// What the condition of a task says.
    enum Answer {
        case holds
        case isFalse
        /// A result that it needs was never written.
        case missingResult(String)
        case failed(String)
    }

    /// The answer of the condition that is to be asked of this node; nil where there is none. A condition that reads the item is
    /// asked of each instance, any other of the task as a whole.
    func condition(of index: Int) -> Answer? {
        let node = nodes[index]
        guard let when = node.task.when, node.task.spec.forEach == nil || when.readsItem == (node.owner != nil) else {
            return nil
        }
        do {
            return try when.expression.evaluateBool { variable($0, for: index, when) } ? .holds : .isFalse
        } catch {
            if case .missing(let path) = error.kind, path.count == 4, path[0] == "tasks", path[2] == "results" {
                return .missingResult("when: task \(path[1]) has not written the result \(path[3])")
            }
            return .failed("when: \(error)")
        }
    }

    private func variable(_ name: String, for index: Int, _ when: WhenExpression) -> JSONValue? {
        let node = nodes[index]
        let scope = scopes[node.scope]
        switch name {
        case "params": return .object(scope.parameters)
        case "run":
            var run: JSONObject = [
                "name": .string(self.run.name), "uid": .string(self.run.uid), "namespace": .string(self.run.namespace),
            ]
            if node.task.isFinally { run["phase"] = .string(outcome(ofMain: node.scope).rawValue) }
            return .object(run)
        case "tasks":
            return .object(
                JSONObject(
                    when.tasks.compactMap { name in
                        guard let other = scope.plan.indexByName[name] else { return nil }
                        let status = nodes[scope.first + other].status
                        var results = status.results
                        // Of no items there are no results, whatever they are called.
                        for reference in when.expression.references where status.items == 0 {
                            let path = reference.path
                            guard path.count > 3, path[1] == name, path[2] == "results", results[path[3]] == nil else {
                                continue
                            }
                            results[path[3]] = []
                        }
                        return (name, ["results": .object(results), "phase": .string(status.phase.rawValue)])
                    }))
        default:
            guard name == node.task.item, let group = group(ofInstance: index) else { return nil }
            return groups[group].items[node.item]
        }
    }
}
