internal import JSON

/// What an evaluation may still cost.
struct Meter {
    private(set) var left: Int
    private let limit: Int

    init(limit: Int) {
        left = limit
        self.limit = limit
    }

    /// Takes off a cost; the rest of it, where an operation is stopped early, does not matter.
    @inline(__always)
    mutating func charge(_ cost: Int) throws(Failure) {
        left = left &- cost
        if left < 0 { throw exceeded }
    }

    /// Takes off the cost of reading or making so many bytes.
    @inline(__always)
    mutating func charge(bytes: Int) throws(Failure) { try charge(bytes / 16) }

    private var exceeded: Failure { Failure(.limit, "the evaluation costs more than \(limit)") }
}

/// Evaluates a program once.
struct Machine {
    /// A comprehension under way.
    struct LoopState {
        var range: CELValue
        var count: Int
        var position = 0
        var list: [CELValue] = []
        var map = MapBuilder()
        var matches = 0
        var failure: Failure?
    }

    let program: Program
    var meter: Meter
    var stack: [CELValue] = []
    var locals: [CELValue]
    var loops: [LoopState] = []
    /// The errors of the left sides of `&&` and `||` whose right side is being looked at.
    private var held: [Int: Failure] = [:]
    private var variables: [CELValue?]

    init(_ program: Program, costLimit: Int) {
        self.program = program
        meter = Meter(limit: max(0, costLimit))
        locals = Array(repeating: .null, count: program.slotCount)
        variables = Array(repeating: nil, count: program.names.count)
        stack.reserveCapacity(8)
    }

    mutating func run(_ read: (String) -> JSONValue?, _ text: SourceText) throws(CELError) -> CELValue {
        var at = 0
        while true {
            do throws(Failure) {
                try execute(&at, read)
                return pop()
            } catch {
                let failure = error
                do throws(Failure) { try recover(failure, &at) } catch {
                    throw text.error(error.kind, error.message, at: error.offset ?? Int(program.offsets[at]))
                }
            }
        }
    }

    @inline(__always)
    mutating func pop() -> CELValue { stack.popLast() ?? .null }

    private mutating func execute(_ at: inout Int, _ read: (String) -> JSONValue?) throws(Failure) {
        let end = program.instructions.count
        while at < end {
            try meter.charge(1)
            switch program.instructions[at] {
            case .constant(let index): stack.append(program.constants[index])
            case .variable(let index): stack.append(try variable(index, read))
            case .local(let slot): stack.append(locals[slot])
            case .select(let index): stack.append(try select(program.names[index], of: pop(), at))
            case .test(let index): stack.append(.bool(try has(program.names[index], in: pop())))
            case .index:
                let key = pop()
                stack.append(try element(key, of: pop(), at))
            case .list(let count):
                try meter.charge(count)
                let elements = Array(stack.suffix(count))
                stack.removeLast(count)
                stack.append(.list(CELList(elements)))
            case .map(let count): try makeMap(count)
            case .not:
                guard case .bool(let value) = pop() else { throw .type("'!' takes bool") }
                stack.append(.bool(!value))
            case .negate: stack.append(try negated(pop()))
            case .binary(let operation):
                let right = pop()
                stack.append(try apply(operation, pop(), right, &meter))
            case .call(let function, let count):
                let arguments = Array(stack.suffix(count))
                stack.removeLast(count)
                stack.append(try call(function, arguments, &meter))
            case .match(let index):
                _ = pop()
                guard case .string(let text) = pop() else { throw .type("matches() takes string") }
                stack.append(.bool(try matches(text, program.patterns[index], &meter)))
            case .logic(let isAnd, let end):
                let value = pop()
                guard case .bool(let left) = value else { throw nonBool(isAnd, value) }
                if left != isAnd {
                    stack.append(.bool(left))
                    at = end
                } else if !held.isEmpty {
                    held[at] = nil
                }
            case .logicEnd(let isAnd, let begin):
                guard case .bool(let right)? = stack.last else { throw nonBool(isAnd, pop()) }
                if right == isAnd, !held.isEmpty, held[begin] != nil { throw .evaluation("the left side failed") }
            case .branch(let otherwise):
                guard case .bool(let condition) = pop() else { throw .type("the condition before '?' is no bool") }
                if !condition {
                    at = otherwise
                    continue
                }
            case .jump(let target):
                at = target
                continue
            case .join: break
            case .loop(let index): try begin(program.loops[index], &at)
            case .loopCondition(let index):
                guard case .bool(let condition) = pop() else { throw .type("the condition of a macro is no bool") }
                if !condition { try advance(program.loops[index], &at) }
            case .next(let index): try next(program.loops[index], &at)
            }
            at += 1
        }
    }

    private func nonBool(_ isAnd: Bool, _ value: CELValue) -> Failure {
        .type("a side of '\(isAnd ? "&&" : "||")' is \(value.kindName): expected bool")
    }

    // MARK: errors

    /// Goes on where the failure is caught, or throws it.
    private mutating func recover(_ thrown: Failure, _ at: inout Int) throws(Failure) {
        var failure = thrown
        while true {
            if failure.offset == nil { failure.offset = Int(program.offsets[at]) }
            if case .logicEnd(_, let begin) = program.instructions[at], let left = held[begin] { failure = left }
            guard failure.kind != .limit, let handler = handler(&failure, at) else { throw failure }
            try meter.charge(8)
            if case .body(let index) = handler {
                if loops[loops.count - 1].failure == nil { loops[loops.count - 1].failure = failure }
                do throws(Failure) {
                    try advance(program.loops[index], &at)
                    at += 1
                    return
                } catch { failure = error }
            } else if case .left(let logic) = handler {
                held[logic] = failure
                at = logic + 1
                return
            }
        }
    }

    /// Who catches a failure: the innermost one that does. Unwinds to it.
    private mutating func handler(_ failure: inout Failure, _ at: Int) -> Program.Region.Handler? {
        var next = program.innermost[at]
        while let index = next {
            let region = program.regions[index]
            next = region.parent
            if case .right(let logic) = region.handler {
                // Of two errors the left one is told.
                if let left = held[logic] { failure = left }
                continue
            }
            stack.removeLast(stack.count - region.height)
            loops.removeLast(loops.count - region.loopDepth)
            return region.handler
        }
        return nil
    }

    // MARK: reading

    private mutating func variable(_ index: Int, _ read: (String) -> JSONValue?) throws(Failure) -> CELValue {
        if let value = variables[index] { return value }
        let name = program.names[index]
        guard let json = read(name) else {
            throw Failure(.missing(path: [name]), "the variable \(excerpt(name)) has no value")
        }
        let value = CELValue(json)
        variables[index] = value
        return value
    }

    private func select(_ name: String, of operand: CELValue, _ at: Int) throws(Failure) -> CELValue {
        guard case .map(let map) = operand else {
            throw .type("\(excerpt(name)) is no field of \(operand.kindName): expected a map before it")
        }
        if let value = map[name] { return value }
        throw missing(name, path(at))
    }

    private func has(_ name: String, in operand: CELValue) throws(Failure) -> Bool {
        guard case .map(let map) = operand else {
            throw .type("\(excerpt(name)) is no field of \(operand.kindName): expected a map before it")
        }
        return map.contains(.string(name))
    }

    private mutating func element(_ key: CELValue, of operand: CELValue, _ at: Int) throws(Failure) -> CELValue {
        switch operand {
        case .list(let list):
            guard let index = CELKey(lookup: key), let position = index.position else {
                throw .type("a list has no index \(excerpt(key)): expected an integer")
            }
            guard (0..<list.count).contains(position) else {
                throw .evaluation("the index \(position) is out of range: the list has \(list.count) elements")
            }
            return list[position]
        case .map(let map):
            if case .string(let name) = key {
                try meter.charge(bytes: name.utf8.count)
                if let value = map[name] { return value }
                var chain = path(at)
                if !chain.isEmpty, !isOwn(at) { chain.append(name) }
                throw missing(name, chain)
            }
            guard let lookup = CELKey(lookup: key) else {
                if case .double(let number) = key {
                    throw Failure(.missing(path: []), "there is no key \(goText(of: number))")
                }
                throw .type("a map has no key that is \(key.kindName): expected bool, int, uint or string")
            }
            if let value = map[lookup] { return value }
            throw Failure(.missing(path: []), "there is no key \(excerpt(key))")
        default: throw .type("\(operand.kindName) has no elements: expected a list or a map before '['")
        }
    }

    private func missing(_ name: String, _ path: [String]) -> Failure {
        let parent = path.dropLast().joined(separator: ".")
        return Failure(
            .missing(path: path), "there is no \(excerpt(name))" + (parent.isEmpty ? "" : " in \(parent)"))
    }

    /// The chain of names that an instruction selects.
    private func path(_ at: Int) -> [String] {
        guard let chain = program.chains[at] else { return [] }
        return Array(program.references[chain.reference].path.prefix(chain.length))
    }

    /// Whether the chain of an index has the key in it, since it is constant.
    private func isOwn(_ at: Int) -> Bool {
        guard at > 0, case .constant = program.instructions[at - 1] else { return false }
        return true
    }

    private mutating func makeMap(_ count: Int) throws(Failure) {
        var builder = MapBuilder()
        let first = stack.count - 2 * count
        for index in stride(from: first, to: stack.count, by: 2) {
            try insert(stack[index], stack[index + 1], into: &builder)
        }
        stack.removeLast(2 * count)
        stack.append(.map(builder.map))
    }

    mutating func insert(_ key: CELValue, _ value: CELValue, into builder: inout MapBuilder) throws(Failure) {
        guard let name = CELKey(key) else {
            throw .type("\(key.kindName) is no key of a map: expected bool, int, uint or string")
        }
        try meter.charge(2)
        if case .string(let text) = name { try meter.charge(bytes: text.utf8.count) }
        try builder.insert(name, value)
    }
}

extension CELKey {
    /// The number as an index.
    var position: Int? {
        switch self {
        case .int(let value): Int(exactly: value)
        case .uint(let value): Int(exactly: value) ?? .max
        default: nil
        }
    }
}
