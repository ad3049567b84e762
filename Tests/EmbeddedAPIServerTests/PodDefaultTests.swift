import JSON
import Testing

@testable import EmbeddedAPIServer

/// What a real API server stores for what a pod leaves out.
@Suite struct PodDefaultTests {
    static let cases: [(field: String, given: String, stored: String)] = [
        (
            "livenessProbe", #"{"exec":{"command":["true"]}}"#,
            #"{"exec":{"command":["true"]},"failureThreshold":3,"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1}"#
        ),
        (
            "readinessProbe", #"{"httpGet":{"port":80},"periodSeconds":2}"#,
            #"{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":2,"successThreshold":1,"timeoutSeconds":1}"#
        ),
        (
            "startupProbe", #"{"grpc":{"port":80},"failureThreshold":9,"timeoutSeconds":7}"#,
            #"{"failureThreshold":9,"grpc":{"port":80,"service":""},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":7}"#
        ),
        (
            "lifecycle",
            #"{"postStart":{"httpGet":{"port":80,"path":"/a"}},"preStop":{"httpGet":{"port":"x","scheme":"HTTPS"}}}"#,
            #"{"postStart":{"httpGet":{"path":"/a","port":80,"scheme":"HTTP"}},"preStop":{"httpGet":{"path":"/","port":"x","scheme":"HTTPS"}}}"#
        ),
        (
            "ports", #"[{"containerPort":80},{"containerPort":81,"hostPort":1,"protocol":"UDP"}]"#,
            #"[{"containerPort":80,"hostPort":80,"protocol":"TCP"},{"containerPort":81,"hostPort":1,"protocol":"UDP"}]"#
        ),
        (
            "env",
            #"[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"B","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]"#,
            #"[{"name":"A","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},{"name":"B","valueFrom":{"resourceFieldRef":{"divisor":"0","resource":"limits.cpu"}}}]"#
        ),
    ]

    @Test(arguments: cases.indices) func `A container gets the defaults of its parts`(_ index: Int) async throws {
        let (field, given, stored) = Self.cases[index]
        var container: JSONValue = ["name": "c", "image": "x"]
        container[field] = try JSONValue(parsing: given)
        let spec = try await self.stored(["hostNetwork": true, "containers": [container]])
        #expect(spec?["containers"]?[0]?[field] == (try JSONValue(parsing: stored)))
    }

    @Test func `A volume gets the defaults of its source`() async throws {
        let given = """
            [{"name":"a"},{"name":"b","emptyDir":{"sizeLimit":"1024Mi"}},{"name":"c","secret":{"secretName":"s"}},
             {"name":"d","hostPath":{"path":"/x"}},{"name":"e","image":{"reference":"x:1"}},
             {"name":"f","image":{"reference":"x:latest"}},
             {"name":"g","downwardAPI":{"items":[{"path":"p","resourceFieldRef":{"resource":"limits.cpu","containerName":"c"}}]}},
             {"name":"h","projected":{"sources":[{"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}},
              {"serviceAccountToken":{"path":"t"}},{"secret":{"name":"s"}}]}}]
            """
        let stored = """
            [{"name":"a","emptyDir":{}},{"name":"b","emptyDir":{"sizeLimit":"1Gi"}},
             {"name":"c","secret":{"secretName":"s","defaultMode":420}},
             {"name":"d","hostPath":{"path":"/x","type":""}},{"name":"e","image":{"reference":"x:1","pullPolicy":"IfNotPresent"}},
             {"name":"f","image":{"reference":"x:latest","pullPolicy":"Always"}},
             {"name":"g","downwardAPI":{"defaultMode":420,"items":[{"path":"p",
              "resourceFieldRef":{"resource":"limits.cpu","containerName":"c","divisor":"0"}}]}},
             {"name":"h","projected":{"defaultMode":420,"sources":[
              {"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name","apiVersion":"v1"}}]}},
              {"serviceAccountToken":{"path":"t","expirationSeconds":3600}},{"secret":{"name":"s"}}]}}]
            """
        let spec = try await self.stored([
            "volumes": try JSONValue(parsing: given), "containers": [["name": "c", "image": "x"]],
        ])
        let expected = try JSONValue(parsing: stored).array ?? []
        for (volume, wanted) in zip(spec?["volumes"]?.array ?? [], expected) { #expect(volume == wanted) }
        #expect(spec?["volumes"]?.array?.count == expected.count)
    }

    /// The spec of a pod as it is stored.
    private func stored(_ spec: JSONValue) async throws -> JSONValue? {
        let test = try TestServer()
        let pods = "/api/v1/namespaces/default/pods"
        #expect(await test.send("POST", pods, ["metadata": ["name": "p"], "spec": spec]).status == 201)
        return await test.send("GET", "\(pods)/p").json["spec"]
    }
}
