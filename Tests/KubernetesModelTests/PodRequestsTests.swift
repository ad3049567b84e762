import JSON
import KubernetesModel
import Testing

struct PodRequestsTests {
    private static let big = "9223372036854775807"

    /// A spec in JSON, and what its pod asks for.
    private static let cases: [(String, String, [String: String])] = [
        ("nothing", "{}", [:]),
        ("no resources", #"{"containers": [{"name": "a"}, {"name": "b", "resources": {}}]}"#, [:]),
        (
            "main containers add up",
            #"""
            {"containers": [
              {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}},
              {"resources": {"requests": {"cpu": 1, "nvidia.com/gpu": "2"}}}]}
            """#, ["cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "2"]
        ),
        (
            "a limit alone is the request, per resource and container",
            #"""
            {"containers": [
              {"resources": {"limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"cpu": "1"}}},
              {"resources": {"limits": {"nvidia.com/gpu": 1}}}]}
            """#, ["cpu": "1", "memory": "2Gi", "nvidia.com/gpu": "1"]
        ),
        (
            "a request of 0 stands beside a limit",
            #"{"containers": [{"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "0"}}}]}"#, [:]
        ),
        (
            "the largest init container, when it needs more than all main ones",
            #"""
            {"initContainers": [
              {"resources": {"requests": {"cpu": "3", "memory": "1Gi"}}},
              {"resources": {"requests": {"cpu": "1", "memory": "4Gi"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1", "memory": "2Gi"}}}, {"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "3", "memory": "4Gi"]
        ),
        (
            "init containers do not add up",
            #"""
            {"initContainers": [{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"requests": {"cpu": "1"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "1"]
        ),
        (
            "native sidecars run beside main containers",
            #"""
            {"initContainers": [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}],
             "containers": [{"resources": {"requests": {"cpu": "2"}}}]}
            """#, ["cpu": "3"]
        ),
        (
            "an init container runs beside the sidecars before it",
            #"""
            {"initContainers": [
              {"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
              {"resources": {"requests": {"cpu": "5"}}},
              {"restartPolicy": "Always", "resources": {"requests": {"cpu": "2"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "6"]
        ),
        (
            "and not beside those after it",
            #"""
            {"initContainers": [
              {"resources": {"requests": {"cpu": "5"}}},
              {"restartPolicy": "Always", "resources": {"requests": {"cpu": "2"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "5"]
        ),
        (
            "of each resource whichever is more",
            #"""
            {"initContainers": [
              {"restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}},
              {"resources": {"requests": {"cpu": "4"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1", "memory": "2Gi"}}}]}
            """#, ["cpu": "4", "memory": "3Gi"]
        ),
        (
            "a restart policy of a main container makes no sidecar",
            #"{"containers": [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}]}"#, ["cpu": "1"]
        ),
        (
            "a restart policy other than Always makes no sidecar",
            #"""
            {"initContainers": [{"restartPolicy": "OnFailure", "resources": {"requests": {"cpu": "1"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "1"]
        ),
        (
            "overhead comes on top",
            #"""
            {"overhead": {"cpu": "250m", "memory": "100Mi"},
             "initContainers": [{"resources": {"requests": {"cpu": "2"}}}],
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "2250m", "memory": "100Mi"]
        ),
        (
            "what the pod asks for as a whole stands in place of its containers, of what it names",
            #"""
            {"resources": {"requests": {"cpu": "3"}}, "overhead": {"cpu": "1"},
             "containers": [{"resources": {"requests": {"cpu": "8", "memory": "1Gi"}}}]}
            """#, ["cpu": "4", "memory": "1Gi"]
        ),
        (
            "a pod's own limit is its request where no container asks for that",
            #"""
            {"resources": {"limits": {"cpu": "4", "memory": "4Gi"}},
             "containers": [{"resources": {"requests": {"cpu": "1"}}}]}
            """#, ["cpu": "1", "memory": "4Gi"]
        ),
        (
            "a pod's own limit of huge pages is its request",
            #"""
            {"resources": {"limits": {"hugepages-2Mi": "4Mi"}},
             "containers": [{"resources": {"limits": {"hugepages-2Mi": "2Mi"}}}]}
            """#, ["hugepages-2Mi": "4Mi"]
        ),
        (
            "devices are asked for by containers alone",
            #"""
            {"resources": {"requests": {"nvidia.com/gpu": "8"}, "limits": {"ephemeral-storage": "1Gi"}},
             "containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]}
            """#, ["nvidia.com/gpu": "1"]
        ),
        (
            "null is nothing",
            #"""
            {"initContainers": null, "overhead": null, "resources": null,
             "containers": [{"restartPolicy": null, "resources": null}, {"resources": {"requests": null, "limits": {"cpu": 1}}}]}
            """#, ["cpu": "1"]
        ),
        (
            "what is no quantity, or negative, is nothing",
            #"""
            {"containers": [{"resources": {"requests": {"cpu": "lots", "memory": "-5", "a": true, "b": "-9E99", "c": ""}}}],
             "overhead": {"cpu": [1]}}
            """#, [:]
        ),
        (
            "what is too large is the most there can be, and so are sums of it",
            #"""
            {"containers": [
              {"resources": {"requests": {"cpu": "9E99", "memory": "9223372036854775807", "x": 1e300}}},
              {"resources": {"requests": {"cpu": "9E99", "memory": "9223372036854775807"}}}]}
            """#, ["cpu": big, "memory": big, "x": big]
        ),
        (
            "fractions are exact",
            #"{"containers": [{"resources": {"requests": {"cpu": 0.1}}}, {"resources": {"requests": {"cpu": "0.2"}}}]}"#,
            ["cpu": "300m"]
        ),
        ("no spec", "[1]", [:]), ("no containers", #"{"containers": 5}"#, [:]), ("null", "null", [:]),
    ]

    @Test(arguments: cases.indices)
    func `A pod asks for what the kube-scheduler counts`(index: Int) throws {
        let (name, text, expected) = Self.cases[index]
        let requests = PodRequests(spec: try JSONValue(parsing: text))
        let quantities = try expected.mapValues { try Quantity(parsing: $0) }
        #expect(requests.quantities == quantities, "\(name)")
        #expect(requests.amounts.map(\.name) == expected.keys.sorted(), "\(name)")
    }

    @Test
    func `A quantity that is too large is told from one that is none`() {
        func problem(_ text: String) -> QuantityError? {
            do {
                _ = try Quantity(parsing: text)
                return nil
            } catch { return error as? QuantityError }
        }
        for text in ["9E99", "10000000000000000000", "1e40", String(repeating: "9", count: 50), "-9E99"] {
            #expect(problem(text)?.isTooLarge == true, "\(text)")
        }
        for text in ["", "x", "1x", "1e", "E"] { #expect(problem(text)?.isTooLarge == false, "\(text)") }
    }
}
