public import CronSchedule
public import JSON
public import KubernetesModel
import SluiceAPI

/// What a simulation begins with: the documents of its files, sorted and checked.
public struct SimulationInput: Sendable {
    /// A mistake, and in which of the documents it is.
    public struct Mistake: Error, Sendable, Hashable {
        public var document: Int
        public var error: FieldError
    }

    /// Gives the rules of a time zone.
    public typealias Zones = @Sendable (_ name: String) throws(ZoneError) -> ZoneRules

    /// A run, a Pipeline or a ScheduledRun as it is in its document.
    struct Object: Sendable {
        var name: RunName
        var document: JSONValue
    }

    /// A run that comes into being.
    struct Arrival: Sendable {
        var at: Duration
        var run: Object
    }

    public private(set) var scenario = Scenario()
    private(set) var pipelines: [Object] = []
    private(set) var schedules: [Object] = []
    let zones: Zones
    /// What the cluster has in the beginning, in the order of the documents.
    private(set) var cluster: [ClusterObject] = []
    /// Whether there is a Node, or one comes: else the capacity has no end.
    private(set) var hasNodes = false
    /// Whether there is anything that a queue decides by.
    private(set) var usesQueue = false
    /// In the order in which they come; those of one instant in the order of their documents.
    private(set) var arrivals: [Arrival] = []
    private(set) var refused: [SimulationReport.Refusal] = []

    /// Whether no run and no ScheduledRun ever comes, and none was refused.
    public var isEmpty: Bool {
        arrivals.isEmpty && schedules.isEmpty && refused.isEmpty
            && !scenario.actions.contains { action in
                guard case .apply(let object) = action.action else { return false }
                return object["kind"]?.string.flatMap(ClusterObject.Kind.init(rawValue:)) == nil
            }
    }

    /// When the last thing happens that the scenario says.
    var lastOffset: Duration {
        max(arrivals.last?.at ?? .zero, scenario.actions.map(\.at).max() ?? .zero)
    }

    /// UTC and nothing else: for schedules that are in no other zone.
    public static let onlyUTC: Zones = { name throws(ZoneError) in
        if name == "UTC" { return .utc }
        throw ZoneError(message: "there is no time zone \(name) here")
    }

    /// Sorts and checks documents. `zones` gives the rules of the zones that schedules are in. `fallback` holds for pods that no outcome of the scenario matches. Objects of other groups, such as
    /// ConfigMaps, are passed over. Where nothing but one Pipeline is there, a run of it is made.
    ///
    /// A PipelineRun, a Pipeline or a ScheduledRun that admission refuses is no mistake of the input: the report tells of it, and the rest goes on.
    public static func read(
        _ documents: [JSONValue], zones: @escaping Zones = onlyUTC, fallback: Outcome? = nil
    ) -> (input: SimulationInput, mistakes: [Mistake]) {
        var input = SimulationInput(zones: zones)
        var mistakes: [Mistake] = []
        var runs: [Object] = []
        var scenarioIndex: Int?
        var seen: Set<String> = []
        for (index, document) in documents.enumerated() {
            func note(_ error: FieldError) { mistakes.append(Mistake(document: index, error: error)) }
            guard document.object != nil else {
                note(.invalid(.root, .string(document.kindName), "must be an object with apiVersion and kind"))
                continue
            }
            guard let kind = document["kind"]?.string else {
                note(.required("kind"))
                continue
            }
            let group = (document["apiVersion"]?.string ?? "").split(separator: "/").first.map(String.init) ?? ""
            if let known = ClusterObject.Kind(rawValue: kind) {
                guard ClusterObject.isKind(known, document["apiVersion"]) else { continue }
                input.note(known, document)
                switch ClusterObject.read(known, document) {
                case .failure(let problem): input.refused.append(problem.refusal)
                case .success(let object):
                    if seen.insert("\(kind)/\(object.identity.title)").inserted {
                        input.cluster.append(object)
                    } else {
                        note(.duplicate("metadata.name", .string(object.identity.name.name)))
                    }
                }
                continue
            }
            guard group == Sluice.group || document["apiVersion"] == nil else { continue }
            switch kind {
            case Scenario.kind:
                if scenarioIndex != nil { note(.forbidden("kind", "there is a Scenario already; at most one is read")) }
                scenarioIndex = index
                let (scenario, errors) = Scenario.read(document)
                errors.forEach(note)
                input.scenario = scenario
            case Sluice.pipelineRuns.kind, Sluice.pipelines.kind, Sluice.scheduledRuns.kind:
                let object = Object(name: name(of: document, number: index), document: document)
                if !seen.insert("\(kind)/\(object.name)").inserted {
                    note(.duplicate("metadata.name", .string(object.name.name)))
                } else if let refusal = refusal(of: object, zones: zones) {
                    input.refused.append(refusal)
                    if kind == Sluice.pipelineRuns.kind { runs.append(object) }
                } else if kind == Sluice.pipelineRuns.kind {
                    runs.append(object)
                } else if kind == Sluice.scheduledRuns.kind {
                    input.schedules.append(object)
                } else {
                    input.pipelines.append(object)
                }
            default:
                note(
                    .notSupported(
                        "kind", .string(kind),
                        [
                            Sluice.pipelineRuns.kind, Sluice.pipelines.kind, Sluice.queues.kind,
                            Sluice.scheduledRuns.kind, Scenario.kind,
                        ]))
            }
        }
        for run in runs { input.note(run: run.document["spec"]) }
        for schedule in input.schedules { input.note(run: schedule.document["spec"]?["template"]?["spec"]) }
        for action in input.scenario.actions {
            if case .patch(let target, let spec) = action.action, target.kind == Sluice.scheduledRuns.kind {
                input.note(run: spec["template"]?["spec"])
            }
            guard case .apply(let object) = action.action, let kind = object["kind"]?.string else { continue }
            if let known = ClusterObject.Kind(rawValue: kind) {
                input.note(known, object)
            } else if kind == Sluice.scheduledRuns.kind {
                input.note(run: object["spec"]?["template"]?["spec"])
            } else {
                input.note(run: object["spec"])
            }
        }
        if runs.isEmpty, input.schedules.isEmpty, input.scenario.actions.isEmpty, input.pipelines.count == 1,
            mistakes.isEmpty
        {
            runs.append(run(of: input.pipelines[0]))
        }
        let refusedNames = Set(input.refused.filter { $0.kind == Sluice.pipelineRuns.kind }.map(\.name))
        for error in input.addArrivals(of: runs, refused: refusedNames) {
            mistakes.append(Mistake(document: scenarioIndex ?? 0, error: error))
        }
        if let fallback { input.scenario.outcomes.append(OutcomeRule(fallback)) }
        return (input, mistakes)
    }

    /// A document of that kind is there or comes, good or bad: with a bad Node the capacity has an end all the same.
    private mutating func note(_ kind: ClusterObject.Kind, _ document: JSONValue) {
        if kind == .node { hasNodes = true }
        if kind == .node || kind == .queue { usesQueue = true }
    }

    private mutating func note(run spec: JSONValue?) {
        if spec?["queue"] != nil || spec?["priorityClassName"] != nil { usesQueue = true }
    }

    /// Namespace and name of a document; one with generateName gets a name by its place among the documents.
    private static func name(of document: JSONValue, number: Int) -> RunName {
        let metadata = document["metadata"]
        let generated = metadata?["generateName"]?.string.map { "\($0)\(number)" }
        return RunName(
            namespace: metadata?["namespace"]?.string ?? "default", name: metadata?["name"]?.string ?? generated ?? "")
    }

    /// Why admission refuses an object; nil when it does not.
    static func refusal(of object: Object, zones: @escaping Zones) -> SimulationReport.Refusal? {
        let report = Validator.validate(object.document) { name in
            do throws(ZoneError) {
                _ = try zones(name)
                return nil
            } catch {
                return error.message
            }
        }
        guard !report.isValid else { return nil }
        return SimulationReport.Refusal(
            kind: object.document["kind"]?.string ?? "", name: object.name.description, message: report.message())
    }

    private static func run(of pipeline: Object) -> Object {
        let name = RunName(
            namespace: pipeline.name.namespace, name: String(pipeline.name.name.prefix(Names.maximumLabelLength)))
        return Object(
            name: name,
            document: [
                "apiVersion": .string(Sluice.apiVersion), "kind": .string(Sluice.pipelineRuns.kind),
                "metadata": ["name": .string(name.name), "namespace": .string(name.namespace)],
                "spec": ["pipelineRef": ["name": .string(pipeline.name.name)]],
            ])
    }

    /// When which run comes; what is wrong with what the scenario says of runs.
    private mutating func addArrivals(of runs: [Object], refused: Set<String>) -> [FieldError] {
        var errors: [FieldError] = []
        var byName: [RunName: Object] = [:]
        for run in runs { byName[run.name] = run }
        var made: Set<RunName> = []
        var named: Set<RunName> = []
        for (index, arrival) in scenario.arrivals.enumerated() {
            let path = FieldPath("arrivals").index(index)
            guard let run = byName[arrival.run] else {
                errors.append(unknown(arrival.run, path.field("run"), among: byName.keys.map(\.description)))
                continue
            }
            named.insert(run.name)
            for number in 0..<(arrival.count ?? 1) {
                var made1 = run
                if arrival.count != nil {
                    made1.name.name += "-\(number)"
                    made1.document["metadata"]?["name"] = .string(made1.name.name)
                }
                guard made.insert(made1.name).inserted, arrival.count == nil || byName[made1.name] == nil else {
                    errors.append(.duplicate(path.field("run"), .string(made1.name.description)))
                    break
                }
                if number == (arrival.count ?? 1) - 1, made1.name.name.utf8.count > Names.maximumLabelLength {
                    errors.append(
                        .invalid(
                            path.field("run"), .string(made1.name.name),
                            "must be no more than \(Names.maximumLabelLength) characters with its number"))
                }
                if !refused.contains(run.name.description) {
                    arrivals.append(Arrival(at: arrival.at + arrival.every * number, run: made1))
                }
            }
        }
        let early = runs.filter { !named.contains($0.name) && !refused.contains($0.name.description) }
        arrivals = early.map { Arrival(at: .zero, run: $0) } + arrivals
        // The sort is stable by the place in the list.
        arrivals = arrivals.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
        return errors + checkActions(known: made.union(early.map(\.name)), refused: refused)
    }

    private func checkActions(known: Set<RunName>, refused: Set<String>) -> [FieldError] {
        var errors: [FieldError] = []
        var known = known
        var schedules = Set(self.schedules.map(\.name))
        var objects = Set(cluster.map(\.identity))
        for action in scenario.actions {
            guard case .apply(let object) = action.action, let kind = object["kind"]?.string else { continue }
            let name = Self.name(of: object, number: 0)
            if kind == Sluice.pipelineRuns.kind { known.insert(name) }
            if kind == Sluice.scheduledRuns.kind { schedules.insert(name) }
            if let kind = ClusterObject.Kind(rawValue: kind) { objects.insert(ClusterObject.Identity(kind, name)) }
        }
        for (index, action) in scenario.actions.enumerated() {
            let path = FieldPath("actions").index(index)
            let target: (Scenario.Target, FieldPath)? =
                switch action.action {
                case .state(let run, _): (Scenario.Target(kind: "PipelineRun", name: run), path.field("run"))
                case .pod(let run, _, _, _):
                    (Scenario.Target(kind: "PipelineRun", name: run), path.field("pod").field("run"))
                case .delete(let target): (target, path.field("delete").field("name"))
                case .patch(let target, _): (target, path.field("patch").field("name"))
                case .trigger(let name):
                    (Scenario.Target(kind: Sluice.scheduledRuns.kind, name: name), path.field("trigger").field("name"))
                case .apply, .restartOperator, .operatorRuns, .clock: nil
                }
            guard let (target, place) = target else { continue }
            if let kind = ClusterObject.Kind(rawValue: target.kind) {
                let identity = ClusterObject.Identity(kind, target.name)
                let isRefused = self.refused.contains { $0.kind == target.kind && $0.name == identity.title }
                guard !objects.contains(identity), !isRefused else { continue }
                let names = objects.filter { $0.kind == kind }.map(\.title)
                errors.append(
                    .notFound(
                        place, .string(identity.title),
                        "there is no such \(target.kind)" + Suggestion.phrase(for: identity.title, in: names)))
            } else if target.kind == Sluice.scheduledRuns.kind {
                let isRefused = self.refused.contains { $0.kind == target.kind && $0.name == target.name.description }
                guard !schedules.contains(target.name), !isRefused else { continue }
                let names = schedules.map(\.description)
                errors.append(
                    .notFound(
                        place, .string(target.name.description),
                        "there is no such ScheduledRun" + Suggestion.phrase(for: "\(target.name)", in: names)))
            } else if !known.contains(target.name), !refused.contains(target.name.description),
                !schedules.contains(where: { Self.mayMake($0, target.name) })
            {
                errors.append(unknown(target.name, place, among: known.map(\.description)))
            }
        }
        return errors
    }

    /// Whether a schedule may make a run of that name: it is known only by then.
    private static func mayMake(_ schedule: RunName, _ run: RunName) -> Bool {
        guard schedule.namespace == run.namespace else { return false }
        // A long name is cut in those of its runs.
        let stem = schedule.name.utf8.count <= 40 ? schedule.name + "-" : String(schedule.name.prefix(25))
        return run.name.hasPrefix(stem)
    }

    private func unknown(_ run: RunName, _ path: FieldPath, among known: [String]) -> FieldError {
        .notFound(
            path, .string(run.description), "there is no such PipelineRun" + Suggestion.phrase(for: "\(run)", in: known)
        )
    }

    /// The object of an `apply`.
    static func object(of document: JSONValue) -> Object {
        Object(name: name(of: document, number: 0), document: document)
    }
}
