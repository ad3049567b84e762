import GangQueue
import JSON
import KubernetesModel
import Queueing
import Testing
import YAML

struct PodGroupTests {
    private static func reading(_ text: String, count: Int = 1) throws -> PodGroupReading {
        let spec = try #require(try YAMLReader.parse(text).first).value
        return PodGroup.reading(
            [
                "metadata": ["namespace": "ns", "labels": ["app": "train", "sluice.dev/run": "r"]],
                "spec": spec,
            ], count: count)
    }

    @Test
    func `A pod that asks for nothing may go anywhere`() throws {
        for text in ["{}", "containers: []", "affinity: null\ntolerations: null\nnodeSelector: null", "[]"] {
            let reading = try Self.reading(text, count: 3)
            #expect(reading.group == PodGroup([:], count: 3), "\(text)")
            #expect(reading.unheeded.isEmpty, "\(text)")
        }
        #expect(PodGroup.reading(.null).group == PodGroup([:]))
    }

    @Test
    func `Requests are rounded up, counts and selector are taken over`() {
        let reading = PodGroup.reading(
            [
                "spec": [
                    "nodeSelector": ["disk": "ssd"],
                    "containers": [["resources": ["requests": ["cpu": "1500u", "memory": "1.2"]]]],
                ]
            ], count: 4, required: 2)
        #expect(
            reading.group
                == PodGroup(["cpu": 2, "memory": 2], count: 4, required: 2, nodeSelector: ["disk": "ssd"]))
    }

    // MARK: Tolerations

    @Test(
        arguments: [
            ("{key: a, operator: Exists}", Toleration(key: "a")),
            ("{key: a, operator: Equal, value: b}", Toleration(key: "a", value: "b")),
            ("{key: a, value: b}", Toleration(key: "a", value: "b")),
            ("{key: a, operator: ''}", Toleration(key: "a", value: "")),
            ("{key: a, operator: Exists, effect: NoExecute}", Toleration(key: "a", effect: .noExecute)),
            (
                "{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 30}",
                Toleration(key: "a", effect: .noExecute)
            ),
            ("{operator: Exists}", Toleration(key: nil)),
            ("{key: '', operator: Exists, effect: NoSchedule}", Toleration(key: nil, effect: .noSchedule)),
            ("{key: a, operator: Exists, effect: Unheard}", nil),
        ] as [(String, Toleration?)])
    func `Q5: tolerations are those of Kubernetes`(text: String, expected: Toleration?) throws {
        let reading = try Self.reading("tolerations: [\(text)]")
        #expect(reading.group.tolerations == [expected].compactMap(\.self))
        #expect(reading.unheeded.isEmpty)
    }

    @Test
    func `A toleration that compares numbers is not heeded`() throws {
        let reading = try Self.reading("tolerations: [{key: a, operator: Gt, value: '5'}]")
        #expect(reading.group.tolerations.isEmpty)
        #expect(reading.unheeded == ["the toleration of a with the operator Gt"])
    }

    // MARK: Nodes

    private static func affinity(_ terms: String) -> String {
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: \(terms)}}}"
    }

    private static let never = NodeRequirement("metadata.name", .isIn, [])

    @Test(
        arguments: [
            (
                "[{matchExpressions: [{key: a, operator: In, values: [x, z]}, {key: b, operator: Exists}]}]",
                [[NodeRequirement("a", .isIn, ["x", "z"]), NodeRequirement("b", .exists)]]
            ),
            (
                "[{matchExpressions: [{key: a, operator: NotIn, values: [x]}]}, {matchExpressions: [{key: b, operator: DoesNotExist}]}]",
                [[NodeRequirement("a", .isNotIn, ["x"])], [NodeRequirement("b", .doesNotExist)]]
            ),
            (
                "[{matchExpressions: [{key: a, operator: Gt, values: ['5']}, {key: a, operator: Lt, values: ['9']}]}]",
                [[NodeRequirement("a", .isGreater, ["5"]), NodeRequirement("a", .isLess, ["9"])]]
            ),
            (
                "[{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}]",
                [[NodeRequirement("metadata.name", .isIn, ["n1"])]]
            ),
            ("[{matchFields: [{key: spec.x, operator: In, values: [n1]}]}]", [[never]]),
            ("[{matchExpressions: [{key: a, operator: Like, values: [x]}]}]", [[never]]),
            ("[{matchExpressions: [5]}]", [[never]]),
            ("[{}, {matchExpressions: []}]", []), ("[]", []), ("null", []),
        ] as [(String, [[NodeRequirement]])])
    func `Q5: required node affinity is that of Kubernetes, and a mistake in it allows no node`(
        terms: String, expected: [[NodeRequirement]]
    ) throws {
        let reading = try Self.reading(Self.affinity(terms))
        #expect(reading.group.affinity == expected)
        #expect(reading.unheeded.isEmpty)
    }

    @Test
    func `A pod with a node may be there alone, if its affinity allows that`() throws {
        let node = NodeRequirement("metadata.name", .isIn, ["n7"])
        #expect(try Self.reading("nodeName: n7").group.affinity == [[node]])
        #expect(try Self.reading("nodeName: ''").group.affinity == nil)
        let both = try Self.reading(
            "nodeName: n7\n" + Self.affinity("[{matchExpressions: [{key: b, operator: Exists}]}, {}]"))
        #expect(both.group.affinity == [[NodeRequirement("b", .exists), node]])
        #expect(try Self.reading("nodeName: n7\n" + Self.affinity("[{}]")).group.affinity == [])
    }

    @Test
    func `A label that is called as the field of the name is not heeded`() throws {
        let reading = try Self.reading(Self.affinity("[{matchExpressions: [{key: metadata.name, operator: Exists}]}]"))
        #expect(reading.unheeded == ["the label metadata.name of nodes, which is taken for their name"])
    }

    @Test
    func `What is only preferred does not matter`() throws {
        let reading = try Self.reading(
            """
            affinity:
              nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {}}]}
              podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}
              podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}
            topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}]
            """)
        #expect(reading.group == PodGroup([:]) && reading.unheeded.isEmpty)
    }

    // MARK: Other pods

    private static let host = "topologyKey: kubernetes.io/hostname"

    @Test(
        arguments: [
            ("{\(host), labelSelector: {matchLabels: {app: train}}}", true, []),
            ("{\(host), labelSelector: {matchExpressions: [{key: app, operator: In, values: [train]}]}}", true, []),
            ("{\(host), labelSelector: {}}", true, []), ("{\(host)}", false, []),
            ("{\(host), labelSelector: null}", false, []),
            ("{\(host), labelSelector: {}, namespaces: [other, ns]}", true, []),
            ("{\(host), labelSelector: {}, namespaceSelector: {}}", true, []),
            ("{\(host), labelSelector: {}, namespaceSelector: null}", true, []),
            ("{\(host), labelSelector: {}, matchLabelKeys: [app]}", true, []),
            ("{\(host), labelSelector: {}, mismatchLabelKeys: [nothing]}", true, []),
            (
                "{\(host), labelSelector: {matchLabels: {app: db}}}", false,
                ["the pod anti-affinity on kubernetes.io/hostname"]
            ),
            (
                "{\(host), labelSelector: {}, namespaces: [other]}", false,
                ["the pod anti-affinity on kubernetes.io/hostname"]
            ),
            (
                "{\(host), labelSelector: {}, namespaceSelector: {matchLabels: {a: b}}}", false,
                ["the pod anti-affinity on kubernetes.io/hostname"]
            ),
            (
                "{\(host), labelSelector: {}, mismatchLabelKeys: [app]}", false,
                ["the pod anti-affinity on kubernetes.io/hostname"]
            ),
            (
                "{topologyKey: zone, labelSelector: {matchLabels: {app: train}}}", false,
                ["the pod anti-affinity on zone"]
            ),
        ] as [(String, Bool, [String])])
    func `Anti-affinity to each other on the hostname separates hosts; any other is not heeded`(
        term: String, isSeparate: Bool, unheeded: [String]
    ) throws {
        let reading = try Self.reading(
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [\(term)]}}")
        #expect(reading.group.separateHosts == isSeparate)
        #expect(reading.unheeded == unheeded)
    }

    @Test
    func `What the queue cannot express is said`() throws {
        let reading = try Self.reading(
            """
            affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack, labelSelector: {}}]}}
            topologySpreadConstraints:
              - {topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}
              - {topologyKey: region, maxSkew: 1}
            resourceClaims: [{name: gpu}]
            """)
        #expect(
            reading.unheeded == [
                "the pod affinity on rack", "the topology spread over zone", "the topology spread over region",
                "the resource claims",
            ])
        #expect(!reading.group.separateHosts)
    }

    @Test(
        arguments: [
            ("containers: [{ports: [{containerPort: 80, hostPort: 80}]}]", true),
            ("initContainers: [{ports: [{containerPort: 80, hostPort: 80}]}]", true),
            ("hostNetwork: true\ncontainers: [{ports: [{containerPort: 80}]}]", true),
            ("containers: [{ports: [{containerPort: 80}]}]", false), ("hostNetwork: true\ncontainers: [{}]", false),
        ])
    func `Two pods with one host port are on two nodes`(text: String, isSeparate: Bool) throws {
        let reading = try Self.reading(text)
        #expect(reading.group.separateHosts == isSeparate)
        #expect(reading.unheeded == (isSeparate ? ["the host ports of other pods"] : []))
    }

    @Test
    func `Values of any kind in any place are read without a crash`() {
        let junk: [JSONValue] = [
            .null, true, -1, 1.5, "x", [], [[]], [:], ["a": 5], [["key": 1]], ["nodeSelectorTerms": 5],
        ]
        let fields = [
            "containers", "initContainers", "tolerations", "nodeSelector", "nodeName", "affinity", "overhead",
            "resources",
            "topologySpreadConstraints", "resourceClaims", "hostNetwork",
        ]
        for field in fields {
            for value in junk {
                _ = PodGroup.reading(["spec": .object([field: value])], count: -1)
                _ = PodGroup.reading([
                    "spec": ["affinity": ["nodeAffinity": value, "podAffinity": value, "podAntiAffinity": value]]
                ])
                _ = PodGroup.reading([
                    "spec": [
                        "affinity": ["nodeAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": value]],
                        "containers": [["resources": value, "ports": value]],
                    ], "metadata": value,
                ])
            }
        }
    }
}
