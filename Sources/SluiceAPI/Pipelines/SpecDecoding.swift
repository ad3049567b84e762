public import JSON
import KubernetesModel

// The decoders below read what validation has passed: a value of the wrong kind cannot be there any more, and a missing
// one takes the default that the schema documents. Nothing but validation calls them.

extension PipelineSpec {
    public init(validated json: JSONValue) {
        description = json["description"]?.string
        parameters = (json["parameters"]?.array ?? []).map(ParameterSpec.init(validated:))
        tasks = (json["tasks"]?.array ?? []).map(TaskSpec.init(validated:))
        finally = (json["finally"]?.array ?? []).map(TaskSpec.init(validated:))
        results = (json["results"]?.array ?? []).map {
            ResultSpec(name: $0["name"]?.string ?? "", value: $0["value"] ?? .null)
        }
    }
}

extension ParameterSpec {
    public init(validated json: JSONValue) {
        self.init(
            name: json["name"]?.string ?? "",
            type: json["type"]?.string.flatMap(ParameterType.init(rawValue:)) ?? .string,
            defaultValue: json["default"], description: json["description"]?.string,
            allowedValues: json["enum"]?.array ?? [])
    }
}

extension TaskSpec {
    public init(validated json: JSONValue) {
        name = json["name"]?.string ?? ""
        container = json["container"]
        podTemplate = json["podTemplate"]
        pipelineRef = json["pipelineRef"]?["name"]?.string
        pipelineSpec = json["pipelineSpec"].map(PipelineSpec.init(validated:))
        parameters = json["parameters"]?.object ?? JSONObject()
        dependsOn = (json["dependsOn"]?.array ?? []).map(Dependency.init(validated:))
        when = json["when"]?.string
        forEach = json["forEach"].map(ForEachSpec.init(validated:))
        minAvailable = json["minAvailable"]?.int.map(Int.init)
        replicas = json["replicas"]?.int.map(Int.init) ?? 1
        topology = json["topology"].map { topology in
            TopologySpec(
                key: topology["key"]?.string ?? "",
                mode: topology["mode"]?.string.flatMap(TopologySpec.Mode.init(rawValue:)) ?? .required)
        }
        framework = json["framework"]?.string.flatMap(Framework.init(rawValue:))
        successPolicy = json["successPolicy"]?.string.flatMap(SuccessPolicy.init(rawValue:)) ?? .all
        retry = json["retry"].map(RetrySpec.init(validated:))
        timeout = json["timeout"]?.string.flatMap(Duration.init(goText:))
        onFailure = json["onFailure"]?.string.flatMap(FailureEffect.init(rawValue:)) ?? .fail
        results = json["results"]?.strings ?? []
    }
}

extension ForEachSpec {
    public init(validated json: JSONValue) {
        self.init(
            items: json["items"] ?? [], itemName: json["as"]?.string ?? Self.defaultItemName,
            parallelism: json["parallelism"]?.int.map(Int.init))
    }
}

extension Dependency {
    public init(validated json: JSONValue) {
        self.init(
            task: json.string ?? json["task"]?.string ?? "",
            on: json["on"]?.string.flatMap(Condition.init(rawValue:)) ?? .succeededOrSkipped)
    }
}

extension RetrySpec {
    public init(validated json: JSONValue) {
        self.init(
            limit: json["limit"]?.int.map(Int.init) ?? 0,
            backoff: json["backoff"].map(BackoffSpec.init(validated:)) ?? BackoffSpec(),
            on: json["on"]?.strings.map { Set($0.compactMap(FailureClass.init(rawValue:))) },
            exitCodes: Set((json["exitCodes"]?.array ?? []).compactMap { $0.int.map(Int.init) }))
    }
}

extension BackoffSpec {
    public init(validated json: JSONValue) {
        self.init()
        if let initial = json["initial"]?.string.flatMap(Duration.init(goText:)) { self.initial = initial }
        if let factor = json["factor"]?.double { factorThousandths = Int((factor * 1000).rounded()) }
        if let max = json["max"]?.string.flatMap(Duration.init(goText:)) { self.max = max }
    }
}

extension PipelineRunSpec {
    public init(validated json: JSONValue) {
        pipelineRef = json["pipelineRef"]?["name"]?.string
        pipelineSpec = json["pipelineSpec"].map(PipelineSpec.init(validated:))
        parameters = json["parameters"]?.object ?? JSONObject()
        gangScope = json["gangScope"]?.string.flatMap(GangScope.init(rawValue:)) ?? .task
        parallelism = json["parallelism"]?.int.map(Int.init)
        timeout = json["timeout"]?.string.flatMap(Duration.init(goText:))
        queueTimeout = json["queueTimeout"]?.string.flatMap(Duration.init(goText:))
        failurePolicy = json["failurePolicy"]?.string.flatMap(FailurePolicy.init(rawValue:)) ?? .failFast
        state = json["state"]?.string.flatMap(DesiredState.init(rawValue:)) ?? .running
        ttlSecondsAfterFinished = json["ttlSecondsAfterFinished"]?.int.map(Int.init)
        podTemplate = json["podTemplate"]
    }
}
