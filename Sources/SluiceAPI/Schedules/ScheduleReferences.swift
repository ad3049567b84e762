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
        let seconds = time.seconds + offset
        let number = seconds.floorDivided(by: 86_400)
        let ofDay = seconds - number * 86_400
        let (year, month, day) = Timestamp.civil(fromDay: number)
        let clock = (hour: ofDay / 3600, minute: ofDay / 60 % 60, second: ofDay % 60)
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
            case "Y": result += "\(year)"
            case "y": result += two(((year % 100) + 100) % 100)
            case "m": result += two(month)
            case "d": result += two(day)
            case "H": result += two(clock.hour)
            case "M": result += two(clock.minute)
            case "S": result += two(clock.second)
            case "j": result += three(number - Timestamp.day(year: year, month: 1, day: 1) + 1)
            case "F": result += "\(year)-\(two(month))-\(two(day))"
            case "T": result += "\(two(clock.hour)):\(two(clock.minute)):\(two(clock.second))"
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
