/// The functions of the language. Some are also written behind their first argument, some only there.
enum Function: String, Sendable, CaseIterable {
    case size, int, uint, double, string, bytes, bool, timestamp, duration, dyn, type
    case contains, startsWith, endsWith, matches
    case getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours, getMilliseconds, getMinutes
    case getMonth, getSeconds

    /// One way to call a function.
    struct Overload {
        /// Whether the first parameter stands before the dot.
        var isMember: Bool
        var parameters: [CELType]
        var result: CELType
    }

    private static let anyList = CELType.list(.dyn)
    private static let anyMap = CELType.map(.dyn, .dyn)

    /// The ways to call it.
    var overloads: [Overload] {
        func globals(_ types: CELType..., to result: CELType) -> [Overload] {
            types.map { Overload(isMember: false, parameters: [$0], result: result) }
        }
        switch self {
        case .size:
            return [CELType.string, .bytes, Self.anyList, Self.anyMap].flatMap { type in
                [false, true].map { Overload(isMember: $0, parameters: [type], result: .int) }
            }
        case .int: return globals(.int, .uint, .double, .string, .timestamp, to: .int)
        case .uint: return globals(.int, .uint, .double, .string, to: .uint)
        case .double: return globals(.int, .uint, .double, .string, to: .double)
        case .string:
            return globals(.bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration, to: .string)
        case .bytes: return globals(.bytes, .string, to: .bytes)
        case .bool: return globals(.bool, .string, to: .bool)
        case .timestamp: return globals(.timestamp, .string, .int, to: .timestamp)
        case .duration: return globals(.duration, .string, to: .duration)
        case .dyn: return globals(.dyn, to: .dyn)
        case .type: return globals(.dyn, to: .type)
        case .contains, .startsWith, .endsWith:
            return [Overload(isMember: true, parameters: [.string, .string], result: .bool)]
        case .matches:
            return [true, false].map { Overload(isMember: $0, parameters: [.string, .string], result: .bool) }
        default:
            let ofTime = [
                Overload(isMember: true, parameters: [.timestamp], result: .int),
                Overload(isMember: true, parameters: [.timestamp, .string], result: .int),
            ]
            switch self {
            case .getHours, .getMilliseconds, .getMinutes, .getSeconds:
                return ofTime + [Overload(isMember: true, parameters: [.duration], result: .int)]
            default: return ofTime
            }
        }
    }

    /// The type of a call, or why it cannot be.
    func check(isMember: Bool, _ arguments: [CELType]) throws(Failure) -> CELType {
        let styled = overloads.filter { $0.isMember == isMember }
        guard !styled.isEmpty else {
            throw .type(
                isMember
                    ? "\(rawValue)() is no method: expected \(rawValue)(…)"
                    : "\(rawValue)() is a method: expected it behind a value and a dot, as in x.\(rawValue)(…)")
        }
        let counted = styled.filter { $0.parameters.count == arguments.count }
        let hidden = isMember ? 1 : 0
        guard !counted.isEmpty else {
            let counts = Set(styled.map { $0.parameters.count - hidden }).sorted().map { String($0) }
            let found = arguments.count - hidden
            throw .type(
                "\(rawValue)() has \(found) argument\(found == 1 ? "" : "s"): expected "
                    + counts.joined(separator: " or "))
        }
        var result: CELType?
        for overload in counted where zip(overload.parameters, arguments).allSatisfy({ $0.fits($1) }) {
            result = result?.joined(with: overload.result) ?? overload.result
        }
        guard let result else { throw mismatch(arguments.map(\.description)) }
        return result
    }

    /// That the arguments have other types than it takes.
    func mismatch(_ found: [String]) -> Failure {
        var expected: [String] = []
        for overload in overloads where overload.parameters.count == found.count {
            let text = overload.parameters.map(\.description).joined(separator: ", ")
            if !expected.contains(text) { expected.append(text) }
        }
        let separator = found.count == 1 ? ", " : "; "
        return .type(
            "\(rawValue)() does not take \(found.joined(separator: " and ")): expected "
                + "\(expected.count > 1 ? "one of " : "")\(expected.joined(separator: separator))")
    }
}
