import JSON
import SluiceAPI

/// How a calm scenario must end, worked out from the rules and the fates alone: E1, E3, E5 (Continue), E6, E7, E9, E10, E11.
struct Oracle {
    let scenario: Scenario

    struct End: Equatable {
        var phase: TaskPhase
        var attempt = 0
        var failures = 0
        var disruptions = 0
        var reason = ""
    }

    /// What a reference cannot be had for.
    private enum Lack: Error { case missing, invalid }

    /// What the tasks of a scope can refer to.
    private struct Scope {
        var parameters: JSONObject
        var base = 0
        var phases: [String: TaskPhase] = [:]
        var results: [String: JSONObject] = [:]
        /// Tasks of no items: any result of theirs is an empty list.
        var empty: Set<String> = []
        /// Tasks that their own conditions skipped.
        var declined: Set<String> = []
        var hasFailed = false
        /// `$(run.phase)` for its `finally`.
        var outcome: RunPhase?
    }

    /// The end of every path.
    private(set) var ends: [String: End] = [:]
    private(set) var run = RunPhase.succeeded
    private(set) var results = JSONObject()
    /// The number of the next attempt of what has had some.
    private var next: [String: Int] = [:]

    init(scenario: Scenario) {
        self.scenario = scenario
        let scope = play(scenario.pipeline, "", scenario.parameters, base: 0)
        if scope.hasFailed { run = .failed }
        results = results(of: scenario.pipeline, scope)
    }

    // MARK: Scopes

    private mutating func play(_ pipeline: PipelineSpec, _ prefix: String, _ parameters: JSONObject, base: Int) -> Scope
    {
        for path in ends.keys where !prefix.isEmpty && path.hasPrefix(prefix) { ends[path] = nil }
        var scope = Scope(parameters: parameters, base: base)
        for task in pipeline.tasks + pipeline.finally {
            let path = prefix + task.name
            if scope.outcome == nil, pipeline.finally.contains(where: { $0.name == task.name }) {
                scope.outcome = scope.hasFailed ? .failed : .succeeded
            }
            let isMet = scenario.dependencies(of: task, in: pipeline).allSatisfy { dependency in
                let phase = scope.phases[dependency.task]
                let other = (pipeline.tasks + pipeline.finally).first { $0.name == dependency.task }
                return switch dependency.on {
                case .finished: true
                case .failed: phase == .failed
                case .succeeded: phase == .succeeded
                case .succeededOrSkipped:
                    phase == .succeeded || scope.declined.contains(dependency.task)
                        || (phase == .failed && other?.onFailure == .ignore)
                }
            }
            let first = next.filter { $0.key.isAtOrBelow(path) }.map(\.value).max() ?? 0
            var end = End(phase: .skipped, attempt: max(base, first), reason: "DependencyNotMet")
            if isMet, let refusal = refusal(task, scope, nil) {
                (end.phase, end.reason) = refusal
            } else if isMet {
                (end, scope.results[task.name]) =
                    task.forEach == nil
                    ? single(task, path, scope, nil, end.attempt) : each(task, path, scope, end.attempt)
            }
            note(end, path)
            if isMet, task.forEach != nil, end.phase == .succeeded, ends["\(path)[0]"] == nil {
                scope.empty.insert(task.name)
            }
            scope.phases[task.name] = end.phase
            if end.reason == "WhenFalse" { scope.declined.insert(task.name) }
            if end.phase == .failed, task.onFailure == .fail { scope.hasFailed = true }
        }
        return scope
    }

    private mutating func note(_ end: End, _ path: String) {
        ends[path] = end
        if end.phase != .skipped {
            next[path] = end.attempt + 1
        } else {
            next[path] = max(next[path] ?? 0, end.attempt)
        }
    }

    private func results(of pipeline: PipelineSpec, _ scope: Scope) -> JSONObject {
        var values = JSONObject()
        for result in pipeline.results {
            if let value = try? value(result.value, scope, nil) { values[result.name] = value }
        }
        return values
    }

    // MARK: Tasks

    private mutating func each(_ task: TaskSpec, _ path: String, _ scope: Scope, _ first: Int) -> (End, JSONObject) {
        guard let forEach = task.forEach else { return (End(phase: .failed), [:]) }
        func end(_ phase: TaskPhase, _ reason: String = "") -> End { End(phase: phase, attempt: first, reason: reason) }
        let items: JSONValue
        do { items = try value(forEach.items, scope, nil) } catch {
            return error as? Lack == .missing
                ? (end(.skipped, "MissingResult"), [:]) : (end(.failed, "InvalidReference"), [:])
        }
        guard let items = items.array else { return (end(.failed, "InvalidItems"), [:]) }
        var members: [(End, JSONObject)] = []
        for (index, item) in items.enumerated() {
            let member = single(task, "\(path)[\(index)]", scope, item, first)
            note(member.0, "\(path)[\(index)]")
            members.append(member)
        }
        let names = task.isPipeline ? scenario.pipeline(of: task)?.results.map(\.name) ?? [] : task.results
        let isThere =
            task.pipelineRef == nil
            || ends.keys.contains { $0.hasPrefix(path + "[") && $0.dropFirst(path.count).contains("/") }
        var results = JSONObject()
        for name in names where isThere { results[name] = .array(members.map { $0.1[name] ?? .null }) }
        if let failed = members.first(where: { $0.0.phase == .failed }) {
            return (end(.failed, failed.0.reason), results)
        }
        if let skipped = members.first, members.allSatisfy({ $0.0.phase == .skipped }) {
            return (end(.skipped, members.first { $0.0.reason != "WhenFalse" }?.0.reason ?? skipped.0.reason), results)
        }
        return (end(.succeeded), results)
    }

    private mutating func single(
        _ task: TaskSpec, _ path: String, _ scope: Scope, _ item: JSONValue?, _ first: Int
    ) -> (End, JSONObject) {
        if item != nil, let (phase, reason) = refusal(task, scope, item) {
            return (End(phase: phase, attempt: first, reason: reason), [:])
        }
        do {
            if task.isPipeline { return try pipeline(task, path, scope, item, first) }
            _ = try value(task.container ?? [:], scope, item)
            let end = end(of: task, path, first)
            return (end, end.phase == .succeeded ? written(task, path, end.attempt) : [:])
        } catch {
            let isMissing = error as? Lack == .missing
            return (
                End(
                    phase: isMissing ? .skipped : .failed, attempt: first,
                    reason: isMissing ? "MissingResult" : "InvalidReference"), [:]
            )
        }
    }

    private func written(_ task: TaskSpec, _ path: String, _ attempt: Int) -> JSONObject {
        task.results.isEmpty ? [:] : scenario.results(path, attempt: attempt)
    }

    private mutating func pipeline(
        _ task: TaskSpec, _ path: String, _ scope: Scope, _ item: JSONValue?, _ first: Int
    ) throws -> (End, JSONObject) {
        var end = End(phase: .failed, attempt: first)
        if let name = task.pipelineRef, scenario.libraries[name]?.arrives == nil {
            end.reason = "PipelineNotFound"
            return (end, [:])
        }
        guard let pipeline = scenario.pipeline(of: task) else { throw Lack.invalid }
        var parameters: JSONObject = ["list": pipeline.parameters.first?.defaultValue ?? []]
        if let list = task.parameters["list"] {
            parameters["list"] = try value(list, scope, item)
            guard parameters["list"]?.array != nil else {
                end.reason = "InvalidParameters"
                return (end, [:])
            }
        }
        while true {
            let inner = play(pipeline, path + "/", parameters, base: end.attempt)
            let results = results(of: pipeline, inner)
            guard inner.hasFailed else {
                end.phase = .succeeded
                return (end, results)
            }
            end.failures += 1
            guard let retry = task.retry, end.failures <= retry.limit, retry.exitCodes.isEmpty,
                retry.on?.contains(.failed) ?? true
            else { return (end, results) }
            end.attempt += 1
        }
    }

    // MARK: Conditions

    /// How a task ends by its condition; nil where that holds, or is asked elsewhere: of an item, or of the task as a whole.
    private func refusal(_ task: TaskSpec, _ scope: Scope, _ item: JSONValue?) -> (TaskPhase, String)? {
        guard let when = task.when else { return nil }
        let name = task.itemName ?? ""
        let readsItem = task.forEach != nil && when.hasPrefix(name + " ")
        guard readsItem == (item != nil) || task.forEach == nil else { return nil }
        do {
            return try answer(when, scope, name, item) ? nil : (.skipped, "WhenFalse")
        } catch {
            return error as? Lack == .missing ? (.skipped, "MissingResult") : (.failed, "ExpressionError")
        }
    }

    /// What a condition of the generator's forms says.
    private func answer(_ text: String, _ scope: Scope, _ name: String, _ item: JSONValue?) throws -> Bool {
        for (sign, strongest) in [(" || ", true), (" && ", false)] {
            guard let range = text.firstRange(of: sign) else { continue }
            let right = try answer(String(text[range.upperBound...]), scope, name, item)
            if right == strongest { return strongest }
            return try answer(String(text[..<range.lowerBound]), scope, name, item)
        }
        if text == "true" || text == "false" { return text == "true" }
        if text.hasPrefix("!") { return try !answer(String(text.dropFirst()), scope, name, item) }
        if text.hasPrefix("has(") { return result(String(text.dropFirst(4).dropLast()), scope) != nil }
        let parts = text.split(separator: " ").map(String.init)
        let found = try subject(parts[0], scope, name, item)
        let wanted = Int64(parts[2]).map { JSONValue.int($0) } ?? .string(String(parts[2].dropFirst().dropLast()))
        return switch parts[1] {
        case "==": found == wanted
        case "!=": found != wanted
        default: found.int ?? 0 > wanted.int ?? 0
        }
    }

    private func result(_ path: String, _ scope: Scope) -> JSONValue? {
        let parts = path.split(separator: ".").map(String.init)
        return scope.results[parts[1]]?[parts[3]] ?? (scope.empty.contains(parts[1]) ? [] : nil)
    }

    private func subject(_ text: String, _ scope: Scope, _ name: String, _ item: JSONValue?) throws -> JSONValue {
        let list = scope.parameters["list"]?.array ?? []
        if text == name { return item ?? .null }
        if text == "run.phase" { return .string(scope.outcome?.rawValue ?? "") }
        if text == "size(params.list)" { return .int(Int64(list.count)) }
        if text.hasPrefix("params.list["), let index = Int(text.dropFirst(12).dropLast()) {
            guard list.indices.contains(index) else { throw Lack.invalid }
            return list[index]
        }
        if text.hasPrefix("size(") {
            guard let value = result(String(text.dropFirst(5).dropLast()), scope) else { throw Lack.missing }
            guard let size = value.array?.count ?? value.string?.count else { throw Lack.invalid }
            return .int(Int64(size))
        }
        if text.hasSuffix(".o.none") {
            throw result(String(text.dropLast(5)), scope) == nil ? Lack.missing : Lack.invalid
        }
        return .string(scope.phases[text.split(separator: ".").map(String.init)[1]]?.rawValue ?? "")
    }

    // MARK: References

    private func value(_ value: JSONValue, _ scope: Scope, _ item: JSONValue?) throws -> JSONValue {
        switch value {
        case .array(let elements): return .array(try elements.map { try self.value($0, scope, item) })
        case .object(let fields):
            var values = JSONObject()
            for (name, field) in fields { values[name] = try self.value(field, scope, item) }
            return .object(values)
        case .string(let text) where text.hasPrefix("$("):
            let parts = text.dropFirst(2).dropLast().split { $0 == "." || $0 == "[" || $0 == "]" }.map(String.init)
            switch parts[0] {
            case "params": return scope.parameters["list"] ?? .null
            case "tasks":
                guard var found = scope.results[parts[1]]?[parts[3]] ?? (scope.empty.contains(parts[1]) ? [] : nil)
                else {
                    throw Lack.missing
                }
                for part in parts.dropFirst(4) {
                    guard let inner = Int(part).map({ found[$0] }) ?? found[part] else { throw Lack.invalid }
                    found = inner
                }
                return found
            default: return item ?? .null
            }
        default: return value
        }
    }

    // MARK: Pods

    private func end(of task: TaskSpec, _ path: String, _ first: Int) -> End {
        var end = End(phase: .failed, attempt: first)
        while true {
            let fates = (0..<task.replicas).map { scenario.fate(task, path, attempt: end.attempt, replica: $0) }
            // Those that no node takes are more than are needed.
            let failed = fates.first { $0.failureClass != nil && $0 != .hang && $0 != .unschedulable }
            let leaderSucceeds = task.successPolicy == .leader && fates[0].failureClass == nil
            guard !leaderSucceeds || failed != nil else { return succeeded(end) }
            guard let fate = failed ?? (fates.contains(.hang) ? .hang : nil), var failure = fate.failureClass else {
                return succeeded(end)
            }
            // The time-out of five minutes comes before the start-up deadline of ten.
            if fate == .pullStuck { failure = .timeout }
            end.reason = Self.reason(fate)
            if failure == .infrastructure { end.disruptions += 1 } else { end.failures += 1 }
            guard isRetried(task, failure, fate, end) else { return end }
            end.attempt += 1
        }
    }

    private func succeeded(_ end: End) -> End {
        var end = end
        end.phase = .succeeded
        end.reason = ""
        return end
    }

    private static func reason(_ fate: PodFate) -> String {
        switch fate {
        case .succeed: ""
        case .exit: "Error"
        case .oom: "OOMKilled"
        case .evicted: "EvictionByEvictionAPI"
        case .nodeLost: "DeletionByPodGC"
        case .deleted: "PodDeleted"
        case .badImage: "InvalidImageName"
        case .pullStuck, .hang: "Timeout"
        case .unschedulable: "Unschedulable"
        }
    }

    private func isRetried(_ task: TaskSpec, _ failure: FailureClass, _ fate: PodFate, _ end: End) -> Bool {
        if let classes = task.retry?.on, !classes.contains(failure) { return false }
        if failure == .infrastructure { return end.disruptions <= 10 }
        guard let retry = task.retry, end.failures <= retry.limit else { return false }
        if case .exit(let code, _) = fate, !retry.exitCodes.isEmpty { return retry.exitCodes.contains(code) }
        return true
    }

    // MARK: Comparing

    /// What of a status is not as it must be; nil when all is.
    func difference(_ status: PipelineRunStatus) -> String? {
        let rows = Rows(status).all
        if status.phase != run { return "the run is \(status.phase), not \(run)" }
        let names = Set(rows.keys).symmetricDifference(ends.keys).sorted()
        if !names.isEmpty { return "rows of one only: \(names.joined(separator: ", "))" }
        let folded = Set(status.folded.flatMap(\.statuses).map(\.name))
        for (path, end) in ends.sorted(by: { $0.key < $1.key }) {
            guard let row = rows[path], let place = scenario.place(path) else { return "no row \(path)" }
            var found = End(
                phase: row.phase, attempt: row.attempt, failures: row.failures, disruptions: row.disruptions,
                reason: row.reason)
            // Which of several failures was the first is a matter of time.
            let isLeaf = !place.spec.isPipeline && (place.spec.forEach == nil || place.isInstance)
            if !isLeaf, row.phase == .failed { found.reason = end.reason }
            guard found == end else { return "\(path) should end as \(end), not \(found)" }
            if folded.contains(path), found.attempt != 0 { return "\(path) is folded" }
        }
        return status.results == results ? nil : "the results are not \(JSONValue.object(results).text)"
    }
}
