import JSON
import SeededRandom

@testable import SluiceAPI

/// Draws pipelines: tasks of pods, of items and of pipelines, each in the others, with references between them.
struct PipelineDraw {
    let isCalm: Bool
    let isFlat: Bool
    var random: SeededGenerator
    var libraries: [String: Scenario.Library] = [:]
    /// Which of them may be used at what depth.
    private var libraryDepths: [Int: [String]] = [:]
    private static let maximumDepth = 3

    init(isCalm: Bool, isFlat: Bool, random: SeededGenerator) {
        self.isCalm = isCalm
        self.isFlat = isFlat
        self.random = random
    }

    mutating func list(_ longest: Int) -> JSONValue {
        let inner = random.chance(0.2)
        return .array(
            (0..<random.pick(0...longest)).map {
                inner ? .array((0..<$0 % 3).map { .int(Int64($0)) }) : .int(Int64($0))
            })
    }

    mutating func pipeline(depth: Int) -> JSONValue {
        let most = depth > 0 ? 3 : isFlat && random.chance(0.3) ? 30 : isFlat ? 8 : 6
        var tasks: [JSONValue] = []
        for index in 0..<random.pick(1...most) {
            tasks.append(task("t\(index)", earlier: tasks, others: [], depth: depth))
        }
        var finally: [JSONValue] = []
        for index in 0..<(depth == 0 ? random.pick(0...3) : random.chance(0.4) ? random.pick(1...2) : 0) {
            finally.append(task("f\(index)", earlier: finally, others: tasks, depth: depth))
        }
        var pipeline: JSONValue = ["tasks": .array(tasks), "finally": .array(finally)]
        pipeline["parameters"] = [["name": "list", "type": "array", "default": list(2)]]
        let givers = tasks.filter { $0["results"] != nil || $0["container"] == nil }.compactMap { $0["name"]?.string }
        let of = givers.isEmpty ? nil : random.pick(givers)
        pipeline["results"] = [
            ["name": "r", "value": .string(of.map { "$(tasks.\($0).results.r)" } ?? "$(params.list)")],
            ["name": "o", "value": ["xs": .string(of.map { "$(tasks.\($0).results.o)" } ?? "$(params.list)")]],
        ]
        return pipeline
    }

    private mutating func task(_ name: String, earlier: [JSONValue], others: [JSONValue], depth: Int) -> JSONValue {
        var json: JSONValue = ["name": .string(name)]
        dependsOn(&json, earlier)
        let givers = (earlier + others).filter { $0["results"] != nil || $0["container"] == nil }
            .compactMap { $0["name"]?.string }
        let isForEach = !isFlat && random.chance(0.25)
        let isPipeline = !isFlat && depth < Self.maximumDepth && random.chance([0.35, 0.25, 0.15][depth])
        func result(_ random: inout SeededGenerator) -> String? {
            givers.isEmpty
                ? nil : "$(tasks.\(random.pick(givers)).results.\(random.pick(["r", "r", "o.xs", "o.xs", "r[0]"])))"
        }
        var item = "item"
        if isForEach {
            var forEach: JSONValue = [:]
            let longest = isPipeline || depth > 0 ? 3 : 8
            switch random.pick(0...3) {
            case 0: forEach["items"] = "$(params.list)"
            case 1, 2: forEach["items"] = result(&random).map { .string($0) } ?? list(longest)
            default: forEach["items"] = list(longest)
            }
            if random.chance(0.4) { forEach["parallelism"] = .int(Int64(random.pick(1...3))) }
            if random.chance(0.3) {
                item = "shard"
                forEach["as"] = .string(item)
            }
            json["forEach"] = forEach
        }
        func value(_ random: inout SeededGenerator) -> JSONValue {
            var choices = ["$(params.list)"]
            if isForEach { choices += ["$(\(item))", "$(\(item))"] }
            if let result = result(&random) { choices += [result, result] }
            return .string(random.pick(choices))
        }
        if isPipeline {
            if random.chance(0.5) { json["parameters"] = ["list": value(&random)] }
            if random.chance(0.4) {
                json["pipelineRef"] = ["name": .string(library(depth: depth + 1))]
            } else {
                json["pipelineSpec"] = pipeline(depth: depth + 1)
            }
        } else {
            json["container"] = ["image": "x"]
            if random.chance(0.4) { json["container"]?["args"] = [value(&random)] }
            if random.chance(depth == 0 ? 0.25 : 0.1) {
                let replicas = random.pick(2...4)
                json["replicas"] = .int(Int64(replicas))
                if random.chance(0.3) {
                    json["successPolicy"] = "Leader"
                } else if random.chance(0.3) {
                    json["minAvailable"] = .int(Int64(random.pick(1...replicas)))
                }
            }
            if isCalm || random.chance(0.3) { json["timeout"] = isCalm ? "5m" : .string("\(random.pick(3...100))s") }
            // What a gang that failed has written depends on who was first.
            if random.chance(0.4), !isCalm || json["replicas"] == nil { json["results"] = ["r", "o"] }
        }
        if isPipeline, !isCalm, random.chance(0.3) { json["timeout"] = .string("\(random.pick(3...100))s") }
        retry(&json)
        if random.chance(0.3) { json["onFailure"] = "Ignore" }
        if random.chance(0.25) {
            json["when"] = .string(
                condition(earlier + others, isFinally: name.hasPrefix("f"), item: isForEach ? item : nil))
        }
        return json
    }

    /// A condition, of the forms that ``Condition`` knows.
    private mutating func condition(_ others: [JSONValue], isFinally: Bool, item: String?) -> String {
        let number = random.pick(0...3)
        var forms = ["true", "false", "size(params.list) > \(number)", "params.list[\(number)] == \(number)"]
        if isFinally {
            forms += ["run.phase == 'Succeeded'", "run.phase != 'Succeeded'", "run.phase == 'Failed'"]
        }
        if let item { forms += ["\(item) == \(number)", "\(item) != \(number)", "\(item) != \(number)"] }
        if let name = others.isEmpty ? nil : random.pick(others)["name"]?.string {
            forms += ["tasks.\(name).phase == 'Failed'", "tasks.\(name).phase != 'Succeeded'"]
        }
        let givers = others.filter { $0["results"] != nil || $0["container"] == nil }
        if !givers.isEmpty {
            let giver = random.pick(givers)
            let results = "tasks.\(giver["name"]?.string ?? "").results"
            forms += ["size(\(results).r) > \(number)", "has(\(results).r)", "!has(\(results).r)"]
            if giver["container"] != nil, giver["forEach"] == nil { forms += ["\(results).o.none == 1"] }
        }
        let form = random.pick(forms)
        switch random.pick(0...9) {
        case 0: return "\(form) || size(params.list) > \(number)"
        case 1: return "\(form) && size(params.list) > \(number)"
        default: return form
        }
    }

    private mutating func dependsOn(_ json: inout JSONValue, _ earlier: [JSONValue]) {
        var dependencies: [JSONValue] = []
        for other in earlier where random.chance(earlier.count > 8 ? 0.1 : 0.3) {
            let on = random.pick([
                "SucceededOrSkipped", "SucceededOrSkipped", "Succeeded", "Finished", "Finished", "Failed",
            ])
            dependencies.append(["task": other["name"] ?? "", "on": .string(on)])
        }
        if !dependencies.isEmpty { json["dependsOn"] = .array(dependencies) }
    }

    private mutating func retry(_ json: inout JSONValue) {
        guard random.chance(0.5) else { return }
        var retry: JSONValue = ["limit": .int(Int64(random.pick(0...(json["container"] == nil ? 2 : 3))))]
        if random.chance(0.5) {
            retry["backoff"] = ["initial": .string("\(random.pick(0...20))s"), "factor": 2, "max": "1m"]
        }
        if random.chance(0.3) {
            retry["on"] = .array(
                FailureClass.allCases.filter { _ in random.chance(0.6) }.map { .string($0.rawValue) })
        }
        if random.chance(0.3) { retry["exitCodes"] = [1, 2] }
        json["retry"] = retry
    }

    /// The name of a Pipeline for tasks of pipelines of that depth.
    private mutating func library(depth: Int) -> String {
        if let known = libraryDepths[depth], random.chance(0.3) { return random.pick(known) }
        let json = pipeline(depth: depth)
        let name = "lib\(libraries.count)"
        var library = Scenario.Library(json: json, spec: PipelineSpec(validated: json), arrives: 0)
        if random.chance(0.4) {
            // Before ten minutes are over, whoever waits for it; or too late; or never.
            library.arrives = random.chance(0.7) ? Int64(random.pick(1...500)) : nil
            if !isCalm, random.chance(0.3) { library.arrives = Int64(random.pick(500...700)) }
            library.isInvalidBefore = !isCalm && random.chance(0.3)
        }
        libraries[name] = library
        libraryDepths[depth, default: []].append(name)
        return name
    }
}
