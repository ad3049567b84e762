import JSON
import KubernetesModel
import Synchronization
import Testing

@testable import EmbeddedAPIServer

/// Webhooks in process: what is asked of them, and what becomes of their answers.
@Suite struct AdmissionHookTests {
    /// Refuses objects with the label `refuse`, as it says, and warns of all.
    private static func hook(_ status: JSONValue?, seen: @escaping @Sendable (JSONValue) -> Void = { _ in })
        -> AdmissionHook
    {
        AdmissionHook(name: "check.example.com", groups: [""]) { review in
            seen(review)
            let request = review["request"] ?? .null
            let isAllowed = request["object"]?["metadata"]?["labels"]?["refuse"] == nil
            var response: JSONValue = [
                "uid": request["uid"] ?? .null, "allowed": .bool(isAllowed), "warnings": ["a \"quoted\" word…"],
            ]
            if !isAllowed, let status { response["status"] = status }
            return ["apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response]
        }
    }

    private static func configMap(_ name: String, refuse: Bool = false) -> JSONValue {
        var metadata: JSONValue = ["name": .string(name)]
        if refuse { metadata["labels"] = ["refuse": "yes"] }
        return ["metadata": metadata]
    }

    private static let path = "/api/v1/namespaces/default/configmaps"

    private func send(_ test: TestServer, _ method: String, _ target: String, _ body: JSONValue, _ type: String) async
        -> InboundResponse
    {
        await test.server.respond(
            to: InboundRequest(
                method, target, accept: "application/json", contentType: type, userAgent: "test", body: body.bytes))
    }

    @Test(
        arguments: [
            (nil, 403, "Forbidden", "denied the request without explanation"),
            (["reason": "Busy"], 403, "Busy", "denied the request: Busy"),
            (
                ["code": 422, "reason": "Invalid", "message": "spec: no"], 422, "Invalid",
                "denied the request: spec: no"
            ),
            (["code": 200, "message": "fine"], 403, "Forbidden", "denied the request: fine"),
        ] as [(JSONValue?, Int, String, String)])
    func `A refusal is answered with the code and reason that the hook gave, its name and its warnings`(
        status: JSONValue?, code: Int, reason: String, message: String
    ) async throws {
        let test = try TestServer(hooks: [Self.hook(status)])
        for (method, target, type) in [
            ("POST", Self.path, "application/json"),
            ("PATCH", "\(Self.path)/a?fieldManager=m", "application/apply-patch+yaml"),
        ] {
            var body = Self.configMap("a", refuse: true)
            body["apiVersion"] = "v1"
            body["kind"] = "ConfigMap"
            let response = await send(test, method, target, body, type)
            let json = try JSONValue(parsing: response.bytes)
            #expect(response.status == code, "\(json)")
            #expect(json["reason"]?.string == reason && json["status"] == "Failure")
            #expect(json["message"]?.string == "admission webhook \"check.example.com\" \(message)")
            #expect(response.headers.map(\.value) == [#"299 - "a \"quoted\" word…""#])
            #expect(await test.send("GET", "\(Self.path)/a").status == 404)
        }
    }

    @Test func `It is asked about creations and updates of its groups, with both objects, and not about subresources`()
        async throws
    {
        let seen = Mutex<[JSONValue]>([])
        let hook = Self.hook(nil) { review in seen.withLock { $0.append(review["request"] ?? .null) } }
        let test = try TestServer(hooks: [hook])
        let created = await send(test, "POST", Self.path, Self.configMap("a"), "application/json")
        #expect(created.status == 201 && created.headers.map(\.name) == ["warning"])
        for (body, type) in [
            (["data": ["k": "v"]], "application/merge-patch+json"),
            ([["op": "add", "path": "/data", "value": ["k": "w"]]], "application/json-patch+json"),
        ] as [(JSONValue, String)] {
            let patched = await send(test, "PATCH", "\(Self.path)/a", body, type)
            #expect(patched.status == 200 && patched.headers.map(\.name) == ["warning"])
        }
        await test.send("DELETE", "\(Self.path)/a")
        // Another group, and a subresource.
        await test.send(
            "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", ["metadata": ["name": "l"]])
        await test.send("POST", "/api/v1/nodes", ["metadata": ["name": "n"]])
        await test.send(
            "PATCH", "/api/v1/nodes/n/status", ["status": ["phase": "x"]], type: "application/merge-patch+json")
        let requests = seen.withLock { $0 }
        #expect(
            requests.map { "\($0["operation"]?.string ?? "") \($0["name"]?.string ?? "")" }
                == ["CREATE a", "UPDATE a", "UPDATE a", "CREATE n"])
        #expect(requests[2]["object"]?["data"] == ["k": "w"] && requests[2]["oldObject"]?["data"] == ["k": "v"])
        #expect(requests[0]["oldObject"] == .null && requests[0]["namespace"] == "default")
        #expect(requests[0]["kind"] == ["group": "", "version": "v1", "kind": "ConfigMap"])
    }

    @Test func `A refused update changes nothing, and a dry run is asked about and says so`() async throws {
        let seen = Mutex(false)
        let hook = Self.hook(nil) { review in
            seen.withLock { $0 = review["request"]?["dryRun"] == true }
        }
        let test = try TestServer(hooks: [hook])
        await test.send("POST", Self.path, Self.configMap("a"))
        let label: JSONValue = ["metadata": ["labels": ["refuse": "yes"]]]
        let refused = await test.send("PATCH", "\(Self.path)/a", label, type: "application/merge-patch+json")
        #expect(refused.status == 403)
        #expect(await test.send("GET", "\(Self.path)/a").json["metadata"]?["labels"] == nil)
        #expect(await test.send("POST", "\(Self.path)?dryRun=All", Self.configMap("b", refuse: true)).status == 403)
        #expect(seen.withLock { $0 })
    }

    @Test func `A hook that fails, or answers another request, fails the request`() async throws {
        struct Broken: Error {}
        let answers: [@Sendable (JSONValue) throws -> JSONValue] = [
            { _ in throw Broken() }, { _ in [:] }, { _ in ["response": ["uid": "other", "allowed": true]] },
        ]
        for answer in answers {
            let test = try TestServer(
                hooks: [AdmissionHook(name: "check.example.com", groups: [""], review: answer)])
            let failed = await test.send("POST", Self.path, Self.configMap("a"))
            #expect(failed.status == 500)
            #expect(
                failed.json["message"]?.string?.hasPrefix(
                    "Internal error occurred: failed calling webhook \"check.example.com\": ") == true, "\(failed.json)"
            )
        }
    }
}
