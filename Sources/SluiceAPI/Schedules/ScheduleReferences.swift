public import CronSchedule
public import JSON
public import KubernetesModel

/// Fills in what a template refers to of its schedule: `$(schedule.time)` (RFC 3339 in UTC), `$(schedule.time:%Y-%m-%d)` (in the
/// schedule's zone, by the conversions of strftime), `$(schedule.index)` and `$(schedule.name)`.
///
/// A string that is one reference to the index becomes a number. `$$(schedule.time)` and every other `$(...)` stay as they are.
public struct ScheduleReferences: Sendable {
    private let time: Timestamp
    private let zone: ZoneRules
    private let index: Int
    private let name: String

    /// The values for one slot.
    public init(time: Timestamp, zone: ZoneRules, index: Int, name: String) {
        self.time = time
        self.zone = zone
        self.index = index
        self.name = name
    }

    /// The value with the references of all its strings filled in; names of fields are left. What is wrong with a reference is told,
    /// and leaves it as it is.
    public func fill(_ value: JSONValue, onProblem: (String) -> Void = { _ in }) -> JSONValue {
        switch value {
        case .string(let text): return fill(text, onProblem)
        case .array(let elements): return .array(elements.map { fill($0, onProblem: onProblem) })
        case .object(let fields):
            return .object(JSONObject(fields.map { ($0.key, fill($0.value, onProblem: onProblem)) }))
        default: return value
        }
    }

    private func fill(_ text: String, _ onProblem: (String) -> Void) -> JSONValue {
        guard text.contains("$(schedule.") else { return .string(text) }
        if text == "$(schedule.index)" { return .int(Int64(index)) }
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "$(schedule.") {
            result += rest[..<start.lowerBound]
            let isEscaped = result.last == "$"
            guard !isEscaped, let end = rest[start.upperBound...].firstIndex(of: ")") else {
                result += rest[start]
                rest = rest[start.upperBound...]
                continue
            }
            let reference = rest[start.upperBound..<end]
            if let value = self.value(of: reference) {
                result += value
            } else {
                onProblem(
                    "$(schedule.\(reference)) is not a valid reference: there are schedule.time, schedule.time:FORMAT, "
                        + "schedule.index and schedule.name")
                result += rest[start.lowerBound...end]
            }
            rest = rest[rest.index(after: end)...]
        }
        return .string(result + rest)
    }

    private func value(of reference: Substring) -> String? {
        switch reference {
        case "time": return time.wholeSecond.rfc3339
        case "index": return "\(index)"
        case "name": return name
        default:
            guard reference.hasPrefix("time:") else { return nil }
            return formatted(reference.dropFirst("time:".count))
        }
    }

    /// By the conversions of strftime that give the same everywhere; nil for any other.
    private func formatted(_ format: Substring) -> String? {
        let offset = zone.offset(at: time)
        let local = CivilTime(seconds: time.seconds + offset)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        func three(_ number: Int64) -> String {
            number < 10 ? "00\(number)" : number < 100 ? "0\(number)" : "\(number)"
        }
        var result = ""
        var characters = format.makeIterator()
        while let character = characters.next() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            switch characters.next() {
            case "Y": result += "\(local.year)"
            case "y": result += two(((local.year % 100) + 100) % 100)
            case "m": result += two(local.month)
            case "d": result += two(local.day)
            case "H": result += two(local.hour)
            case "M": result += two(local.minute)
            case "S": result += two(local.second)
            case "j": result += three(local.dayOfYear)
            case "F": result += "\(local.year)-\(two(local.month))-\(two(local.day))"
            case "T": result += "\(two(local.hour)):\(two(local.minute)):\(two(local.second))"
            case "s": result += "\(time.seconds)"
            case "z":
                let minutes = abs(offset) / 60
                result += (offset < 0 ? "-" : "+") + two(minutes / 60) + two(minutes % 60)
            case "Z": result += zone.name
            case "%": result += "%"
            default: return nil
            }
        }
        return result
    }
}

/// The fields of a local time in the Gregorian calendar.
private struct CivilTime {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64
    var minute: Int64
    var second: Int64
    var dayOfYear: Int64

    /// From seconds since 1970 of the local clock.
    init(seconds: Int64) {
        let days = seconds.flooredQuotient(86_400)
        let time = seconds - days * 86_400
        hour = time / 3600
        minute = time / 60 % 60
        second = time % 60
        // Days since 0000-03-01, in eras of 400 years: leap days come last.
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfShiftedYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfShiftedYear + 2) / 153
        day = dayOfShiftedYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        dayOfYear = month > 2 ? dayOfShiftedYear + (isLeap ? 61 : 60) : dayOfShiftedYear - 305
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
