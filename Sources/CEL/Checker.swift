internal import KubernetesSchema

/// Runs a program once, in order, on types in place of values: finds what cannot work, what the program reads, and how high
/// the stack is where an error is caught.
struct Checker {
    /// How deep the value of an expression may nest beyond what its variables do.
    static let maximumValueDepth = 100

    /// What is known of a value on the stack.
    private struct Entry {
        var type: CELType
        /// Levels of lists and maps that the expression has put around values.
        var depth = 0
        var chain: Program.Chain?
        var constant: Int?
    }

    private let source: SourceText
    private let environment: [String: CELType]
    /// Whether types that cannot match are errors; else everything is `dyn` and the evaluation tells.
    private let isStrict: Bool
    private var program: Program
    private var stack: [Entry] = []
    /// The first values of ternaries whose second one is being looked at.
    private var branches: [Entry] = []
    /// The variables of comprehensions, by slot.
    private var locals: [Entry] = []
    private var ranges: [Entry] = []
    private var heights: [Int: Int] = [:]

    init(_ program: Program, source: SourceText, environment: CELEnvironment, isStrict: Bool) {
        self.program = program
        self.source = source
        self.environment = environment.variables
        self.isStrict = isStrict
        locals = Array(repeating: Entry(type: .dyn), count: program.slotCount)
    }

    /// The program, completed, and the type of its value.
    mutating func check() throws(CELError) -> (program: Program, type: CELType) {
        for at in program.instructions.indices {
            do { try step(at) } catch {
                throw source.error(error.kind, error.message, at: Int(program.offsets[at]))
            }
        }
        for index in program.regions.indices {
            let logic: Int
            switch program.regions[index].handler {
            case .left(let begin), .right(let begin): logic = begin
            case .body(let loop): logic = program.loops[loop].body - 1
            }
            program.regions[index].height = heights[logic] ?? 0
        }
        nestRegions()
        return (program, stack.last?.type ?? .dyn)
    }

    /// Finds the innermost region of each instruction and the one around each region. They nest or have nothing in common.
    private mutating func nestRegions() {
        let order = program.regions.indices.sorted {
            let (left, right) = (program.regions[$0], program.regions[$1])
            return left.start == right.start ? left.end > right.end : left.start < right.start
        }
        program.innermost = Array(repeating: nil, count: program.instructions.count)
        var open: [Int] = []
        var next = 0
        for at in program.instructions.indices {
            while let last = open.last, program.regions[last].end <= at { open.removeLast() }
            while next < order.count, program.regions[order[next]].start == at {
                program.regions[order[next]].parent = open.last
                open.append(order[next])
                next += 1
            }
            program.innermost[at] = open.last
        }
    }

    private mutating func pop() -> Entry { stack.popLast() ?? Entry(type: .dyn) }

    private mutating func push(_ type: CELType, depth: Int = 0) throws(Failure) {
        guard depth <= Self.maximumValueDepth else {
            throw Failure(.limit, "a value nests too deep: expected \(Self.maximumValueDepth) levels at most")
        }
        stack.append(Entry(type: isStrict ? type : .dyn, depth: depth))
    }

    private mutating func popBool(_ what: String) throws(Failure) {
        let entry = pop()
        guard entry.type.fits(.bool) else { throw .type("\(what) is \(entry.type): expected bool") }
    }

    private mutating func step(_ at: Int) throws(Failure) {
        switch program.instructions[at] {
        case .constant(let index):
            try push(typeOfConstant(index))
            stack[stack.count - 1].constant = index
        case .variable(let index):
            let name = program.names[index]
            let place = source.place(of: Int(program.offsets[at]))
            program.references.append(
                CELReference(path: [name], isTest: false, line: place.line, column: place.column))
            try push(environment[name] ?? .dyn)
            stack[stack.count - 1].chain = .init(reference: program.references.count - 1, length: 1)
        case .local(let slot): stack.append(locals[slot])
        case .select(let index): try select(program.names[index], at, isTest: false)
        case .test(let index): try select(program.names[index], at, isTest: true)
        case .index: try index(at)
        case .list(let count):
            let elements = stack.suffix(count)
            let type = elements.dropFirst().reduce(elements.first?.type ?? .dyn) { $0.joined(with: $1.type) }
            let depth = elements.reduce(0) { max($0, $1.depth) }
            stack.removeLast(count)
            try push(.list(type), depth: depth + 1)
        case .map(let count): try map(count)
        case .not:
            try popBool("what '!' negates")
            try push(.bool)
        case .negate:
            let entry = pop()
            guard entry.type.fits(.int) || entry.type.fits(.double) else {
                throw .type("'-' does not take \(entry.type): expected int or double")
            }
            try push(entry.type)
        case .binary(let operation):
            let (right, left) = (pop(), pop())
            guard let type = operation.type(left.type, right.type) else {
                throw operation.mismatch(left.type.description, right.type.description)
            }
            try push(type, depth: max(left.depth, right.depth))
        case .call(let function, let count): try call(function, count, at)
        case .match: break
        case .logic(let isAnd, _):
            try popBool("the left side of '\(isAnd ? "&&" : "||")'")
            heights[at] = stack.count
        case .logicEnd(let isAnd, _):
            try popBool("the right side of '\(isAnd ? "&&" : "||")'")
            try push(.bool)
        case .branch: try popBool("the condition before '?'")
        case .jump: branches.append(pop())
        case .join:
            let (second, first) = (pop(), branches.popLast() ?? Entry(type: .dyn))
            guard first.type.fits(second.type) else {
                throw .type("the values of a ternary are \(first.type) and \(second.type): expected one type")
            }
            try push(first.type.joined(with: second.type), depth: max(first.depth, second.depth))
        case .loop(let index): try loop(program.loops[index], at)
        case .loopCondition: try popBool("the condition of a macro")
        case .next(let index): try next(program.loops[index])
        }
    }

    /// The levels that the expression has put around what is in a value.
    private func inner(_ entry: Entry) -> Int { max(0, entry.depth - 1) }

    private func typeOfConstant(_ index: Int) -> CELType {
        switch program.constants[index] {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type
        case .list, .map: .dyn
        }
    }

    // MARK: selections

    /// Makes the chain of a value longer by a name; nil when there is none.
    private mutating func extend(_ chain: Program.Chain?, by name: String) -> Program.Chain? {
        guard let chain else { return nil }
        program.references[chain.reference].path.append(name)
        return .init(reference: chain.reference, length: chain.length + 1)
    }

    private mutating func select(_ name: String, _ at: Int, isTest: Bool) throws(Failure) {
        let operand = pop()
        let type = try field(name, of: operand.type, isTest: isTest)
        try push(isTest ? .bool : type, depth: isTest ? 0 : inner(operand))
        let chain = extend(operand.chain, by: name)
        program.chains[at] = chain
        if isTest, let chain {
            program.references[chain.reference].isTest = true
        } else {
            stack[stack.count - 1].chain = chain
        }
    }

    /// The type of a field.
    private func field(_ name: String, of type: CELType, isTest: Bool) throws(Failure) -> CELType {
        switch type {
        case .dyn: return .dyn
        case .map(let key, let value):
            guard key.fits(.string) else { throw .type("the keys of the map are \(key): expected string") }
            return value
        case .object(let fields, let isOpen):
            if let known = fields[name] { return known }
            guard !isOpen, !isTest else { return .dyn }
            let names = fields.keys.sorted()
            let expected = names.isEmpty ? "there are none" : "expected \(listed(names))"
            var message = "there is no field \(excerpt(name)): \(expected)"
            if let near = nearest(to: name, among: names) { message += "; did you mean '\(near)'?" }
            throw .type(message)
        default: throw .type("\(excerpt(name)) is no field of \(type): expected a map before it")
        }
    }

    private mutating func index(_ at: Int) throws(Failure) {
        let (key, operand) = (pop(), pop())
        program.chains[at] = operand.chain
        if let constant = key.constant, case .string(let name) = program.constants[constant] {
            // Of a list this is a mistake, found below or when it runs.
            if case .list = operand.type {
                throw .type("a list has no index \(excerpt(name)): expected int")
            }
            let type = try field(name, of: operand.type, isTest: false)
            try push(type, depth: inner(operand))
            let chain = extend(operand.chain, by: name)
            program.chains[at] = chain
            stack[stack.count - 1].chain = chain
            return
        }
        switch operand.type {
        case .dyn: try push(.dyn, depth: inner(operand))
        case .list(let element):
            guard key.type == .dyn || key.type.isNumber else {
                throw .type("a list has no index of type \(key.type): expected int")
            }
            try push(element, depth: inner(operand))
        case .map(let keyType, let value):
            guard key.type.fits(keyType) || key.type.isNumber && keyType.isNumber else {
                throw .type("the map has no key of type \(key.type): expected \(keyType)")
            }
            try push(value, depth: inner(operand))
        case .object:
            guard key.type.fits(.string) else {
                throw .type("the object has no key of type \(key.type): expected string")
            }
            try push(.dyn, depth: inner(operand))
        default: throw .type("\(operand.type) has no elements: expected a list or a map before '['")
        }
    }

    private mutating func map(_ count: Int) throws(Failure) {
        let entries = Array(stack.suffix(2 * count))
        stack.removeLast(2 * count)
        var (keyType, valueType): (CELType?, CELType?)
        for index in stride(from: 0, to: 2 * count, by: 2) {
            let key = entries[index].type
            guard [.bool, .int, .uint, .string].contains(where: { key.fits($0) }) else {
                throw .type("\(key) is no key of a map: expected bool, int, uint or string")
            }
            keyType = keyType?.joined(with: key) ?? key
            valueType = valueType?.joined(with: entries[index + 1].type) ?? entries[index + 1].type
        }
        let depth = entries.reduce(0) { max($0, $1.depth) }
        try push(.map(keyType ?? .dyn, valueType ?? .dyn), depth: depth + 1)
    }

    // MARK: calls

    private mutating func call(_ function: Function, _ count: Int, _ at: Int) throws(Failure) {
        let arguments = Array(stack.suffix(count))
        stack.removeLast(count)
        if isStrict || function == .dyn || function == .type {
            // How it was written is known to be right; only the types are left.
            let overloads = function.overloads
            var result: CELType?
            for overload in overloads
            where overload.parameters.count == count
                && zip(overload.parameters, arguments).allSatisfy({ $0.fits($1.type) })
            {
                result = result?.joined(with: overload.result) ?? overload.result
            }
            guard let result else { throw function.mismatch(arguments.map(\.type.description)) }
            try push(result, depth: function == .dyn ? arguments.first?.depth ?? 0 : 0)
        } else {
            try push(.dyn)
        }
        if function == .matches, let constant = arguments.last?.constant,
            case .string(let text) = program.constants[constant]
        {
            program.patterns.append(try compile(text))
            program.instructions[at] = .match(program.patterns.count - 1)
        }
    }

    // MARK: comprehensions

    private mutating func loop(_ loop: Program.Loop, _ at: Int) throws(Failure) {
        let range = pop()
        var (key, value): (CELType, CELType)
        switch range.type {
        case .dyn: (key, value) = (.dyn, .dyn)
        case .list(let element): (key, value) = (.int, element)
        case .map(let keyType, let valueType): (key, value) = (keyType, valueType)
        case .object(let fields, let isOpen):
            let values = Set(fields.values)
            (key, value) = (.string, isOpen || values.count != 1 ? .dyn : values.first ?? .dyn)
        default:
            throw .type("\(loop.kind.rawValue)() does not take \(range.type): expected a list or a map before it")
        }
        if !loop.hasTwoVariables {
            if case .list = range.type { key = value }
        }
        if !isStrict { (key, value) = (.dyn, .dyn) }
        locals[loop.slot] = Entry(type: key, depth: inner(range))
        if loop.hasTwoVariables { locals[loop.slot + 1] = Entry(type: value, depth: inner(range)) }
        ranges.append(range)
        heights[at] = stack.count
    }

    private mutating func next(_ loop: Program.Loop) throws(Failure) {
        let range = ranges.popLast() ?? Entry(type: .dyn)
        switch loop.kind {
        case .all, .exists, .existsOne:
            try popBool("the condition of \(loop.kind.rawValue)()")
            try push(.bool)
        case .filter:
            try popBool("the condition of filter()")
            // Of a map, its keys are filtered.
            if case .list = range.type {
                try push(range.type, depth: range.depth)
            } else {
                try push(.list(locals[loop.slot].type), depth: max(1, range.depth))
            }
        case .map, .transformList:
            let value = pop()
            try push(.list(value.type), depth: value.depth + 1)
        case .transformMap:
            let value = pop()
            try push(.map(locals[loop.slot].type, value.type), depth: value.depth + 1)
        case .transformMapEntry:
            let entry = pop()
            guard entry.type.fits(.map(.dyn, .dyn)) else {
                throw .type("transformMapEntry() makes \(entry.type): expected a map of one entry")
            }
            try push(entry.type, depth: entry.depth)
        }
    }
}

extension BinaryOperator {
    /// The type of the result; nil when the types cannot match.
    func type(_ left: CELType, _ right: CELType) -> CELType? {
        switch self {
        case .equal, .notEqual: return left.fits(right) ? .bool : nil
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            let ordered: [CELType] = [.dyn, .bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration]
            guard ordered.contains(left), ordered.contains(right) else { return nil }
            return left.fits(right) || left.isNumber && right.isNumber ? .bool : nil
        case .in:
            switch right {
            case .dyn: return .bool
            case .list(let element): return left.fits(element) ? .bool : nil
            case .map(let key, _): return left.fits(key) || left.isNumber && key.isNumber ? .bool : nil
            case .object: return left.fits(.string) ? .bool : nil
            default: return nil
            }
        case .add, .subtract: return sum(left, right)
        case .multiply, .divide, .modulo:
            guard left.fits(right) else { return nil }
            let known = left == .dyn ? right : left
            return known == .dyn || known.isNumber && (self != .modulo || known != .double) ? known : nil
        }
    }

    private func sum(_ left: CELType, _ right: CELType) -> CELType? {
        switch (left, right) {
        case (.dyn, .dyn): return .dyn
        case (.timestamp, .timestamp): return self == .subtract ? .duration : nil
        case (.timestamp, .duration): return .timestamp
        case (.duration, .timestamp): return self == .add ? .timestamp : nil
        case (.timestamp, .dyn): return self == .add ? .timestamp : .dyn
        case (.dyn, .timestamp): return self == .add ? .timestamp : .duration
        case (.duration, .dyn): return self == .add ? .dyn : .duration
        case (.dyn, .duration): return .dyn
        default:
            guard left.fits(right) else { return nil }
            let known = left == .dyn ? right : left
            switch known {
            case .int, .uint, .double, .duration: return known
            case .string, .bytes: return self == .add ? known : nil
            case .list: return self == .add ? left.joined(with: right == .dyn ? left : right) : nil
            default: return nil
            }
        }
    }
}
