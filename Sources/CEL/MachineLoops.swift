// Comprehensions: one state each, no recursion.

extension Machine {
    /// Begins a comprehension over the value on the stack. With nothing to go over, `at` is left at its end.
    mutating func begin(_ loop: Program.Loop, _ at: inout Int) throws(Failure) {
        let range = pop()
        let count: Int
        switch range {
        case .list(let list): count = list.count
        case .map(let map): count = map.count
        default:
            throw .type("\(loop.kind.rawValue)() does not take \(range.kindName): expected a list or a map before it")
        }
        loops.append(LoopState(range: range, count: count))
        if count == 0 {
            at = loop.next
            try finish(loop)
        } else {
            bind(loop)
        }
    }

    /// Sets the variables to the present element.
    private mutating func bind(_ loop: Program.Loop) {
        let position = loops[loops.count - 1].position
        switch loops[loops.count - 1].range {
        case .list(let list):
            let element = list[position]
            if loop.hasTwoVariables {
                locals[loop.slot] = .int(Int64(position))
                locals[loop.slot + 1] = element
            } else {
                locals[loop.slot] = element
            }
        case .map(let map):
            let entry = map.entry(at: position)
            locals[loop.slot] = entry.key.value
            if loop.hasTwoVariables { locals[loop.slot + 1] = entry.value }
        default: break
        }
    }

    /// Goes to the next element: leaves `at` before the body, or at the end of the comprehension.
    mutating func advance(_ loop: Program.Loop, _ at: inout Int) throws(Failure) {
        let last = loops.count - 1
        loops[last].position += 1
        if loops[last].position < loops[last].count {
            try meter.charge(1)
            bind(loop)
            at = loop.body - 1
        } else {
            at = loop.next
            try finish(loop)
        }
    }

    /// Takes the value of the body for one element.
    mutating func next(_ loop: Program.Loop, _ at: inout Int) throws(Failure) {
        let value = pop()
        let last = loops.count - 1
        switch loop.kind {
        case .all, .exists, .existsOne, .filter:
            guard case .bool(let holds) = value else {
                var failure = Failure.type(
                    "the condition of \(loop.kind.rawValue)() is \(value.kindName): expected bool")
                guard loop.kind == .all || loop.kind == .exists else { throw failure }
                failure.offset = Int(program.offsets[at])
                if loops[last].failure == nil { loops[last].failure = failure }
                break
            }
            switch loop.kind {
            case .all, .exists:
                if holds == (loop.kind == .exists) {
                    loops.removeLast()
                    stack.append(.bool(holds))
                    at = loop.next
                    return
                }
            case .existsOne: if holds { loops[last].matches += 1 }
            default:
                // One variable: the element, or the key of a map.
                if holds { loops[last].list.append(locals[loop.slot]) }
            }
        case .map, .transformList: loops[last].list.append(value)
        case .transformMap: try insert(locals[loop.slot], value)
        case .transformMapEntry:
            guard case .map(let map) = value, map.count == 1 else {
                throw .type("transformMapEntry() makes no map of one entry")
            }
            let entry = map.entry(at: 0)
            try insert(entry.key.value, entry.value)
        }
        try advance(loop, &at)
    }

    private mutating func insert(_ key: CELValue, _ value: CELValue) throws(Failure) {
        // Taken out meanwhile, so that it is not copied.
        let last = loops.count - 1
        var builder = MapBuilder()
        swap(&builder, &loops[last].map)
        try insert(key, value, into: &builder)
        swap(&builder, &loops[last].map)
    }

    /// Pushes the value of a comprehension that has seen all elements.
    private mutating func finish(_ loop: Program.Loop) throws(Failure) {
        guard let state = loops.popLast() else { return }
        switch loop.kind {
        case .all, .exists:
            if let failure = state.failure { throw failure }
            stack.append(.bool(loop.kind == .all))
        case .existsOne: stack.append(.bool(state.matches == 1))
        case .filter, .map, .transformList: stack.append(.list(CELList(state.list)))
        case .transformMap, .transformMapEntry: stack.append(.map(state.map.map))
        }
    }
}
