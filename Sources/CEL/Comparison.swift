// Equality and order. Numbers of different types are compared by what they are worth.

/// CEL's `==`: false for values of different types, but for numbers. Walks lists and maps without recursion.
func areEqual(_ left: CELValue, _ right: CELValue, _ meter: inout Meter) throws(Failure) -> Bool {
    if let answer = try equality(left, right, &meter) { return answer }
    var open = [(left, right)]
    while let (left, right) = open.popLast() {
        if let answer = try equality(left, right, &meter) {
            if answer { continue } else { return false }
        }
        switch (left, right) {
        case (.list(let left), .list(let right)):
            guard left.count == right.count else { return false }
            try meter.charge(left.count)
            for index in stride(from: left.count - 1, through: 0, by: -1) { open.append((left[index], right[index])) }
        case (.map(let left), .map(let right)):
            guard left.count == right.count else { return false }
            try meter.charge(left.count)
            for position in 0..<left.count {
                let (key, value) = left.entry(at: position)
                if case .string(let text) = key { try meter.charge(bytes: text.utf8.count) }
                guard let other = right[key] else { return false }
                open.append((value, other))
            }
        default: return false
        }
    }
    return true
}

/// Whether two values are equal; nil for two lists or two maps, which have to be walked.
private func equality(_ left: CELValue, _ right: CELValue, _ meter: inout Meter) throws(Failure) -> Bool? {
    switch (left, right) {
    case (.null, .null): return true
    case (.bool(let left), .bool(let right)): return left == right
    case (.string(let left), .string(let right)):
        guard left.utf8.count == right.utf8.count else { return false }
        try meter.charge(bytes: left.utf8.count)
        return isSameText(left, right)
    case (.bytes(let left), .bytes(let right)):
        try meter.charge(bytes: min(left.count, right.count))
        return left == right
    case (.timestamp(let left), .timestamp(let right)): return left == right
    case (.duration(let left), .duration(let right)): return left == right
    case (.type(let left), .type(let right)): return left == right
    case (.list, .list), (.map, .map): return nil
    default: return order(left, right).map { $0 == .same } ?? false
    }
}

/// How one number stands to another.
private enum Order { case less, same, greater, unordered }

/// Nil when one of them is no number.
private func order(_ left: CELValue, _ right: CELValue) -> Order? {
    func between<Number: Comparable>(_ left: Number, _ right: Number) -> Order {
        left < right ? .less : left == right ? .same : .greater
    }
    func reversed(_ order: Order) -> Order { order == .less ? .greater : order == .greater ? .less : order }
    /// An integer with a double: as doubles, as the specification's tests have it.
    func rounded(_ integer: some BinaryInteger, _ double: Double) -> Order {
        double.isNaN ? .unordered : between(Double(integer), double)
    }
    switch (left, right) {
    case (.int(let left), .int(let right)): return between(left, right)
    case (.uint(let left), .uint(let right)): return between(left, right)
    case (.double(let left), .double(let right)):
        return left.isNaN || right.isNaN ? .unordered : between(left, right)
    case (.int(let left), .uint(let right)): return left < 0 ? .less : between(UInt64(left), right)
    case (.uint(let left), .int(let right)): return right < 0 ? .greater : between(left, UInt64(right))
    case (.int(let left), .double(let right)): return rounded(left, right)
    case (.uint(let left), .double(let right)): return rounded(left, right)
    case (.double(let left), .int(let right)): return reversed(rounded(right, left))
    case (.double(let left), .uint(let right)): return reversed(rounded(right, left))
    default: return nil
    }
}

/// `<`, `<=`, `>` and `>=`. Nothing is in order with a number that is none.
func isOrdered(
    _ operation: BinaryOperator, _ left: CELValue, _ right: CELValue, _ meter: inout Meter
) throws(Failure) -> Bool {
    func answer<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
        switch operation {
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        default: left >= right
        }
    }
    func answer(_ order: Order) -> Bool {
        switch operation {
        case .less: order == .less
        case .lessOrEqual: order == .less || order == .same
        case .greater: order == .greater
        default: order == .greater || order == .same
        }
    }
    func order(bytes left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Order {
        if left.lexicographicallyPrecedes(right) { return .less }
        return right.lexicographicallyPrecedes(left) ? .greater : .same
    }
    switch (left, right) {
    case (.bool(let left), .bool(let right)): return answer(left ? 1 : 0, right ? 1 : 0)
    case (.string(let left), .string(let right)):
        // The order of the bytes of UTF-8 is the one of the characters.
        try meter.charge(bytes: 2 * min(left.utf8.count, right.utf8.count))
        return answer(order(bytes: left.utf8, right.utf8))
    case (.bytes(let left), .bytes(let right)):
        try meter.charge(bytes: 2 * min(left.count, right.count))
        return answer(order(bytes: left, right))
    case (.timestamp(let left), .timestamp(let right)): return answer(left, right)
    case (.duration(let left), .duration(let right)): return answer(left, right)
    default:
        guard let order = CEL.order(left, right) else { throw operation.mismatch(left.kindName, right.kindName) }
        return answer(order)
    }
}

/// `in`: whether a list has an equal element, or a map the key.
func isIn(_ value: CELValue, _ container: CELValue, _ meter: inout Meter) throws(Failure) -> Bool {
    switch container {
    case .list(let list):
        for index in 0..<list.count {
            try meter.charge(1)
            if try areEqual(value, list[index], &meter) { return true }
        }
        return false
    case .map(let map):
        if case .string(let text) = value { try meter.charge(bytes: text.utf8.count) }
        return CELKey(lookup: value).map(map.contains) ?? false
    default: throw BinaryOperator.in.mismatch(value.kindName, container.kindName)
    }
}
