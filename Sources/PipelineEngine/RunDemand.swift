public import JSON
import SluiceAPI

/// What is left of a run, as far as its pods and their order go: from it follows the most that it may take at once (`gangScope: Run`).
public struct RunDemand: Sendable, Hashable {
    /// What a task runs.
    public enum Work: Sendable, Hashable {
        /// So many pods of that one of ``RunDemand/templates``.
        case pods(template: Int, replicas: Int)
        /// The tasks of its pipeline.
        case graph(Graph)
    }

    /// A task that has not ended.
    public struct Node: Sendable, Hashable {
        public var work: Work
        /// How many of it run at once at most: instances of a forEach.
        public var times: Int
        /// The nodes of the same list that end before it starts.
        public var dependencies: [Int]
    }

    /// The tasks of a pipeline that have not ended; those of `finally` come when all others have ended.
    public struct Graph: Sendable, Hashable {
        public var main: [Node] = []
        public var finally: [Node] = []

        public var isEmpty: Bool { main.isEmpty && finally.isEmpty }
    }

    /// Manifests of pods, as far as they are known before their task starts.
    public var templates: [JSONValue] = []
    /// Most tasks of pods that run at once; nil for no limit.
    public var parallelism: Int?
    public var root = Graph()
}

extension RunEngine {
    /// Says what is left of the run, where it is to be admitted as a whole and something changed that may matter. In a large run not each
    /// end of a task is worth a look at all others.
    mutating func tellDemand() {
        guard spec.gangScope == .run, admissionMode == .queue else { return }
        // What nodes do not take though it was admitted is queued again as a whole (rule E9): meanwhile it keeps no room from others.
        let isTakenDown =
            activeCount == 0 && nodes.contains { $0.awaitsRetry && $0.status.reason == Reasons.gangTimeout }
        let isOver = phase.isFinished || isTakenDown
        let left = isOver ? 0 : scopes[Self.root].unfinished
        guard
            isDemandOld || isTakenDown != wasTakenDown || endsUntold >= max(1, liveCount / 64)
                || (left == 0 && endsUntold > 0)
        else { return }
        isDemandOld = false
        wasTakenDown = isTakenDown
        endsUntold = 0
        let demand = isOver ? RunDemand() : remainingDemand()
        guard demand != toldDemand else { return }
        toldDemand = demand
        output.demand = demand
    }

    /// What is left of the run. O(tasks).
    private mutating func remainingDemand() -> RunDemand {
        var demand = RunDemand()
        demand.parallelism = spec.parallelism
        demand.root = graph(of: Self.root)
        demand.templates = demandTemplates
        return demand
    }

    private mutating func graph(of scope: Int) -> RunDemand.Graph {
        let plan = scopes[scope].plan
        let first = scopes[scope].first
        return graph(plan) { engine, task in
            let index = first + task
            let node = engine.nodes[index]
            guard !node.status.phase.isFinished else { return [] }
            switch node.body {
            case .scope(let inner): return [(.graph(engine.graph(of: inner)), 1)]
            case .group(let group): return engine.instances(of: group, node.task, scope)
            case .none: break
            }
            // Of a suspended run nothing starts.
            if engine.desired == .suspended, node.admission != .admitted { return [] }
            guard let work = engine.work(node.task, in: scope) else { return [] }
            return [(work, node.kind == .group ? engine.count(of: index) : 1)]
        }
    }

    /// The instances of a forEach that have not ended.
    private mutating func instances(
        of group: Int, _ task: TaskPlan, _ scope: Int
    ) -> [(work: RunDemand.Work, times: Int)] {
        let left = groups[group].nodes.filter { index in
            !nodes[index].status.phase.isFinished
                && (desired != .suspended || nodes[index].admission == .admitted || nodes[index].kind == .pipeline)
        }
        guard !left.isEmpty else { return [] }
        let limit = task.spec.forEach?.parallelism ?? .max
        if left.count > limit || !task.spec.isPipeline {
            return work(task, in: scope).map { [($0, min(left.count, limit))] } ?? []
        }
        return left.compactMap { index in
            if case .scope(let inner) = nodes[index].body { return (.graph(graph(of: inner)), 1) }
            return desired == .suspended ? nil : work(task, in: scope).map { ($0, 1) }
        }
    }

    /// How many instances of a forEach that has not begun run at once, as far as that is known.
    private func count(of index: Int) -> Int {
        let each = nodes[index].task.spec.forEach
        return Self.count(each, known: each?.items.array?.count ?? (try? items(of: index))?.count, in: spec)
    }

    private static func count(_ each: ForEachSpec?, known: Int?, in spec: PipelineRunSpec) -> Int {
        let limit = each?.parallelism ?? .max
        return min(known ?? (limit < .max ? limit : spec.parallelism ?? 1), limit)
    }

    /// What one instance of a task takes, of which nothing is known but the plan. `scope` is where it will run, where that is known.
    private mutating func work(_ task: TaskPlan, in scope: Int?) -> RunDemand.Work? {
        guard task.spec.isPipeline else {
            return .pods(template: template(of: task, in: scope), replicas: task.spec.replicas)
        }
        guard let plan = task.pipeline ?? task.spec.pipelineRef.flatMap({ plans[$0] }) else { return nil }
        return .graph(
            graph(plan) { engine, index in
                let inner = plan.tasks[index]
                guard let work = engine.work(inner, in: nil) else { return [] }
                guard let each = inner.spec.forEach else { return [(work, 1)] }
                return [(work, Self.count(each, known: each.items.array?.count, in: engine.spec))]
            })
    }

    /// The graph of a plan; `entries` gives what is left of a task, as nodes that may run side by side.
    private mutating func graph(
        _ plan: Plan, _ entries: (inout RunEngine, Int) -> [(work: RunDemand.Work, times: Int)]
    ) -> RunDemand.Graph {
        var graph = RunDemand.Graph()
        var places: [Int: [Int]] = [:]
        func add(_ task: Int, _ engine: inout RunEngine, to list: inout [RunDemand.Node]) {
            // What has ended was the last of all that is before it.
            let dependencies = plan.tasks[task].dependencies.flatMap { places[$0.index] ?? [] }
            for entry in entries(&engine, task) {
                places[task, default: []].append(list.count)
                list.append(RunDemand.Node(work: entry.work, times: entry.times, dependencies: dependencies))
            }
        }
        for task in plan.order.prefix(plan.mainCount) { add(task, &self, to: &graph.main) }
        places = [:]
        for task in plan.order.dropFirst(plan.mainCount) { add(task, &self, to: &graph.finally) }
        return graph
    }

    /// The manifest of a pod of a task, with the references that have a value already. One for all that run the same plan.
    private mutating func template(of task: TaskPlan, in scope: Int?) -> Int {
        let name = ObjectIdentifier(task)
        if let known = demandTemplateIndices[name] { return known }
        let identity = PodIdentity(path: task.spec.name, attempt: 0, replica: 0)
        func value(_ reference: Reference, _ scope: Int?) -> JSONValue? {
            guard let scope else { return nil }
            switch reference.root {
            case .parameter, .run(.name), .run(.uid), .run(.namespace):
                return try? resolve(reference, inScope: scope, identity)
            default: return nil
            }
        }
        let pod = try? template.pod(
            identity, of: task, names: [], inRun: { value($0, Self.root) }, inTask: { value($0, scope) })
        demandTemplates.append(pod ?? [:])
        demandTemplateIndices[name] = demandTemplates.count - 1
        return demandTemplates.count - 1
    }
}
