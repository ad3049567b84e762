import CEL
import JSON
import KubernetesModel
import KubernetesSchema
import SluiceAPI
import Testing
import YAML

struct QueueTests {
    private static func spec(_ text: String) throws -> JSONValue {
        try #require(try YAMLReader.parse(text).first).value
    }

    // MARK: The spec

    @Test
    func `What a queue does not say has its default`() {
        let spec = QueueSpec(validated: [:])
        #expect(spec == QueueSpec())
        #expect(spec.weight == 1 && spec.reclaimable && spec.dequeueStrategy == .traverse && spec.state == .open)
        #expect(spec.preemption == .lowerPriority && spec.provisioning == .none)
        #expect(
            spec.provisioningTimeout == .seconds(900) && spec.maxRunningRuns == nil && spec.namespaceSelector == nil)
    }

    @Test
    func `Every field is read`() throws {
        let json = try Self.spec(
            """
            namespaces: [a, b]
            namespaceSelector: {matchLabels: {team: x}, matchExpressions: [{key: env, operator: In, values: [dev]}]}
            parent: all
            weight: 3
            guarantee: {cpu: 500m, nvidia.com/gpu: 2}
            deserved: {memory: 1Gi}
            capability: {cpu: 8}
            reclaimable: false
            dequeueStrategy: fifo
            preemption: Never
            state: Draining
            maxRunningRuns: 7
            provisioning: Autoscaler
            provisioningTimeout: 20m
            """)
        let report = Validator.validate(queueSpec: json)
        #expect(report.errors.isEmpty && report.warnings.isEmpty)
        var expected = QueueSpec()
        expected.namespaces = ["a", "b"]
        expected.namespaceSelector = LabelSelector(
            matchLabels: ["team": "x"], matchExpressions: [.init("env", .isIn, ["dev"])])
        expected.parent = "all"
        expected.weight = 3
        expected.guarantee = ["cpu": Quantity(milli: 500), "nvidia.com/gpu": Quantity(2)]
        expected.deserved = ["memory": Quantity(1 << 30)]
        expected.capability = ["cpu": Quantity(8)]
        expected.reclaimable = false
        expected.dequeueStrategy = .fifo
        expected.preemption = .never
        expected.state = .draining
        expected.maxRunningRuns = 7
        expected.provisioning = .autoscaler
        expected.provisioningTimeout = .seconds(1200)
        #expect(QueueSpec(validated: json) == expected)
    }

    /// Whether the API server refuses it too: by the shape or by a rule in CEL.
    private enum Server { case refuses, accepts }

    /// A document's spec for the queue called `q`, what is said of it, and what the API server does with it.
    private static let refused: [(String, [String], Server)] = [
        ("wieght: 2", ["spec.wieght: unknown field (did you mean weight?)"], .accepts),
        (
            "weight: 0", ["spec.weight: Invalid value: 0: spec.weight in body should be greater than or equal to 1"],
            .refuses
        ),
        (
            "weight: two",
            [#"spec.weight: Invalid value: "two": is a string, expected an integer"#], .refuses
        ),
        ("parent: q", [#"spec.parent: Invalid value: "q": a queue cannot be its own parent"#], .refuses),
        (
            "parent: Q",
            [
                #"spec.parent: Invalid value: "Q": must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"#
            ], .accepts
        ),
        (
            "namespaces: [a, B]",
            [
                #"spec.namespaces[1]: Invalid value: "B": must consist of lower case letters, digits and -, and begin and end with a letter or digit"#
            ], .accepts
        ),
        ("namespaces: [a, a]", [#"spec.namespaces[1]: Duplicate value: "a""#], .refuses),
        (
            "guarantee: {cpu: -1}", ["spec.guarantee.cpu: Invalid value: -1: must not be negative"], .refuses
        ),
        (
            "guarantee: {cpu: -1m}", [#"spec.guarantee.cpu: Invalid value: "-1m": must not be negative"#], .refuses
        ),
        (
            "deserved: {memory: 1GB}",
            [
                #"spec.deserved.memory: Invalid value: "1GB": is not a valid quantity: the suffix "GB" is none of n u m k M G T P E Ki Mi Gi Ti Pi Ei"#
            ], .refuses
        ),
        (
            "deserved: {memory: 99999999999999999999}",
            [
                #"spec.deserved.memory: Invalid value: 1e+20: is a number, expected an integer or a string"#
            ], .refuses
        ),
        (
            "deserved: {memory: '9E30'}",
            [#"spec.deserved.memory: Invalid value: "9E30": is not a valid quantity: it is more than 2^63-1"#], .accepts
        ),
        (
            "capability: {cpus: 1}",
            [
                #"spec.capability.cpus: Invalid value: "cpus": is no resource of Kubernetes (did you mean cpu?); others have a domain, such as nvidia.com/gpu"#
            ], .accepts
        ),
        (
            "capability: {requests.nvidia.com/gpu: 1}",
            [
                #"spec.capability.requests.nvidia.com/gpu: Invalid value: "requests.nvidia.com/gpu": must be the resource itself, without requests."#
            ], .accepts
        ),
        (
            "capability: {'nvidia.com/': 1}",
            [
                #"spec.capability.nvidia.com/: Invalid value: "nvidia.com/": must be the name of a resource, such as cpu, memory or nvidia.com/gpu"#
            ], .accepts
        ),
        (
            "capability: {nvidia.com/gpu: 1500m}",
            [
                #"spec.capability.nvidia.com/gpu: Invalid value: "1500m": must be a whole number: nvidia.com/gpu comes in pieces"#
            ], .accepts
        ),
        (
            "guarantee: {cpu: 9}\ncapability: {cpu: 8, memory: 1Gi}",
            ["spec.guarantee.cpu: Invalid value: 9: must not be more than the queue's capability, which is 8"],
            .accepts
        ),
        (
            "deserved: {cpu: 8001m}\ncapability: {cpu: 8}",
            [#"spec.deserved.cpu: Invalid value: "8001m": must not be more than the queue's capability, which is 8"#],
            .accepts
        ),
        (
            "provisioning: Autoscaler",
            [
                "spec.capability: Required value: with provisioning Autoscaler a queue needs a capability: it bounds the nodes that are added"
            ], .refuses
        ),
        (
            "provisioning: Autoscaler\ncapability: {}",
            [
                "spec.capability: Required value: with provisioning Autoscaler a queue needs a capability: it bounds the nodes that are added"
            ], .refuses
        ),
        (
            "provisioning: Autoscaler\ncapability: {cpu: 1}\nprovisioningTimeout: 0s",
            [#"spec.provisioningTimeout: Invalid value: "0s": must be longer than 0s"#], .accepts
        ),
        (
            "state: Shut",
            [#"spec.state: Unsupported value: "Shut": supported values: "Open", "Closed", "Draining""#], .refuses
        ),
        (
            "dequeueStrategy: FIFO",
            [#"spec.dequeueStrategy: Unsupported value: "FIFO": supported values: "traverse", "fifo""#], .refuses
        ),
        (
            "preemption: Always",
            [#"spec.preemption: Unsupported value: "Always": supported values: "Never", "LowerPriority""#], .refuses
        ),
        (
            "provisioning: auto",
            [#"spec.provisioning: Unsupported value: "auto": supported values: "None", "Autoscaler""#], .refuses
        ),
        (
            "maxRunningRuns: -1",
            [
                "spec.maxRunningRuns: Invalid value: -1: spec.maxRunningRuns in body should be greater than or equal to 0"
            ], .refuses
        ),
        (
            "namespaceSelector: {matchLabels: {'a b': c}}",
            [
                #"spec.namespaceSelector.matchLabels.a b: Invalid value: "a b": must be a label such as team or example.com/team"#
            ], .accepts
        ),
        (
            "namespaceSelector: {matchLabels: {a: -c}}",
            [
                #"spec.namespaceSelector.matchLabels.a: Invalid value: "-c": must be the value of a label: at most 63 letters, digits, -, _ and ., with a letter or digit at both ends"#
            ], .accepts
        ),
        (
            "namespaceSelector: {matchExpressions: [{key: a, operator: Equals, values: [b]}]}",
            [
                #"spec.namespaceSelector.matchExpressions[0].operator: Unsupported value: "Equals": supported values: "In", "NotIn", "Exists", "DoesNotExist""#
            ], .refuses
        ),
        (
            "namespaceSelector: {matchExpressions: [{key: a, operator: In}]}",
            ["spec.namespaceSelector.matchExpressions[0].values: Required value: In needs values"], .refuses
        ),
        (
            "namespaceSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
            ["spec.namespaceSelector.matchExpressions[0].values: Forbidden: Exists takes no values"], .refuses
        ),
        (
            "namespaceSelector: {matchExpressions: [{operator: Exists}]}",
            ["spec.namespaceSelector.matchExpressions[0].key: Required value"], .refuses
        ),
    ]

    private static let accepted = [
        "{}", "weight: 2147483647", "guarantee: {cpu: 0}", "guarantee: {cpu: '1e3', memory: .5Gi}",
        "capability: {pods: 100, hugepages-2Mi: 1Gi, ephemeral-storage: 1T, example.com/fpga: '2'}",
        "guarantee: {cpu: 8}\ndeserved: {cpu: 8000m}\ncapability: {cpu: 8}",
        "guarantee: {cpu: 8}\ncapability: {memory: 1}",
        "namespaceSelector: {}", "namespaceSelector: {matchExpressions: [{key: a/b, operator: DoesNotExist}]}",
        "provisioning: None\nmaxRunningRuns: 0",
        "provisioning: Autoscaler\ncapability: {cpu: 100}\nprovisioningTimeout: 1h",
    ]

    private static func document(_ spec: JSONValue) -> JSONValue {
        ["apiVersion": "sluice.dev/v1alpha1", "kind": "Queue", "metadata": ["name": "q"], "spec": spec]
    }

    /// What the API server says of an object: the schema, then the rules in CEL.
    private static func serverErrors(_ object: JSONValue) throws -> [String] {
        let schema = try #require(CustomResourceDefinitions.schema(ofKind: "Queue"))
        var object = object
        _ = schema.prune(&object, isRoot: true)
        var errors = schema.validate(object).map(\.description)
        guard errors.isEmpty else { return errors }
        func check(_ value: JSONValue, _ schema: StructuralSchema) throws {
            for rule in schema.rules {
                let expression = try CELExpression(rule.rule, in: CELEnvironment(["self": .dyn]))
                if try !expression.evaluateBool({ _ in value }) { errors.append(rule.message ?? rule.rule) }
            }
            for (name, field) in value.object ?? JSONObject() {
                if let inner = schema.schema(ofField: name) { try check(field, inner) }
            }
            for element in value.array ?? [] {
                if let inner = schema.items { try check(element, inner) }
            }
        }
        try check(object, schema)
        return errors
    }

    @Test(arguments: refused.indices)
    func `A mistake in a queue is said in one sentence with its path`(index: Int) throws {
        let (text, messages, _) = Self.refused[index]
        let report = Validator.validate(Self.document(try Self.spec(text)))
        #expect(report.errors.map { "\($0.path): \($0.body)" } == messages, "\(text)")
        #expect(report.warnings.isEmpty)
    }

    @Test(arguments: refused.indices)
    func `The API server refuses by schema and rules what they can say, and nothing else`(index: Int) throws {
        let (text, _, server) = Self.refused[index]
        let errors = try Self.serverErrors(Self.document(try Self.spec(text)))
        #expect(errors.isEmpty == (server == .accepts), "\(text): \(errors)")
    }

    @Test(arguments: accepted)
    func `A good queue is accepted by validator and API server`(text: String) throws {
        let document = Self.document(try Self.spec(text))
        let report = Validator.validate(document)
        #expect(report.errors.isEmpty && report.warnings.isEmpty)
        #expect(try Self.serverErrors(document) == [])
    }

    @Test
    func `A queue's name fits a label`() throws {
        var document = Self.document([:])
        document["metadata"] = ["name": .string(String(repeating: "a", count: 64))]
        #expect(
            Validator.validate(document).errors.map { "\($0.path): \($0.detail)" } == [
                "metadata.name: must be no more than 63 characters"
            ])
        #expect(try Self.serverErrors(document) == ["the name of a queue must be no more than 63 characters"])
    }

    @Test
    func `What has no effect is a warning`() throws {
        var document = Self.document(["provisioningTimeout": "5m"])
        document["metadata"]?["namespace"] = "x"
        let report = Validator.validate(document)
        #expect(report.isValid)
        #expect(
            report.warnings.map { "\($0.path): \($0.detail)" } == [
                "spec.provisioningTimeout: has no effect without provisioning: Autoscaler",
                "metadata.namespace: a Queue is of the whole cluster and in no namespace",
            ])
    }

    @Test(
        arguments: [
            (nil, "DoesNotExist", [], [true, false, false]), (nil, "Exists", [], [false, true, true]),
            (nil, "In", ["x", "z"], [false, true, false]), (nil, "NotIn", ["x"], [true, false, true]),
            ("x", nil, [], [false, true, false]), ("y", "NotIn", ["x"], [false, false, true]),
            (nil, nil, [], [true, true, true]),
        ] as [(String?, String?, [String], [Bool])])
    func `A selector selects by labels as Kubernetes does`(
        label: String?, found: String?, values: [String], expected: [Bool]
    ) {
        var json: JSONValue = [:]
        if let label { json["matchLabels"] = ["team": .string(label)] }
        if let found {
            json["matchExpressions"] = [["key": "team", "operator": .string(found), "values": JSONValue(values)]]
        }
        let selector = LabelSelector(validated: json)
        #expect([[:], ["team": "x"], ["team": "y", "a": "b"]].map(selector.matches) == expected)
    }

    @Test
    func `A requirement that cannot be read selects nothing`() {
        for entry: JSONValue in [["key": "a", "operator": "Like"], ["operator": "Exists"], 5] {
            #expect(!LabelSelector(validated: ["matchExpressions": [entry]]).matches(["a": "b"]))
        }
    }

    // MARK: The status

    private static var status: QueueStatus {
        var status = QueueStatus()
        status.observedGeneration = 4
        status.pending = 3
        status.admitted = 2
        status.running = 1
        status.runs = 2
        status.allocated = ["cpu": Quantity(milli: 1500), "nvidia.com/gpu": Quantity(3)]
        status.deserved = ["nvidia.com/gpu": Quantity(8), "memory": Quantity(1 << 30, format: .binary)]
        status.guaranteed = ["nvidia.com/gpu": Quantity(2)]
        status.share = 425
        status.setReady(
            false, reason: QueueReasons.cycle, message: "a -> b -> a", previous: [], now: Timestamp(seconds: 10))
        return status
    }

    @Test
    func `A status survives writing and reading, and is what the schema says`() throws {
        let status = Self.status
        let queue = try Queue(["metadata": ["name": "q"], "spec": ["weight": 2], "status": status.json])
        #expect(queue == Queue(metadata: ObjectMeta(name: "q"), spec: ["weight": 2], status: status))
        var json = status.json
        #expect(QueueStatus.schema.prune(&json, isRoot: false).isEmpty)
        #expect(QueueStatus.schema.validate(json).isEmpty)
        #expect(Set(QueueStatus.schema.properties.keys) == Set(json.object?.keys ?? []))
        #expect(json["gpu"] == "3/8" && json["share"] == "0.425")
        #expect(json["deserved"] == ["nvidia.com/gpu": "8", "memory": "1Gi"])
    }

    @Test
    func `An empty status says only what kubectl prints`() throws {
        #expect(QueueStatus().json == ["observedGeneration": -1, "pending": 0, "admitted": 0])
        #expect(try QueueStatus(["pending": .null, "share": .null, "allocated": .null, "new": [1]]) == QueueStatus())
        #expect(try QueueStatus(["deserved": ["cpu": "none", "memory": 5]]).deserved == ["memory": Quantity(5)])
        var queue: JSONValue = ["spec": [:]]
        CustomResourceDefinitions.schema(ofKind: "Queue")?.applyDefaults(&queue)
        #expect(queue == ["spec": ["weight": 1, "state": "Open"], "status": ["observedGeneration": -1]])
    }

    @Test(arguments: [(0, "0.00"), (5, "0.005"), (420, "0.42"), (425, "0.425"), (1000, "1.00"), (12_340, "12.34")])
    func `A share is written with two or three decimals`(share: Int, text: String) throws {
        var status = QueueStatus()
        status.share = share
        #expect(status.json["share"] == .string(text))
        #expect(try QueueStatus(status.json) == status)
    }

    @Test(arguments: ["", "1", "1.5", "a.bc", "-1.00", "0.-5", "99999999999999999999.00", "1.0000", "1.00.00"])
    func `A share that is none is taken for not there`(text: String) throws {
        #expect(try QueueStatus(["share": .string(text)]).share == nil)
    }

    @Test
    func `GPUs of all vendors are one column, slices of them are none`() {
        var status = QueueStatus()
        #expect(status.gpu == nil)
        status.allocated = [
            "nvidia.com/gpu": Quantity(1), "amd.com/gpu": Quantity(2), "nvidia.com/mig-1g.5gb": Quantity(9),
        ]
        #expect(status.gpu == "3/0")
        status.allocated = ["cpu": Quantity(1)]
        status.deserved = ["gpu.intel.com/i915": Quantity(4)]
        #expect(status.gpu == "0/4")
    }

    @Test
    func `A Ready condition keeps its time while its state stays`() {
        let before = Self.status.conditions
        var status = Self.status
        status.setReady(
            false, reason: QueueReasons.unknownParent, message: "m", previous: before, now: Timestamp(seconds: 20))
        #expect(Set(status.conditions.map(\.lastTransitionTime)) == [Timestamp(seconds: 10)])
        #expect(
            status.conditions.map { "\($0.type) \($0.status) \($0.reason)" } == [
                "Ready False UnknownParent", "Stalled True UnknownParent",
            ])
        status.setReady(true, reason: QueueReasons.open, message: "m", previous: before, now: Timestamp(seconds: 20))
        #expect(status.conditions.map(\.lastTransitionTime) == [Timestamp(seconds: 20)])
    }
}
