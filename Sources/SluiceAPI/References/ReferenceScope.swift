import JSON
import KubernetesModel

/// What references may name (rule E3), and the check that they do.
struct ReferenceScope {
    /// The task that contains the references.
    var current: String?
    /// Whether they are in `finally` or after it, where every task and the phase of the run may be read.
    var isFinally = false
    /// Whether parameters are not known, so that none is refused.
    var isOpen = false
    var allowsTasks = true
    /// What the item of the task's forEach is called; nil where there is none.
    var item: String?
    private(set) var usedParameters: Set<String> = []

    private var parameters: [String: ParameterType] = [:]
    private var results: [String: Set<String>] = [:]
    private var finallyTasks: Set<String> = []
    /// The results of these tasks are those of a pipeline, not known here.
    private var openTasks: Set<String> = []

    init(isFinally: Bool = false) { self.isFinally = isFinally }

    /// Takes in what a pipeline declares.
    mutating func declare(_ spec: JSONValue) {
        for parameter in spec["parameters"]?.array ?? [] {
            let parameter = ParameterSpec(validated: parameter)
            if !parameter.name.isEmpty { parameters[parameter.name] = parameter.type }
        }
        for field in ["tasks", "finally"] {
            for task in spec[field]?.array ?? [] {
                guard let name = task["name"]?.string else { continue }
                results[name] =
                    task["pipelineSpec"].map { Set(($0["results"]?.array ?? []).compactMap { $0["name"]?.string }) }
                    ?? Set((task["results"]?.array ?? []).compactMap(\.string))
                if field == "finally" { finallyTasks.insert(name) }
                if task["pipelineRef"] != nil { openTasks.insert(name) }
            }
        }
    }

    /// The type of a parameter; nil where it is not known.
    func type(ofParameter name: String) -> ParameterType? { parameters[name] }

    /// Takes in the parameters that an expression uses.
    mutating func noteUses(ofParameters names: [String]) { usedParameters.formUnion(names) }

    /// Takes in the parameters that a value uses, with no check.
    mutating func noteUses(in value: JSONValue) {
        var used: Set<String> = []
        value.forEachString { text, _ in
            for reference in ReferenceTemplate(text).references {
                if case .parameter(let name) = reference.root { used.insert(name) }
            }
        }
        usedParameters.formUnion(used)
    }

    /// Checks every reference in a value; the tasks that they wait for, with the places of the references.
    @discardableResult
    mutating func check(
        _ value: JSONValue, _ path: FieldPath, isResult: Bool = false, _ report: inout ValidationReport
    ) -> [(task: String, path: FieldPath)] {
        var found: [(String, FieldPath)] = []
        value.forEachString { text, steps in
            guard text.utf8.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "{") }) else { return }
            found.append((text, FieldPath(path.steps + steps.map(FieldPath.Step.init))))
        }
        var edges: [(task: String, path: FieldPath)] = []
        for (text, place) in found {
            for strange in PeerSpellings.strangeReferences(in: text) {
                report.warn(.invalid(place, .string(strange.text), "is no reference: \(strange.advice)"))
            }
            let template = ReferenceTemplate(text, item: item ?? ForEachSpec.defaultItemName)
            if let item, item != ForEachSpec.defaultItemName {
                let others = ReferenceTemplate(text).references.filter { $0.root == .item }
                for other in others {
                    report.add(.invalid(place, .string("$(\(other))"), "the item of this task is called \(item)"))
                }
            }
            for part in template.parts {
                switch part {
                case .literal: break
                case .malformed(let malformed):
                    report.add(
                        .invalid(
                            place, .string("$(\(malformed.text))"), "is not a valid reference: \(malformed.problem)"))
                case .reference(let reference):
                    if let problem = problem(with: reference, isResult: isResult) {
                        report.add(.invalid(place, .string("$(\(reference))"), problem))
                    } else if let task = reference.task, !isResult, isEdge(to: task) {
                        edges.append((task, place))
                    }
                }
            }
        }
        return edges
    }

    /// From `finally` the main tasks need no edge: they have all ended.
    func isEdge(to task: String) -> Bool { finallyTasks.contains(task) == isFinally }

    private mutating func problem(with reference: Reference, isResult: Bool) -> String? {
        switch reference.root {
        case .parameter(let name):
            usedParameters.insert(name)
            if isOpen || parameters[name] != nil { return nil }
            return "no parameter has that name" + Suggestion.phrase(for: name, in: parameters.keys)
        case .result(let task, let name):
            if let problem = problem(withTask: task) { return problem }
            guard let known = results[task], !known.contains(name), !openTasks.contains(task) else { return nil }
            return "the task \(task) declares no such result" + Suggestion.phrase(for: name, in: known)
        case .taskPhase(let task): return problem(withTask: task)
        case .item: return item != nil ? nil : "there is an item only in a task with forEach"
        case .run(.phase): return isFinally ? nil : "the run has a phase only in finally"
        case .run: return nil
        case .attempt, .replicaIndex: return isResult ? "is known only inside of a task" : nil
        }
    }

    private func problem(withTask task: String) -> String? {
        guard allowsTasks else { return "the pods of every task have this template, so it cannot refer to one task" }
        guard results[task] != nil else {
            return "no task has that name" + Suggestion.phrase(for: task, in: results.keys)
        }
        if task == current { return "a task cannot refer to itself" }
        if finallyTasks.contains(task), !isFinally { return "tasks cannot refer to a task of finally" }
        return nil
    }
}

extension Reference {
    /// The task whose result or phase is named.
    fileprivate var task: String? {
        switch root {
        case .result(let task, _), .taskPhase(let task): task
        default: nil
        }
    }
}

extension FieldPath.Step {
    fileprivate init(_ step: Reference.Step) {
        switch step {
        case .field(let name): self = .field(name)
        case .index(let index): self = .index(index)
        }
    }
}
