import JSON
import KubernetesModel
import SluiceAPI

/// What references mean, and the pods that are made with them (rule E3).
extension RunEngine {
    /// A reference that has no value.
    struct ReferenceProblem: Error {
        var isMissingResult: Bool
        var message: String
    }

    /// The pod of a replica of the current attempt; throws ``ReferenceProblem``.
    func pod(of index: Int, replica: Int) throws -> JSONValue {
        let node = nodes[index]
        let identity = PodIdentity(path: node.path, attempt: node.status.attempt, replica: replica)
        // The template of the run is for every depth: its parameters are the run's.
        var pod = try template.pod(
            identity, of: node.task, names: node.names,
            inRun: { try resolve($0, inScope: Self.root, identity) },
            inTask: { try resolve($0, of: index, in: identity) })
        if let queue = queuePlace?.name, !queue.isEmpty {
            pod["metadata"]?["labels"]?[Sluice.Label.queue] = .string(queue)
        }
        guard replica < node.plannedNodes.count, let planned = node.plannedNodes[replica] else { return pod }
        return PodBuilder.bound(pod, to: planned)
    }

    /// The Service by which the pods of the current attempt find each other; nil where they do not look for each other.
    func service(of index: Int) -> HeadlessService? {
        let node = nodes[index]
        let identity = PodIdentity(path: node.path, attempt: node.status.attempt, replica: 0)
        return PodGang(identity, of: node.task.spec, in: run)?.service
    }

    /// The value of a reference of a task; nil for what is left unchanged in the text. `identity` is the pod that it is for, if any.
    func resolve(_ reference: Reference, of index: Int, in identity: PodIdentity?) throws -> JSONValue? {
        guard case .item = reference.root else { return try resolve(reference, inScope: nodes[index].scope, identity) }
        guard let group = group(ofInstance: index) else { return nil }
        return try descend(reference, into: groups[group].items[nodes[index].item])
    }

    /// The value of a reference in a pipeline, outside of its forEach.
    func resolve(_ reference: Reference, inScope scope: Int, _ identity: PodIdentity? = nil) throws -> JSONValue? {
        let plan = scopes[scope].plan
        func task(_ name: String) -> TaskStatus? {
            plan.indexByName[name].map { nodes[scopes[scope].first + $0].status }
        }
        switch reference.root {
        case .parameter(let name):
            guard let parameter = scopes[scope].parameters[name] else {
                throw ReferenceProblem(
                    isMissingResult: false, message: "$(\(reference)): there is no parameter \(name)")
            }
            return try descend(reference, into: parameter)
        case .result(let name, let result):
            // Of no items there are no results, whatever they are called.
            guard let value = task(name).flatMap({ $0.results[result] ?? ($0.items == 0 ? [] : nil) }) else {
                throw ReferenceProblem(
                    isMissingResult: true, message: "$(\(reference)): task \(name) has not written the result \(result)"
                )
            }
            return try descend(reference, into: value)
        case .taskPhase(let name):
            guard let phase = task(name)?.phase else {
                throw ReferenceProblem(isMissingResult: false, message: "$(\(reference)): there is no task \(name)")
            }
            return .string(phase.rawValue)
        case .run(.name): return .string(run.name)
        case .run(.uid): return .string(run.uid)
        case .run(.namespace): return .string(run.namespace)
        case .run(.phase): return .string(outcome(ofMain: scope).rawValue)
        case .attempt: return identity.map { .int(Int64($0.attempt)) }
        case .replicaIndex: return identity.map { .int(Int64($0.replica)) }
        case .item: return nil
        }
    }

    private func descend(_ reference: Reference, into value: JSONValue) throws -> JSONValue {
        guard let found = reference.descend(into: value) else {
            throw ReferenceProblem(
                isMissingResult: false,
                message: "$(\(reference)): the value \(value.text.prefix(80)) has no such part")
        }
        if case .string(let text) = found, text.utf8.contains(0) {
            // A C string ends there: the task would get the rest cut off without a word.
            throw ReferenceProblem(
                isMissingResult: false, message: "$(\(reference)): the value contains a NUL character")
        }
        return found
    }

    /// `$(run.phase)` for `finally`: how the main tasks of its pipeline ended.
    func outcome(ofMain scope: Int) -> RunPhase {
        let scope = scopes[scope]
        if scope.owner == nil, desired == .cancelled || desired == .terminated { return .cancelled }
        switch scope.cut {
        case .runCancelled?, .runTerminated?: return .cancelled
        default: break
        }
        if scope.timedOut || (scope.owner == nil && (timedOut || queueTimedOut)) { return .failed }
        if let failed = scope.firstFailure, !nodes[failed].task.isFinally { return .failed }
        return scope.cut == nil ? .succeeded : scope.cut?.isTimeout ?? false ? .failed : .cancelled
    }
}
