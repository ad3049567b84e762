/// The value of an operator with two sides. Throws where CEL has none: other types, overflow, a division by zero.
func apply(
    _ operation: BinaryOperator, _ left: CELValue, _ right: CELValue, _ meter: inout Meter
) throws(Failure) -> CELValue {
    switch operation {
    case .equal: return .bool(try areEqual(left, right, &meter))
    case .notEqual: return .bool(!(try areEqual(left, right, &meter)))
    case .less, .lessOrEqual, .greater, .greaterOrEqual:
        return .bool(try isOrdered(operation, left, right, &meter))
    case .in: return .bool(try isIn(left, right, &meter))
    case .add, .subtract, .multiply, .divide, .modulo: break
    }
    switch (left, right) {
    case (.int(let left), .int(let right)): return .int(try integer(operation, left, right))
    case (.uint(let left), .uint(let right)): return .uint(try integer(operation, left, right))
    case (.double(let left), .double(let right)):
        switch operation {
        case .add: return .double(left + right)
        case .subtract: return .double(left - right)
        case .multiply: return .double(left * right)
        case .divide: return .double(left / right)
        default: break
        }
    case (.string(let left), .string(let right)) where operation == .add:
        try meter.charge(bytes: left.utf8.count + right.utf8.count)
        return .string(left + right)
    case (.bytes(let left), .bytes(let right)) where operation == .add:
        try meter.charge(bytes: left.count + right.count)
        return .bytes(left + right)
    case (.list(let left), .list(let right)) where operation == .add:
        try meter.charge(left.count + right.count)
        return .list(left.appending(right))
    case (.timestamp, _), (.duration, _): if let value = try time(operation, left, right) { return value }
    default: break
    }
    throw operation.mismatch(left.kindName, right.kindName)
}

private func integer<Number: FixedWidthInteger>(
    _ operation: BinaryOperator, _ left: Number, _ right: Number
) throws(Failure) -> Number {
    let (value, overflow): (Number, Bool)
    switch operation {
    case .add: (value, overflow) = left.addingReportingOverflow(right)
    case .subtract: (value, overflow) = left.subtractingReportingOverflow(right)
    case .multiply: (value, overflow) = left.multipliedReportingOverflow(by: right)
    case .divide:
        guard right != 0 else { throw .evaluation("\(left) is divided by zero") }
        (value, overflow) = left.dividedReportingOverflow(by: right)
    default:
        guard right != 0 else { throw .evaluation("\(left) is divided by zero") }
        (value, overflow) = left.remainderReportingOverflow(dividingBy: right)
    }
    guard !overflow else {
        throw .evaluation(
            "\(left) \(operation.rawValue) \(right) is out of the range of \(Number.min) to \(Number.max)")
    }
    return value
}

/// The value of `-`.
func negated(_ value: CELValue) throws(Failure) -> CELValue {
    switch value {
    case .int(let number):
        guard number != .min else { throw .evaluation("-(\(number)) is out of the range of int") }
        return .int(-number)
    case .double(let number): return .double(-number)
    default: throw .type("'-' does not take \(value.kindName): expected int or double")
    }
}

private func time(_ operation: BinaryOperator, _ left: CELValue, _ right: CELValue) throws(Failure) -> CELValue? {
    let isAdd = operation == .add
    guard isAdd || operation == .subtract else { return nil }
    switch (left, right) {
    case (.timestamp(let time), .duration(let span)): return .timestamp(try moved(time, by: span, isAdd ? 1 : -1))
    case (.duration(let span), .timestamp(let time)) where isAdd: return .timestamp(try moved(time, by: span, 1))
    case (.timestamp(let left), .timestamp(let right)) where !isAdd:
        let (whole, overflow) = (left.seconds - right.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowOfSum) = whole.addingReportingOverflow(Int64(left.nanoseconds - right.nanoseconds))
        guard !overflow, !overflowOfSum else {
            throw .evaluation("\(left) - \(right) is out of the range of a duration, some 292 years")
        }
        return .duration(CELDuration(nanoseconds: sum))
    case (.duration(let left), .duration(let right)):
        let (sum, overflow) =
            isAdd
            ? left.nanoseconds.addingReportingOverflow(right.nanoseconds)
            : left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        guard !overflow else {
            throw .evaluation(
                "\(left) \(operation.rawValue) \(right) is out of the range of a duration, some 292 years")
        }
        return .duration(CELDuration(nanoseconds: sum))
    default: return nil
    }
}

private func moved(_ time: CELTimestamp, by span: CELDuration, _ sign: Int64) throws(Failure) -> CELTimestamp {
    var seconds = time.seconds + sign * (span.nanoseconds / 1_000_000_000)
    var nanoseconds = Int64(time.nanoseconds) + sign * (span.nanoseconds % 1_000_000_000)
    if nanoseconds < 0 {
        nanoseconds += 1_000_000_000
        seconds -= 1
    } else if nanoseconds >= 1_000_000_000 {
        nanoseconds -= 1_000_000_000
        seconds += 1
    }
    guard let result = CELTimestamp(seconds: seconds, nanoseconds: Int32(nanoseconds)) else {
        throw .evaluation("\(time) \(sign > 0 ? "+" : "-") \(span) is out of the range of the years 1 to 9999")
    }
    return result
}
