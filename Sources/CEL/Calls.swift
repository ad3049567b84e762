internal import KubernetesSchema

/// The value of a function. Throws where CEL has none. The number of arguments is known to be right.
func call(_ function: Function, _ arguments: [CELValue], _ meter: inout Meter) throws(Failure) -> CELValue {
    let first = arguments[0]
    switch function {
    case .dyn: return first
    case .type: return .type(first.typeName)
    case .size: return .int(Int64(try size(first, &meter)))
    case .int: return .int(try int(first))
    case .uint: return .uint(try uint(first))
    case .double: return .double(try double(first))
    case .string: return .string(try string(first, &meter))
    case .bytes:
        switch first {
        case .bytes: return first
        case .string(let text):
            try meter.charge(bytes: text.utf8.count)
            return .bytes(Array(text.utf8))
        default: throw function.mismatch([first.kindName])
        }
    case .bool:
        switch first {
        case .bool: return first
        case .string("1"), .string("t"), .string("T"), .string("true"), .string("TRUE"), .string("True"):
            return .bool(true)
        case .string("0"), .string("f"), .string("F"), .string("false"), .string("FALSE"), .string("False"):
            return .bool(false)
        case .string(let text): throw .evaluation("\(excerpt(text)) is no bool: expected 'true' or 'false'")
        default: throw function.mismatch([first.kindName])
        }
    case .timestamp:
        switch first {
        case .timestamp: return first
        case .int(let seconds):
            guard let time = CELTimestamp(seconds: seconds) else {
                throw .evaluation("\(seconds) is out of the range of a timestamp: expected the years 1 to 9999")
            }
            return .timestamp(time)
        case .string(let text):
            guard text.utf8.count <= 128, let time = CELTimestamp(text) else {
                throw .evaluation(
                    "\(excerpt(text)) is no timestamp of the years 1 to 9999: expected one such as "
                        + "'2026-01-31T12:00:00Z'")
            }
            return .timestamp(time)
        default: throw function.mismatch([first.kindName])
        }
    case .duration:
        switch first {
        case .duration: return first
        case .string(let text):
            try meter.charge(bytes: text.utf8.count)
            return .duration(try CELDuration(parsing: text))
        default: throw function.mismatch([first.kindName])
        }
    case .contains, .startsWith, .endsWith, .matches:
        guard case .string(let text) = first, case .string(let part) = arguments[1] else {
            throw function.mismatch(arguments.map(\.kindName))
        }
        return .bool(try test(function, text, part, &meter))
    default: return .int(try accessor(function, arguments))
    }
}

private func test(
    _ function: Function, _ text: String, _ part: String, _ meter: inout Meter
) throws(Failure) -> Bool {
    switch function {
    case .contains:
        try meter.charge(bytes: text.utf8.count + 4 * part.utf8.count)
        return contains(text, part)
    case .startsWith:
        try meter.charge(bytes: part.utf8.count)
        return text.utf8.starts(with: part.utf8)
    case .endsWith:
        try meter.charge(bytes: part.utf8.count)
        let (length, tail) = (text.utf8.count, part.utf8.count)
        return length >= tail && text.utf8.dropFirst(length - tail).elementsEqual(part.utf8)
    default:
        // To compile it takes its length, then its size.
        try meter.charge(4 * part.utf8.count)
        let pattern = try compile(part)
        try meter.charge(pattern.size)
        return try matches(text, pattern, &meter)
    }
}

private func size(_ value: CELValue, _ meter: inout Meter) throws(Failure) -> Int {
    switch value {
    case .string(let text):
        try meter.charge(bytes: text.utf8.count)
        return text.unicodeScalars.count
    case .bytes(let bytes): return bytes.count
    case .list(let list): return list.count
    case .map(let map): return map.count
    default: throw Function.size.mismatch([value.kindName])
    }
}

// MARK: conversions

private func outOfRange(_ value: CELValue, of type: String) -> Failure {
    .evaluation("\(excerpt(value)) is out of the range of \(type)")
}

/// Digits with a sign, and nothing else.
private func isInteger(_ text: String) -> Bool {
    let digits =
        text.utf8.first == UInt8(ascii: "-") || text.utf8.first == UInt8(ascii: "+")
        ? text.utf8.dropFirst() : text.utf8[...]
    return !digits.isEmpty && digits.allSatisfy { (48...57).contains($0) }
}

private func int(_ value: CELValue) throws(Failure) -> Int64 {
    switch value {
    case .int(let number): return number
    case .uint(let number):
        guard let result = Int64(exactly: number) else { throw outOfRange(value, of: "int") }
        return result
    case .double(let number):
        // As in CEL elsewhere, -2^63 itself is refused: it may be what a smaller number was rounded to.
        guard let result = Int64(exactly: number.rounded(.towardZero)), result != .min else {
            throw outOfRange(value, of: "int")
        }
        return result
    case .string(let text):
        guard text.utf8.count <= 64, isInteger(text) else {
            throw .evaluation("\(excerpt(text)) is no integer: expected digits")
        }
        guard let result = Int64(text) else { throw outOfRange(value, of: "int") }
        return result
    case .timestamp(let time): return time.seconds
    default: throw Function.int.mismatch([value.kindName])
    }
}

private func uint(_ value: CELValue) throws(Failure) -> UInt64 {
    switch value {
    case .uint(let number): return number
    case .int(let number):
        guard let result = UInt64(exactly: number) else { throw outOfRange(value, of: "uint") }
        return result
    case .double(let number):
        guard number >= 0, let result = UInt64(exactly: number.rounded(.towardZero)) else {
            throw outOfRange(value, of: "uint")
        }
        return result
    case .string(let text):
        guard text.utf8.count <= 64, isInteger(text) else {
            throw .evaluation("\(excerpt(text)) is no unsigned integer: expected digits")
        }
        guard text.utf8.first != UInt8(ascii: "-"), let result = UInt64(text) else {
            throw outOfRange(value, of: "uint")
        }
        return result
    default: throw Function.uint.mismatch([value.kindName])
    }
}

private func double(_ value: CELValue) throws(Failure) -> Double {
    switch value {
    case .double(let number): return number
    case .int(let number): return Double(number)
    case .uint(let number): return Double(number)
    case .string(let text):
        guard text.utf8.count <= 1024, let result = Double(text) else {
            throw .evaluation("\(excerpt(text)) is no number: expected one such as '1.5'")
        }
        if result.isInfinite, text.utf8.contains(where: { (48...57).contains($0) }) {
            throw outOfRange(value, of: "double")
        }
        return result
    default: throw Function.double.mismatch([value.kindName])
    }
}

private func string(_ value: CELValue, _ meter: inout Meter) throws(Failure) -> String {
    switch value {
    case .string(let text): return text
    case .bool(let value): return String(value)
    case .int(let value): return String(value)
    case .uint(let value): return String(value)
    case .double(let value): return goText(of: value)
    case .timestamp(let time): return time.description
    case .duration(let span): return span.description
    case .bytes(let bytes):
        try meter.charge(bytes: bytes.count)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .evaluation("the bytes are no text: expected UTF-8")
        }
        return text
    default: throw Function.string.mismatch([value.kindName])
    }
}

// MARK: times

private func accessor(_ function: Function, _ arguments: [CELValue]) throws(Failure) -> Int64 {
    switch (arguments[0], arguments.count > 1 ? arguments[1] : nil) {
    case (.duration(let span), nil):
        switch function {
        case .getHours: return span.nanoseconds / 3_600_000_000_000
        case .getMinutes: return span.nanoseconds / 60_000_000_000
        case .getSeconds: return span.nanoseconds / 1_000_000_000
        case .getMilliseconds: return span.nanoseconds / 1_000_000 % 1000
        default: break
        }
    case (.timestamp(let time), nil): return part(function, of: time, 0)
    case (.timestamp(let time), .string(let zone)?): return part(function, of: time, try zoneOffset(zone))
    default: break
    }
    throw function.mismatch(arguments.map(\.kindName))
}

private func part(_ function: Function, of time: CELTimestamp, _ offset: Int64) -> Int64 {
    let date = CivilTime(seconds: time.seconds + offset)
    switch function {
    case .getFullYear: return date.year
    case .getMonth: return date.month - 1
    case .getDate: return date.day
    case .getDayOfMonth: return date.day - 1
    case .getDayOfWeek: return date.dayOfWeek
    case .getDayOfYear: return date.dayOfYear
    case .getHours: return date.hour
    case .getMinutes: return date.minute
    case .getMilliseconds: return Int64(time.nanoseconds / 1_000_000)
    default: return date.second
    }
}
