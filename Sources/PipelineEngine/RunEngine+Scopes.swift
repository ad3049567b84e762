import JSON
import KubernetesModel
import SluiceAPI

/// The tree: scopes, their nodes, the instances of a forEach, and all of it read back from a status.
extension RunEngine {
    /// Makes a scope with a node for each task of the plan. O(tasks).
    @discardableResult
    mutating func addScope(
        _ plan: Plan, owner: Int?, parameters: JSONObject, pipelines: [String] = []
    ) -> Int {
        let index = scopes.count
        var barrier = 0
        var isInFinally = false
        var depth = 1
        var prefix = ""
        var order: [Int32] = []
        if let owner {
            let outer = scopes[nodes[owner].scope]
            barrier = max(outer.barrier, nodes[owner].barrier, nodes[owner].task.isFinally ? outer.endBarrier : 0)
            isInFinally = outer.isInFinally || nodes[owner].task.isFinally
            depth = outer.depth + 1
            prefix = nodes[owner].path + "/"
            order = nodes[owner].order
        }
        scopes.append(
            RunScope(
                plan: plan, owner: owner, first: nodes.count, parameters: parameters, pipelines: pipelines,
                depth: depth,
                isInFinally: isInFinally, barrier: barrier, endBarrier: barrier, unfinishedMain: plan.mainCount,
                unfinished: plan.tasks.count))
        // Of an earlier attempt of the same sub-pipeline: its nodes give the numbers of their attempts, and their pods.
        var earlier: Range<Int>?
        if let owner {
            if case .scope(let before)? = lastBodies[nodes[owner].path] {
                earlier = scopes[before].nodes
                forgetPaths(of: before)
            }
            // Nothing can read the results of the attempt before, and a restart would not count its nodes.
            dropResults(inside: owner)
            liveCount -= nodesInside(owner).count
            nodes[owner].body = .scope(index)
            lastBodies[nodes[owner].path] = .scope(index)
        }
        nodes.reserveCapacity(nodes.count + plan.tasks.count)
        liveCount += plan.tasks.count
        for (position, task) in plan.tasks.enumerated() {
            addNode(
                RunNode(task, scope: index, path: prefix + task.spec.name, order: order + [Int32(position)]),
                after: earlier.map { $0.lowerBound + position })
        }
        return index
    }

    private mutating func addNode(_ node: RunNode, after earlier: Int?) {
        var node = node
        let index = nodes.count
        // Numbers of attempts never start again, so that no pod of an earlier one is taken for one of this. What is inside of a node
        // begins with the number of the node: that is kept in the status when its earlier attempts are not any more.
        if let owner = node.owner ?? scopes[node.scope].owner { node.firstAttempt = nodes[owner].status.attempt }
        if let earlier {
            node.firstAttempt = max(node.firstAttempt, nextAttempt(after: earlier))
            node.pods = nodes[earlier].pods
            for name in node.pods { pods.move(name, to: index) }
        }
        node.status.attempt = node.firstAttempt
        nodeByPath[node.path] = index
        nodes.append(node)
        list(index)
    }

    /// Paths name the nodes of the newest attempt only, whether or not these are there already. O(nodes inside of the scope).
    private mutating func forgetPaths(of scope: Int) {
        for outer in scopes[scope].nodes {
            for index in [outer] + nodesInside(outer) where nodeByPath[nodes[index].path] == index {
                nodeByPath[nodes[index].path] = nil
            }
        }
    }

    /// The nodes of what a node was expanded to, at every depth. O(their number).
    func nodesInside(_ index: Int) -> [Int] {
        var found: [Int] = []
        func add(_ body: RunNode.Body) {
            switch body {
            case .none: break
            case .group(let group): found += groups[group].nodes
            case .scope(let scope): found += scopes[scope].nodes
            }
        }
        add(nodes[index].body)
        var next = 0
        while next < found.count {
            add(nodes[found[next]].body)
            next += 1
        }
        return found
    }

    /// The first number that no attempt of a node has had, nor one of what is inside of it. O(nodes inside of it).
    func nextAttempt(after index: Int) -> Int {
        ([index] + nodesInside(index)).map { index in
            let status = nodes[index].status
            let hadAttempt = status.phase != .pending && status.phase != .skipped
            return status.attempt + (hadAttempt ? 1 : 0)
        }.max() ?? 0
    }

    /// Makes the instances of a forEach. O(items).
    mutating func addInstances(of owner: Int, _ items: [JSONValue]) {
        let task = nodes[owner].task
        var earlier: Range<Int>?
        if case .group(let before)? = lastBodies[nodes[owner].path] { earlier = groups[before].nodes }
        groups.append(RunGroup(items: items, first: nodes.count, count: items.count, unfinished: items.count))
        let group = groups.count - 1
        nodes[owner].body = .group(group)
        nodes[owner].status.items = items.count
        lastBodies[nodes[owner].path] = .group(group)
        nodes.reserveCapacity(nodes.count + items.count)
        liveCount += items.count
        for item in items.indices {
            var node = RunNode(
                task, scope: nodes[owner].scope, path: "\(nodes[owner].path)[\(item)]",
                order: nodes[owner].order + [Int32(item)], instanceOf: owner, item: item)
            node.barrier = nodes[owner].barrier
            addNode(node, after: earlier.flatMap { item < $0.count ? $0.lowerBound + item : nil })
        }
        output.statusChanged = true
    }

    /// The group that a node belongs to as an instance.
    func group(ofInstance index: Int) -> Int? {
        guard let owner = nodes[index].owner, case .group(let group) = nodes[owner].body else { return nil }
        return group
    }

    // MARK: Reading back

    /// Takes in what a status says of tasks. Outer ones first, since they tell what is inside of them. O(rows).
    mutating func restore(_ rows: [TaskStatus]) {
        var byDepth: [[TaskStatus]] = []
        for row in rows {
            let depth = row.name.utf8.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "/") }
            while byDepth.count <= depth { byDepth.append([]) }
            byDepth[depth].append(row)
        }
        var level = 0
        while level < byDepth.count {
            for row in byDepth[level] {
                expandAbove(row.name)
                guard let index = nodeByPath[row.name] else { continue }
                nodes[index].status = row
                nodes[index].restoredStuckTime = row.stuckTime
                if row == TaskStatus(name: row.name, phase: .running), nodes[index].kind == .leaf {
                    // A folded one: all of its pods had been seen.
                    nodes[index].status.pods = (0..<nodes[index].task.spec.replicas)
                        .map { podName(index, replica: $0) }.sorted()
                }
                // Every attempt but the first followed on one of these; gangs that were refused are not counted, and had no time.
                nodes[index].firstAttempt = max(0, row.attempt - row.failures - row.disruptions - row.requeues)
            }
            for row in byDepth[level] {
                if let index = nodeByPath[row.name] { noteRestored(index) }
            }
            level += 1
        }
        // What runs and has told of nothing inside of it.
        var index = 0
        while index < nodes.count {
            if nodes[index].status.phase == .running, !nodes[index].awaitsRetry { expand(index) }
            index += 1
        }
    }

    /// Makes the node above that path have its instances or its scope, so that the path can be found.
    private mutating func expandAbove(_ path: String) {
        guard nodeByPath[path] == nil, let above = PodIdentity.parent(ofPath: path), let index = nodeByPath[above]
        else {
            return
        }
        expand(index)
    }

    private mutating func expand(_ index: Int) {
        guard case .none = nodes[index].body else { return }
        switch nodes[index].kind {
        case .leaf: break
        case .group:
            guard let count = nodes[index].status.items else { return }
            var items = Array(repeating: JSONValue.null, count: min(max(count, 0), ForEachSpec.maximumItems))
            // The items of one that has ended are not needed, and what they came from may be gone.
            if !nodes[index].status.phase.isFinished, let found = try? self.items(of: index), found.count == count {
                items = found
            }
            let wasDecided = nodes[index].status
            addInstances(of: index, items)
            nodes[index].status = wasDecided
        case .pipeline:
            guard let plan = plan(of: index) else { return }
            let parameters = nodes[index].status.phase.isFinished ? nil : try? self.parameters(of: index, plan)
            let scope = addScope(
                plan, owner: index, parameters: parameters ?? JSONObject(), pipelines: pipelineChain(of: index))
            scopes[scope].startTime = nodes[index].status.startTime
            if nodes[index].status.stopping == .failure(.timeout) { scopes[scope].timedOut = true }
        }
    }

    /// Counts what a status says of a node.
    private mutating func noteRestored(_ index: Int) {
        let status = nodes[index].status
        noteResults(of: index)
        if status.phase.isFinished {
            noteEnd(index)
        } else if status.phase == .running, !nodes[index].awaitsRetry {
            // With a queue, only pods prove that an attempt had its admission and with it its slot.
            let isProved = admissionMode == .always || nodes[index].kind != .leaf || !status.pods.isEmpty
            if isProved { takeSlot(index) }
        }
    }

    // MARK: Pipelines of tasks

    /// The plan of the pipeline that a task runs; nil while it is not there.
    func plan(of index: Int) -> Plan? {
        let task = nodes[index].task
        return task.pipeline ?? task.spec.pipelineRef.flatMap { plans[$0] }
    }

    /// The names of the Pipelines that the pipeline of a task lies in, its own included.
    func pipelineChain(of index: Int) -> [String] {
        let outer = scopes[nodes[index].scope].pipelines
        return nodes[index].task.spec.pipelineRef.map { outer + [$0] } ?? outer
    }

    /// The parameters of the pipeline of a task. Throws ``ReferenceProblem``, or ``InvalidParameters``.
    func parameters(of index: Int, _ plan: Plan) throws -> JSONObject {
        let node = nodes[index]
        let given = try JSONValue.object(node.task.spec.parameters)
            .substitutingReferences(item: node.task.item) { try resolve($0, of: index, in: nil) }
        var pipeline = PipelineSpec()
        pipeline.parameters = plan.parameters
        let (values, errors) = ParameterValues.resolve(given.object ?? [:], for: pipeline, path: "parameters")
        if let error = errors.first { throw InvalidParameters(message: "\(error)") }
        return values
    }

    /// More tasks than a run may have.
    struct TooManyTasks: Error {
        var message: String
    }

    /// Throws ``TooManyTasks`` where a node would be expanded to so many that the run had too many: a forEach in a forEach grows fast.
    /// Near the limit it depends on who comes first, so that what follows waits for a status; pods are proof that there was room.
    mutating func checkRoom(for count: Int, in index: Int) throws {
        guard parked[index] == nil else { return }
        let total = liveCount - nodesInside(index).count + count
        if total + ForEachSpec.maximumItems > settings.taskLimit { noteDecision(index) }
        guard total > settings.taskLimit else { return }
        throw TooManyTasks(message: "the run would have more than \(settings.taskLimit) tasks, all items included")
    }

    /// Parameters that a pipeline does not take.
    struct InvalidParameters: Error {
        var message: String
    }

    /// Items that are not a list.
    struct InvalidItems: Error {
        var message: String
    }

    /// The items of a forEach. Throws ``ReferenceProblem``, or ``InvalidItems``.
    func items(of index: Int) throws -> [JSONValue] {
        let node = nodes[index]
        guard let spec = node.task.spec.forEach else { return [] }
        let value = try spec.items.substitutingReferences(item: node.task.item) { try resolve($0, of: index, in: nil) }
        guard let items = value.array else {
            var message = "forEach.items must be a list, not a value of type \(value.kindName)"
            if let text = value.string, (try? JSONValue(parsing: text))?.array != nil {
                message += "; a parameter or result that holds a list as text must be of type array"
            }
            throw InvalidItems(message: message)
        }
        guard items.count <= ForEachSpec.maximumItems else {
            throw InvalidItems(
                message: "forEach.items has \(items.count) items; at most \(ForEachSpec.maximumItems) are allowed")
        }
        return items
    }
}
