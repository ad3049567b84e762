import CurlHTTP
import Foundation
import JSON
import KubernetesModel
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(1)))
struct RequestTests {
    private static let pods = ResourceType(version: "v1", kind: "Pod", plural: "pods")
    private static let widgets = ResourceType(
        group: "example.dev", version: "v1", kind: "Widget", plural: "widgets")

    @Test func `Paths, queries and bodies are what the API asks for`() async throws {
        let server = try ScriptedServer(.init(200, #"{"kind":"X","metadata":{"name":"n"}}"#))
        let client = try TestClient(server.url + "/prefix/").client
        let widgets = client.dynamic(Self.widgets, namespace: "a b")
        _ = try await widgets.get("w+1")
        _ = try await widgets.patch(
            "w", .apply(["spec": [:]]), subresource: "scale",
            WriteOptions(fieldManager: "me & you", fieldValidation: "Strict", dryRun: true, force: true))
        _ = try await widgets.patchStatus("w", .json([]), WriteOptions(force: true))
        _ = try await widgets.replaceStatus(["metadata": ["name": "w"]] as JSONValue)
        _ = try await widgets.delete(
            "w",
            DeleteOptions(
                uid: "u", resourceVersion: "9", propagation: .foreground, gracePeriodSeconds: 0, dryRun: true))
        try await widgets.deleteCollection(ListOptions(labelSelector: "a in (b,c),d!=é"))
        try await client.dynamic(Self.pods, namespace: "n").bind("p", to: "node", uid: "u")
        let requests = server.requests
        #expect(
            requests.map { "\($0.method) \($0.path)" } == [
                "GET /prefix/apis/example.dev/v1/namespaces/a%20b/widgets/w%2B1",
                "PATCH /prefix/apis/example.dev/v1/namespaces/a%20b/widgets/w/scale"
                    + "?fieldManager=me%20%26%20you&fieldValidation=Strict&dryRun=All&force=true",
                "PATCH /prefix/apis/example.dev/v1/namespaces/a%20b/widgets/w/status",
                "PUT /prefix/apis/example.dev/v1/namespaces/a%20b/widgets/w/status",
                "DELETE /prefix/apis/example.dev/v1/namespaces/a%20b/widgets/w",
                "DELETE /prefix/apis/example.dev/v1/namespaces/a%20b/widgets"
                    + "?labelSelector=a%20in%20%28b%2Cc%29%2Cd%21%3D%C3%A9",
                "POST /prefix/api/v1/namespaces/n/pods/p/binding",
            ])
        #expect(requests[0].headers["accept"] == "application/json")
        #expect(requests[0].headers["user-agent"] == "swift-kubernetes-client")
        #expect(requests[1].headers["content-type"] == "application/apply-patch+yaml")
        #expect(requests[1].body == #"{"apiVersion":"example.dev/v1","kind":"Widget","spec":{}}"#)
        #expect(requests[2].headers["content-type"] == "application/json-patch+json")
        #expect(
            requests[4].body
                == #"{"apiVersion":"v1","dryRun":["All"],"gracePeriodSeconds":0,"kind":"DeleteOptions","preconditions":"#
                + #"{"resourceVersion":"9","uid":"u"},"propagationPolicy":"Foreground"}"#)
    }

    @Test func `A patch of which only the metadata is wanted says so, and takes a whole object as well`() async throws {
        let text = #"{"kind":"X","metadata":{"name":"n","resourceVersion":"7"},"spec":{"large":[1,2,3]}}"#
        let server = try ScriptedServer(.init(200, text))
        let widgets = try TestClient(server.url).client.dynamic(Self.widgets, namespace: "n")
        let metadata = try await widgets.patchForMetadata("w", .merge(["status": [:]]), subresource: "status")
        #expect(metadata.resourceVersion == "7")
        let request = try #require(server.requests.first)
        #expect(request.path.hasSuffix("/widgets/w/status"))
        #expect(
            request.headers["accept"]?.hasPrefix("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1") == true
        )
    }

    @Test(arguments: ["", ".", "..", "a/b", "a%2Fb"])
    func `A name that would be another path is refused before it is sent`(name: String) async throws {
        let server = try ScriptedServer(.init(200))
        let pods = try TestClient(server.url).client.dynamic(Self.pods, namespace: "n")
        await #expect { _ = try await pods.get(name) } throws: {
            ($0 as? KubernetesClientError)?.code == .invalidRequest
        }
        #expect(server.requests.isEmpty)
    }

    @Test func `An object of all namespaces cannot be reached by its name`() async throws {
        let server = try ScriptedServer(.init(200))
        let pods = try TestClient(server.url).client.dynamic(Self.pods)
        await #expect { _ = try await pods.get("p") } throws: { "\($0)".contains("a namespace is required") }
        await #expect { try await pods.deleteCollection() } throws: { "\($0)".contains("a namespace is required") }
        #expect(server.requests.isEmpty)
    }

    @Test func `Warnings of the server are handed on`() async throws {
        let server = try ScriptedServer(
            .init(
                200, "{}",
                headers: ["Warning": #"299 - "unknown field \"a, b\"", 299 kube "second" "Tue", 199 - "other""#]))
        let test = try TestClient(server.url)
        _ = try await test.client.request("GET", "/version")
        #expect(test.warnings.value == [#"unknown field "a, b""#, "second"])
        #expect(WarningHeader.texts(#"299 - "open"#).isEmpty)
    }

    @Test func `A delete says whether the object is gone`() async throws {
        let server = try ScriptedServer(
            .init(200, #"{"kind":"Status","apiVersion":"v1","status":"Success"}"#),
            .init(200, #"{"kind":"Pod","metadata":{"name":"p","deletionTimestamp":"2026-01-01T00:00:00Z"}}"#))
        let pods = try TestClient(server.url).client.dynamic(Self.pods, namespace: "n")
        guard case .deleted = try await pods.delete("p") else { throw Unexpected("gone") }
        guard case .accepted(let pod) = try await pods.delete("p") else { throw Unexpected("not gone") }
        #expect(pod.metadata.isBeingDeleted)
    }

    @Test func `One item that cannot be decoded does not hide the others`() async throws {
        let server = try ScriptedServer(
            .init(
                200,
                #"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":""},"items":["#
                    + #"{"metadata":{"name":"a","uid":"1"}},{"metadata":{"name":"b"},"status":{"phase":7}},"#
                    + #"{"metadata":5},{"metadata":{"name":"c"}}]}"#))
        let pods = try TestClient(server.url).client.resource(Pod.self, namespace: "n")
        let list = try await pods.list()
        #expect(list.resourceVersion == "7" && list.continueToken == nil)
        let names = list.items.map { item in
            switch item {
            case .object(let pod): pod.metadata.name
            case .undecodable(let metadata, _): "undecodable \(metadata.name)"
            }
        }
        #expect(names == ["a", "undecodable b", "undecodable ", "c"])
    }

    @Test func `Items of a list of a built-in kind are told what they are`() async throws {
        let server = try ScriptedServer(.init(200, #"{"metadata":{},"items":[{"metadata":{"name":"a"}}]}"#))
        let list = try await TestClient(server.url).client.dynamic(Self.pods).list()
        guard case .object(let pod)? = list.items.first else { throw Unexpected("no pod") }
        #expect(pod.kind == "Pod" && pod.apiVersion == "v1")
    }

    @Test func `All pages are read, and from the start when their version has expired`() async throws {
        let expired = #"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}"#
        func page(_ name: String, _ token: String) -> ScriptedServer.Answer {
            .init(
                200,
                #"{"metadata":{"resourceVersion":"5","continue":"\#(token)"},"items":[{"metadata":{"name":"\#(name)"}}]}"#
            )
        }
        let server = try ScriptedServer(
            page("a", "t1"), page("b", "t2"), .init(410, expired), page("c", "t3"), .init(410, expired), page("d", ""))
        let pods = try TestClient(server.url).client.dynamic(Self.pods)
        let list = try await pods.listAll(ListOptions(resourceVersion: "0"), limit: 1)
        #expect(list.items.count == 1 && list.resourceVersion == "5")
        #expect(
            server.requests.map(\.path) == [
                "/api/v1/pods?limit=1&resourceVersion=0", "/api/v1/pods?limit=1&continue=t1",
                "/api/v1/pods?limit=1&continue=t2", "/api/v1/pods?limit=1&resourceVersion=0",
                "/api/v1/pods?limit=1&continue=t3", "/api/v1/pods?resourceVersion=0",
            ])
    }

    @Test(arguments: ["", "<html>", "{", "[]", #"{"items":5}"#, #"{"metadata":{}}"#, "nul", "\u{0}"])
    func `A malformed list is an error that says so`(body: String) async throws {
        let server = try ScriptedServer(.init(200, body))
        let pods = try TestClient(server.url).client.dynamic(Self.pods)
        await #expect { _ = try await pods.list() } throws: { ($0 as? KubernetesClientError)?.code == .unexpectedBody }
    }

    @Test func `A log comes as bytes, with the options asked for`() async throws {
        let server = try ScriptedServer(.init(200, "line 1\nline 2\n"))
        let pods = try TestClient(server.url).client.resource(Pod.self, namespace: "n")
        var options = PodLogOptions()
        options.container = "c"
        options.follow = true
        options.tailLines = 5
        options.sinceTime = Timestamp(microseconds: 1_500_000)
        options.stream = .stderr
        let log = try await pods.logs("p", options)
        #expect(String(decoding: try await log.collect(upTo: 1000), as: UTF8.self) == "line 1\nline 2\n")
        #expect(
            server.requests[0].path
                == "/api/v1/namespaces/n/pods/p/log?container=c&follow=true&tailLines=5&sinceTime=1970-01-01T00%3A00%3A01.500000Z&stream=Stderr"
        )
    }

    struct Exchange: Decodable {
        struct Request: Decodable { var method: String, path: String }
        var request: Request
    }

    @Test func `Every refusal that a real API server was seen to give becomes its Status`() async throws {
        let file = try #require(
            Bundle.module.url(forResource: "errors", withExtension: "json", subdirectory: "Resources"))
        let exchanges = try JSONValue(parsing: Array(Data(contentsOf: file))).array ?? []
        #expect(exchanges.count == 36)
        for exchange in exchanges {
            let status = Int(exchange[path: "response", "status"]?.int ?? 0)
            let body = exchange[path: "response", "body"] ?? .null
            let server = try ScriptedServer(.init(status, body.string ?? body.text))
            let client = try TestClient(server.url, retry: .never).client
            let method = exchange[path: "request", "method"]?.string ?? ""
            await #expect {
                _ = try await client.request(method, exchange[path: "request", "path"]?.string ?? "")
            } throws: { error in
                guard let error = error as? APIStatus, error.code == status else { return false }
                guard body.object != nil else {
                    return error.isNotFound && error.message.contains("404 page not found")
                }
                let causes = body[path: "details", "causes"]?.array?.count ?? 0
                return error.message == body["message"]?.string && error.reason == body["reason"]?.string ?? ""
                    && error.details?.causes.count ?? 0 == causes
            }
        }
    }
}
