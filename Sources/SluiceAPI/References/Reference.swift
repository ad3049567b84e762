public import JSON

/// What a `$(...)` names (rule E3).
public struct Reference: Sendable, Hashable {
    /// What the reference begins with.
    public enum Root: Sendable, Hashable {
        /// `params.NAME`
        case parameter(String)
        /// `tasks.TASK.results.NAME`
        case result(task: String, name: String)
        /// `tasks.TASK.phase`
        case taskPhase(String)
        /// `item`, inside forEach
        case item
        /// `run.name`, `run.uid`, `run.namespace`, `run.phase`
        case run(RunField)
        /// `task.attempt`
        case attempt
        /// `replica.index`
        case replicaIndex
    }

    /// The fields of `run`.
    public enum RunField: String, Sendable, Hashable { case name, uid, namespace, phase }

    /// One step into a value.
    public enum Step: Sendable, Hashable {
        case field(String)
        case index(Int)
    }

    public var root: Root
    /// The way into the value of the root: `.y[0]`.
    public var steps: [Step]

    /// A reference.
    public init(root: Root, steps: [Step] = []) {
        self.root = root
        self.steps = steps
    }

    /// The value below `value` that the steps lead to; nil when the value has no such part.
    public func descend(into value: JSONValue) -> JSONValue? {
        var value = value
        for step in steps {
            switch step {
            case .field(let name):
                guard let next = value[name] else { return nil }
                value = next
            case .index(let index):
                guard let next = value[index] else { return nil }
                value = next
            }
        }
        return value
    }
}

extension Reference {
    /// Reads the text between `$(` and `)`. Nil when it does not begin as a reference does: then it belongs to the shell.
    /// Throws ``MalformedReference`` when it begins as a reference and is not a valid one.
    /// `item` is what the item of a forEach is called here.
    public init?(parsing text: Substring, item: String = ForEachSpec.defaultItemName) throws {
        var rest = text.utf8[...]
        func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        func name() -> String? {
            let end = rest.firstIndex { !isNameByte($0) } ?? rest.endIndex
            guard end > rest.startIndex else { return nil }
            defer { rest = rest[end...] }
            return String(Substring(rest[..<end]))
        }
        func step() throws -> Step? {
            guard let next = rest.first else { return nil }
            rest = rest.dropFirst()
            if next == UInt8(ascii: ".") {
                guard let name = name() else { throw MalformedReference(text, "expected a name after the dot") }
                return .field(name)
            }
            guard next == UInt8(ascii: "["), let digits = name(), let index = Int(digits), index >= 0,
                rest.first == UInt8(ascii: "]")
            else { throw MalformedReference(text, "expected .name or [index]") }
            rest = rest.dropFirst()
            return .index(index)
        }
        func field(_ what: String) throws -> String {
            guard case .field(let name)? = try step() else { throw MalformedReference(text, "expected \(what)") }
            return name
        }
        guard let first = name(), ["params", "tasks", "run", "task", "replica"].contains(first) || first == item else {
            return nil
        }
        // `$(run)`, `$(task ls)` and their like are shell commands; only a dot makes them ours. `$(item)` is whole by itself.
        let startsPath = rest.first == UInt8(ascii: ".")
        if first == item {
            guard rest.isEmpty || startsPath || rest.first == UInt8(ascii: "[") else { return nil }
        } else if !startsPath {
            return nil
        }
        switch first {
        case "params": root = .parameter(try field("the name of a parameter"))
        case "tasks":
            let task = try field("the name of a task")
            switch try field("results or phase") {
            case "results": root = .result(task: task, name: try field("the name of a result"))
            case "phase": root = .taskPhase(task)
            default: throw MalformedReference(text, "expected tasks.NAME.results.NAME or tasks.NAME.phase")
            }
        case "run":
            guard let runField = RunField(rawValue: try field("name, uid, namespace or phase")) else {
                throw MalformedReference(text, "expected run.name, run.uid, run.namespace or run.phase")
            }
            root = .run(runField)
        case "task":
            guard try field("attempt") == "attempt" else { throw MalformedReference(text, "expected task.attempt") }
            root = .attempt
        case "replica":
            guard try field("index") == "index" else { throw MalformedReference(text, "expected replica.index") }
            root = .replicaIndex
        default: root = .item
        }
        steps = []
        while let next = try step() { steps.append(next) }
        switch root {
        case .parameter, .result, .item: break
        default:
            if !steps.isEmpty { throw MalformedReference(text, "there is nothing below it") }
        }
    }
}

/// A `$(...)` that begins as a reference and is not a valid one.
public struct MalformedReference: Error, Sendable, Hashable, CustomStringConvertible {
    /// The text between the parentheses.
    public var text: String
    /// What is wrong with it.
    public var problem: String

    init(_ text: Substring, _ problem: String) {
        self.text = String(text)
        self.problem = problem
    }

    public var description: String { "$(\(text)) is not a valid reference: \(problem)" }
}
