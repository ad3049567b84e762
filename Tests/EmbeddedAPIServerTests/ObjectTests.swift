// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

@Suite struct ObjectTests {
    static let maps = "/api/v1/namespaces/default/configmaps"

    @Test func `Pages are of one version, whatever happens between them`() async throws {
        let test = try TestServer()
        for index in 0..<9 { await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]]) }
        let first = await test.send("GET", "\(Self.maps)?limit=4").json
        let version = first["metadata"]!["resourceVersion"]!
        await test.send("DELETE", "\(Self.maps)/c-5")
        await test.send("POST", Self.maps, ["metadata": ["name": "c-55"]])
        await test.send("PATCH", "\(Self.maps)/c-6", ["data": ["k": "v"]], type: "application/merge-patch+json")
        var names = first["items"]!.array!.map { $0["metadata"]!["name"]!.string! }
        var token = first["metadata"]?["continue"]?.string ?? ""
        while !token.isEmpty {
            let page = await test.send("GET", "\(Self.maps)?limit=4&continue=\(token)").json
            #expect(page["metadata"]?["resourceVersion"] == version)
            names += page["items"]!.array!.map { $0["metadata"]!["name"]!.string! }
            let own = page["items"]!.array!.filter { $0["metadata"]!["name"]!.string!.hasPrefix("c-") }
            #expect(own.allSatisfy { $0["data"] == nil })
            token = page["metadata"]?["continue"]?.string ?? ""
        }
        #expect(names == (0..<9).map { "c-\($0)" } + ["kube-root-ca.crt"])
        let exact = await test.send(
            "GET", "\(Self.maps)?resourceVersion=\(version.rendered)&resourceVersionMatch=Exact"
        ).json
        #expect(exact["items"]?.array?.count == 10)
    }

    @Test func `A continue token that is too old is refused with 410`() async throws {
        let test = try TestServer(watchWindow: 5)
        for index in 0..<4 { await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]]) }
        let token = await test.send("GET", "\(Self.maps)?limit=2").json["metadata"]!["continue"]!.rendered
        for index in 4..<12 { await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]]) }
        let answer = await test.send("GET", "\(Self.maps)?limit=2&continue=\(token)")
        #expect(answer.status == 410)
        #expect(answer.json["reason"] == "Expired")
    }

    @Test func `An update that changes nothing keeps the resourceVersion`() async throws {
        let test = try TestServer()
        let made = await test.send("POST", Self.maps, ["metadata": ["name": "c"], "data": ["k": "v"]]).json
        let same = await test.send("PUT", "\(Self.maps)/c", made).json
        #expect(same["metadata"]?["resourceVersion"] == made["metadata"]?["resourceVersion"])
        let patched = await test.send(
            "PATCH", "\(Self.maps)/c", ["data": ["k": "v"]], type: "application/merge-patch+json")
        #expect(patched.json["metadata"]?["resourceVersion"] == made["metadata"]?["resourceVersion"])
    }

    @Test func `What the server sets cannot be changed`() async throws {
        let test = try TestServer()
        var made = await test.send("POST", Self.maps, ["metadata": ["name": "c"]]).json
        let uid = made["metadata"]!["uid"]!
        made["metadata"]!["creationTimestamp"] = "2001-01-01T00:00:00Z"
        made["metadata"]!["deletionTimestamp"] = "2001-01-01T00:00:00Z"
        made["data"] = ["k": "v"]
        let answer = await test.send("PUT", "\(Self.maps)/c", made)
        #expect(answer.status == 200)
        #expect(answer.json["metadata"]?["creationTimestamp"] != "2001-01-01T00:00:00Z")
        #expect(answer.json["metadata"]?["deletionTimestamp"] == nil)
        made["metadata"]!["uid"] = "other"
        made["metadata"]!["resourceVersion"] = nil
        #expect(await test.send("PUT", "\(Self.maps)/c", made).status == 409)
        #expect(await test.send("GET", "\(Self.maps)/c").json["metadata"]?["uid"] == uid)
    }

    @Test(arguments: [
        ("metadata.name=a", ["a"]), ("metadata.name!=a", ["b", "kube-root-ca.crt"]),
        ("metadata.namespace=default", ["a", "b", "kube-root-ca.crt"]),
        ("metadata.name=a,metadata.name=b", []),
    ])
    func `Field selectors choose`(_ selector: String, _ expected: [String]) async throws {
        let test = try TestServer()
        for name in ["a", "b"] { await test.send("POST", Self.maps, ["metadata": ["name": .string(name)]]) }
        let list = await test.send("GET", "\(Self.maps)?fieldSelector=\(selector)").json
        #expect(list["items"]!.array!.map { $0["metadata"]!["name"]!.string! } == expected)
    }

    @Test(arguments: [
        ("a", true), ("!a", false), ("a=1", true), ("a==1", true), ("a!=1", false), ("b!=1", true),
        ("a in (1,2)", true),
        ("a notin (1,2)", false), ("a,!b", true), ("a in (2),a", false), ("a>0", true), ("a<1", false), ("", true),
    ])
    func `Label selectors choose`(_ selector: String, _ matches: Bool) throws {
        #expect(try LabelSelector(selector).matches(["a": "1"]) == matches)
    }

    @Test(arguments: ["a=1=2", "a in 1", "a in (1", "=1", "a b", "a,,b", "a in (1),", "((", "a=%"])
    func `A label selector that is none is refused`(_ selector: String) {
        #expect(throws: APIStatus.self) { try LabelSelector(selector) }
    }

    @Test func `A dry run stores nothing and says what would be`() async throws {
        let test = try TestServer()
        let revision = test.server.core.store.revision
        #expect(await test.send("POST", "\(Self.maps)?dryRun=All", ["metadata": ["name": "c"]]).status == 201)
        #expect(test.server.core.store.revision == revision)
        await test.send("POST", Self.maps, ["metadata": ["name": "c"]])
        let patch = await test.send(
            "PATCH", "\(Self.maps)/c?dryRun=All", ["data": ["k": "v"]], type: "application/merge-patch+json")
        #expect(patch.json["data"] == ["k": "v"])
        await test.send("DELETE", "\(Self.maps)/c?dryRun=All")
        #expect(await test.send("GET", "\(Self.maps)/c").json["data"] == nil)
    }

    @Test func `Two writers at once lose nothing`() async throws {
        let test = try TestServer()
        await test.send("POST", Self.maps, ["metadata": ["name": "c"]])
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    await test.send(
                        "PATCH", "\(Self.maps)/c", ["data": ["k\(index)": "v"]], type: "application/merge-patch+json")
                }
            }
        }
        #expect(await test.send("GET", "\(Self.maps)/c").json["data"]?.object?.count == 100)
    }

    @Test(arguments: [
        (".a.b", #"{"a":{"b":1}}"#, ["1"]), (".a[0]", #"{"a":[7,8]}"#, ["7"]),
        (".a[*].b", #"{"a":[{"b":1},{"b":2}]}"#, ["1", "2"]),
        (#".c[?(@.type=="Ready")].status"#, #"{"c":[{"type":"X","status":"a"},{"type":"Ready","status":"b"}]}"#, ["b"]),
        (#".metadata.labels.example\.dev/x"#, #"{"metadata":{"labels":{"example.dev/x":"y"}}}"#, ["y"]),
        (".metadata.labels['example.dev/x']", #"{"metadata":{"labels":{"example.dev/x":"y"}}}"#, ["y"]),
        (".z", "{}", []),
    ])
    func `JSONPaths of printer columns find`(_ path: String, _ text: String, _ expected: [String]) throws {
        let values = try #require(JSONPath(path)).values(in: JSONValue(parsing: text))
        #expect(values.map(\.rendered) == expected)
    }

    @Test func `Errors name fields as Kubernetes does, with keys in brackets`() async throws {
        let test = try TestServer()
        let map = await test.send("POST", Self.maps, ["metadata": ["name": "c"], "data": ["a b.c[0]": "v"]]).json
        #expect(map["details"]?["causes"]?[0]?["field"] == "data[a b.c[0]]")
        #expect(
            map["message"]?.string?.hasPrefix(
                "ConfigMap \"c\" is invalid: data[a b.c[0]]: Invalid value: \"a b.c[0]\": a valid config key") == true)
        let pod = await test.send(
            "POST", "/api/v1/namespaces/default/pods",
            [
                "metadata": ["name": "p"],
                "spec": [
                    "containers": [
                        [
                            "name": "main", "image": "i",
                            "resources": [
                                "limits": ["example.com/gpu": "many"], "requests": ["example.com/gpu": "many"],
                            ],
                        ]
                    ]
                ],
            ]
        ).json
        #expect(
            pod["details"]?["causes"]?.array?.compactMap { $0["field"]?.string } == [
                "spec.containers[0].resources.limits[example.com/gpu]",
                "spec.containers[0].resources.requests[example.com/gpu]",
            ])
    }

    // MARK: Pods

    static let pods = "/api/v1/namespaces/default/pods"

    private func pod(_ resources: JSONValue = [:], _ spec: JSONValue = [:]) -> JSONValue {
        var pod: JSONValue = ["metadata": ["name": "p"], "spec": spec]
        pod["spec"]!["containers"] = [["name": "main", "image": "x", "resources": resources]]
        return pod
    }

    /// A deadline, the one that follows, and the message of the refusal; nil when it is allowed.
    static let deadlines: [(old: JSONValue, new: JSONValue, message: String?)] = [
        (.null, 5, nil), (.null, .null, nil), (5, 5, nil), (5, 1, nil), (5, 0, nil),
        (5, 6, "must be less than or equal to previous value"),
        (5, .null, "must not update from a positive integer to nil value"),
        (5, -1, "must be between 0 and 2147483647, inclusive"),
        (.null, 2_147_483_648, "must be between 0 and 2147483647, inclusive"),
    ]

    @Test(arguments: deadlines.indices)
    func `A pod's deadline may be set or lowered, not raised or removed`(index: Int) async throws {
        let (old, new, message) = Self.deadlines[index]
        let test = try TestServer()
        var pod = pod()
        if !old.isNull { pod["spec"]!["activeDeadlineSeconds"] = old }
        #expect(await test.send("POST", Self.pods, pod).status == 201)
        let answer = await test.send(
            "PATCH", "\(Self.pods)/p", ["spec": ["activeDeadlineSeconds": new]], type: "application/merge-patch+json")
        #expect(answer.status == (message == nil ? 200 : 422))
        if let message {
            let text = answer.json["message"]?.string ?? ""
            #expect(text.contains("spec.activeDeadlineSeconds: Invalid value: "))
            #expect(text.contains(message), "\(text)")
        } else {
            #expect(answer.json["spec"]?["activeDeadlineSeconds"] == (new.isNull ? nil : new))
        }
    }

    @Test(arguments: [
        ("0.5", "500m"), ("1000m", "1"), ("1.5Gi", "1536Mi"), ("0.1", "100m"), ("1e3", "1e3"), ("2048Ki", "2Mi"),
    ])
    func `Quantities are stored in their canonical form`(given: String, stored: String) async throws {
        let test = try TestServer()
        let answer = await test.send("POST", Self.pods, pod(["requests": ["memory": .string(given)]]))
        #expect(
            answer.json["spec"]!["containers"]![0]!["resources"]!["requests"]!["memory"] == .string(stored))
    }

    @Test func `Quantities are compared to the last digit`() async throws {
        let test = try TestServer()
        let more = pod(["requests": ["memory": "9007199254740993"], "limits": ["memory": "9007199254740992"]])
        #expect(await test.send("POST", Self.pods, more).status == 422)
        let hexadecimal = pod(["requests": ["memory": "0x10"]])
        #expect(await test.send("POST", Self.pods, hexadecimal).status == 422)
        let equal: JSONValue = ["cpu": "0.009", "memory": "1Ki"]
        let guaranteed = await test.send(
            "POST", Self.pods, pod(["requests": equal, "limits": ["cpu": "9m", "memory": "1024"]]))
        #expect(guaranteed.json["status"]?["qosClass"] == "Guaranteed")
    }

    @Test func `OpenAPI has the patch merge keys, which are not always the list-map keys`() async throws {
        let test = try TestServer()
        let schemas = await test.send("GET", "/openapi/v3/api/v1").json["components"]!["schemas"]!
        func property(_ type: String, _ field: String) -> JSONValue {
            schemas["io.k8s.api.core.v1.\(type)"]?["properties"]?[field] ?? .null
        }
        let addresses = property("PodStatus", "hostIPs")
        #expect(addresses["x-kubernetes-list-type"] == "atomic")
        #expect(addresses["x-kubernetes-patch-merge-key"] == "ip")
        #expect(addresses["x-kubernetes-patch-strategy"] == "merge")
        let claims = property("ResourceRequirements", "claims")
        #expect(claims["x-kubernetes-list-map-keys"] == ["name"])
        #expect(claims["x-kubernetes-patch-merge-key"] == nil)
        #expect(claims["x-kubernetes-patch-strategy"] == nil)
        #expect(property("Container", "ports")["x-kubernetes-patch-merge-key"] == "containerPort")
        #expect(property("ServiceAccount", "secrets")["x-kubernetes-patch-merge-key"] == "name")
    }

    @Test(arguments: [
        "authorization.k8s.io/v1/selfsubjectaccessreviews", "authorization.k8s.io/v1/selfsubjectrulesreviews",
        "authentication.k8s.io/v1/tokenreviews", "authentication.k8s.io/v1/selfsubjectreviews",
    ])
    func `A review that is no JSON is refused with 400`(path: String) async throws {
        let test = try TestServer()
        for body in ["{", "[]", "", "nonsense"] {
            let answer = await test.server.respond(
                to: InboundRequest(
                    "POST", "/apis/\(path)", accept: "application/json", contentType: "application/json",
                    body: Array(body.utf8)))
            #expect(answer.status == 400, "\(body)")
        }
    }

    @Test func `/metrics counts requests by verb, resource and code`() async throws {
        let test = try TestServer()
        let path = "/api/v1/namespaces/default/configmaps"
        await test.send("POST", path, ["metadata": ["name": "a"]])
        await test.send("POST", path, ["metadata": ["name": "a"]])
        await test.send("GET", path)
        await test.send("GET", "/version")
        await test.send("GET", "/api/v1/namespaces/default/a%22b%0A")
        let answer = await test.server.respond(to: InboundRequest("GET", "/metrics"))
        let lines = String(decoding: answer.bytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        func line(_ code: Int, _ resource: String, _ verb: String) -> String {
            "apiserver_request_total{code=\"\(code)\",group=\"\",resource=\"\(resource)\",subresource=\"\","
                + "verb=\"\(verb)\",version=\"v1\"} 1"
        }
        #expect(
            lines.map(String.init) == [
                line(200, "configmaps", "LIST"), line(201, "configmaps", "POST"), line(404, "a\\\"b\\n", "LIST"),
                line(409, "configmaps", "POST"),
            ])
    }
}
