import JSON
import KubernetesModel
import SluiceAPI

/// The actions of a scenario.
extension Scenario {
    /// What an action can be; each has exactly one of these fields.
    private static let actionKinds = [
        "state", "pod", "apply", "delete", "patch", "restartOperator", "operator", "clock", "trigger",
    ]
    private static let clusterKinds = ClusterObject.Kind.allCases.map(\.rawValue)

    static func readAction(_ value: JSONValue, _ path: FieldPath, _ reader: inout ScenarioReader) -> TimedAction? {
        guard let object = reader.fields(value, path, known: ["at", "run", "failure"] + actionKinds) else { return nil }
        let at = reader.duration(object, "at", path, isRequired: true)
        let kinds = actionKinds.filter { object.contains($0) }
        guard kinds.count == 1, let kind = kinds.first else {
            let rule = "exactly one of \(actionKinds.joined(separator: ", ")) must be set"
            reader.errors.append(kinds.isEmpty ? .required(path, rule) : .forbidden(path.field(kinds[1]), rule))
            return nil
        }
        for (field, owner) in [("run", "state"), ("failure", "pod")] where object.contains(field) && kind != owner {
            reader.errors.append(.forbidden(path.field(field), "belongs to \(owner), not to \(kind)"))
        }
        guard let action = readAction(kind, object, path, &reader), let at else { return nil }
        return TimedAction(at: at, action: action)
    }

    private static func readAction(
        _ kind: String, _ object: JSONObject, _ path: FieldPath, _ reader: inout ScenarioReader
    ) -> Action? {
        let value = object[kind] ?? .null
        switch kind {
        case "state":
            let run = reader.runName(object, "run", path)
            let state = reader.word(object, "state", path, isRequired: true, of: DesiredState.self)
            if let run, let state { return .state(run, state) }
        case "pod":
            let failure = reader.word(object, "failure", path, isRequired: true, of: PodEnd.self)
            guard let pod = reader.fields(value, path.field(kind), known: ["run", "task", "replica"]) else {
                return nil
            }
            let run = reader.runName(pod, "run", path.field(kind))
            let task = reader.string(pod, "task", path.field(kind), isRequired: true)
            let replica = reader.integer(pod, "replica", path.field(kind), in: 0...1_000_000)
            if let failure, failure.isStart {
                reader.errors.append(
                    .invalid(
                        path.field("failure"), .string(failure.rawValue),
                        "keeps a pod from starting: give it as an outcome"))
            } else if let run, let task, let failure {
                return .pod(run: run, task: task, replica: replica, failure)
            }
        case "apply":
            if checkKind(value, path.field(kind), ["PipelineRun", "Pipeline", "ScheduledRun"] + clusterKinds, &reader) {
                return .apply(value)
            }
        case "delete":
            guard let target = reader.fields(value, path.field(kind), known: ["kind", "name"]),
                checkKind(value, path.field(kind), ["PipelineRun", "ScheduledRun"] + clusterKinds, &reader),
                let name = reader.runName(target, "name", path.field(kind))
            else { return nil }
            return .delete(Target(kind: target["kind"]?.string ?? "", name: name))
        case "patch":
            guard let target = reader.fields(value, path.field(kind), known: ["kind", "name", "spec"]),
                checkKind(value, path.field(kind), ["PipelineRun", "ScheduledRun", "Queue", "Node"], &reader)
            else { return nil }
            let name = reader.runName(target, "name", path.field(kind))
            guard let spec = target["spec"], spec.object != nil else {
                reader.errors.append(
                    .required(path.field(kind).field("spec"), "must be an object: what changes in the spec"))
                return nil
            }
            return name.map { .patch(Target(kind: target["kind"]?.string ?? "", name: $0), spec: spec) }
        case "restartOperator":
            if value == true { return .restartOperator }
            reader.errors.append(.invalid(path.field(kind), value, "must be true"))
        case "operator":
            switch reader.word(object, kind, path, isRequired: true, of: OperatorState.self) {
            case .stopped?: return .operatorRuns(false)
            case .started?: return .operatorRuns(true)
            case nil: return nil
            }
        case "clock": return reader.duration(object, kind, path, isRequired: true, isSigned: true).map(Action.clock)
        case "trigger":
            guard let target = reader.fields(value, path.field(kind), known: ["kind", "name"]),
                checkKind(value, path.field(kind), ["ScheduledRun"], &reader)
            else { return nil }
            return reader.runName(target, "name", path.field(kind)).map(Action.trigger)
        default: break
        }
        return nil
    }

    private enum OperatorState: String, CaseIterable {
        case stopped = "Stopped"
        case started = "Started"
    }

    /// Whether an object is of one of the kinds that can be handled.
    private static func checkKind(
        _ value: JSONValue, _ path: FieldPath, _ kinds: [String], _ reader: inout ScenarioReader
    ) -> Bool {
        guard value.object != nil else {
            reader.errors.append(.invalid(path, .string(value.kindName), "must be an object"))
            return false
        }
        guard let kind = value["kind"]?.string else {
            reader.errors.append(.required(path.field("kind")))
            return false
        }
        if kinds.contains(kind) { return true }
        reader.errors.append(.notSupported(path.field("kind"), .string(kind), kinds))
        return false
    }
}
