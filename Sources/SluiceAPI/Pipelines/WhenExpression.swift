public import CEL
import JSON

/// `when` of a task: a condition in CEL over `params`, `tasks`, `run` and the item of a forEach (rule E2).
public struct WhenExpression: Sendable {
    public let expression: CELExpression
    /// Whether it reads the item of the task's forEach: then each instance has an answer of its own.
    public let readsItem: Bool
    /// The tasks whose results it may read.
    public let tasks: [String]

    /// What expressions of one pipeline may read. O(tasks), once for all of them.
    public struct Variables: Sendable {
        private var main: [String: CELType] = [:]
        private var finally: [String: CELType] = [:]

        /// The variables that a pipeline declares.
        public init(_ pipeline: PipelineSpec) {
            var parameters: [String: CELType] = [:]
            for parameter in pipeline.parameters { parameters[parameter.name] = parameter.type.celType }
            var tasks: [String: CELType] = [:]
            for task in pipeline.tasks { tasks[task.name] = Self.type(of: task) }
            main = [
                "params": .object(parameters, open: false), "tasks": .object(tasks, open: false),
                "run": .object(["name": .string, "uid": .string, "namespace": .string], open: false),
            ]
            for task in pipeline.finally { tasks[task.name] = Self.type(of: task) }
            finally = [
                "params": main["params"] ?? .dyn, "tasks": .object(tasks, open: false),
                "run": .object(["name": .string, "uid": .string, "namespace": .string, "phase": .string], open: false),
            ]
        }

        private static func type(of task: TaskSpec) -> CELType {
            let element: CELType = task.forEach == nil ? .dyn : .list(.dyn)
            let names = task.pipelineSpec?.results.map(\.name) ?? task.results
            let results = Dictionary(names.map { ($0, element) }) { first, _ in first }
            // What a Pipeline by name gives is not known here.
            return .object(
                ["results": .object(results, open: task.pipelineRef != nil), "phase": .string], open: false)
        }

        fileprivate func environment(isFinally: Bool, item: String?) -> CELEnvironment {
            var variables = isFinally ? finally : main
            if let item { variables[item] = .dyn }
            return CELEnvironment(variables)
        }
    }

    /// Reads the condition of a task. Throws `CELError` with the column of the mistake.
    public init(_ source: String, in variables: Variables, isFinally: Bool, item: String?) throws(CELError) {
        try self.init(source, variables.environment(isFinally: isFinally, item: item), item)
    }

    /// Reads a condition whose names have been checked, or are not known. Throws `CELError`.
    init(unchecked source: String, item: String?) throws(CELError) {
        var variables: [String: CELType] = ["params": .dyn, "tasks": .dyn, "run": .dyn]
        if let item { variables[item] = .dyn }
        try self.init(source, CELEnvironment(variables), item)
    }

    private init(_ source: String, _ environment: CELEnvironment, _ item: String?) throws(CELError) {
        if let start = source.firstRange(of: "$(") {
            let column = source.unicodeScalars.distance(from: source.startIndex, to: start.lowerBound) + 1
            throw CELError(
                kind: .syntax, message: "expected an expression: it reads params.x and tasks.a.results.r without $()",
                column: column)
        }
        expression = try CELExpression(source, in: environment)
        switch expression.resultType {
        case .bool, .dyn: break
        default:
            throw CELError(
                kind: .type,
                message: "expected a condition, true or false, not a value of type \(expression.resultType)")
        }
        var tasks: [String] = []
        var readsItem = false
        for reference in expression.references {
            guard let root = reference.path.first else { continue }
            if root == item { readsItem = true }
            guard root == "tasks" else { continue }
            guard reference.path.count > 1 else {
                throw CELError(
                    kind: .type, message: "expected the name of a task after tasks, as in tasks.prepare.results.rows",
                    line: reference.line, column: reference.column)
            }
            if !tasks.contains(reference.path[1]) { tasks.append(reference.path[1]) }
        }
        self.tasks = tasks
        self.readsItem = readsItem
    }

    /// The tasks that it reads, with the end that it needs of them: a phase asks for an end of any kind, all else for the default.
    var dependencies: [(task: String, on: Dependency.Condition)] {
        expression.references.compactMap { reference in
            guard reference.path.first == "tasks", reference.path.count > 1 else { return nil }
            let isPhase = reference.path.count > 2 && reference.path[2] == "phase"
            return (reference.path[1], isPhase ? .finished : .succeededOrSkipped)
        }
    }

    /// The parameters that it reads.
    var parameters: [String] {
        expression.references.compactMap { $0.path.first == "params" && $0.path.count > 1 ? $0.path[1] : nil }
    }
}

extension ParameterType {
    /// What a value of the type is in CEL.
    var celType: CELType {
        switch self {
        case .string: .string
        // JSON does not tell 1 from 1.0.
        case .number: .dyn
        case .integer: .int
        case .boolean: .bool
        case .array: .list(.dyn)
        case .object: .map(.string, .dyn)
        }
    }
}
