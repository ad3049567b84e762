// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import HTTPServing
import JSON
import KubernetesModel
import KubernetesSchema
import SeededRandom
import Testing

@testable import EmbeddedAPIServer

@Suite struct PatchTests {
    private static let pod = PodStrategy().type

    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

    @Test(arguments: [
        // RFC 6902, appendix A
        (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz","value":"qux"}]"#, #"{"baz":"qux","foo":"bar"}"#),
        (#"{"foo":["bar","baz"]}"#, #"[{"op":"add","path":"/foo/1","value":"qux"}]"#, #"{"foo":["bar","qux","baz"]}"#),
        (#"{"baz":"qux","foo":"bar"}"#, #"[{"op":"remove","path":"/baz"}]"#, #"{"foo":"bar"}"#),
        (#"{"foo":["bar","qux","baz"]}"#, #"[{"op":"remove","path":"/foo/1"}]"#, #"{"foo":["bar","baz"]}"#),
        (
            #"{"baz":"qux","foo":"bar"}"#, #"[{"op":"replace","path":"/baz","value":"boo"}]"#,
            #"{"baz":"boo","foo":"bar"}"#
        ),
        (
            #"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            #"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            #"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#
        ),
        (
            #"{"foo":["all","grass","cows","eat"]}"#, #"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            #"{"foo":["all","cows","eat","grass"]}"#
        ),
        (#"{"baz":"qux"}"#, #"[{"op":"test","path":"/baz","value":"bar"}]"#, "error"),
        (
            #"{"foo":"bar"}"#, #"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
            #"{"child":{"grandchild":{}},"foo":"bar"}"#
        ),
        (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz/bat","value":"qux"}]"#, "error"),
        (#"{"/":9,"~1":10}"#, #"[{"op":"test","path":"/~01","value":10}]"#, #"{"/":9,"~1":10}"#),
        (#"{"foo":["bar"]}"#, #"[{"op":"add","path":"/foo/-","value":["abc"]}]"#, #"{"foo":["bar",["abc"]]}"#),
        (#"{"a":[1]}"#, #"[{"op":"remove","path":"/a/1"}]"#, "error"),
        (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/01","value":1}]"#, "error"),
        (#"{"a":1}"#, #"[{"op":"copy","from":"/a","path":"/b"}]"#, #"{"a":1,"b":1}"#),
        (#"{"a":{}}"#, #"[{"op":"move","from":"/a","path":"/a/b"}]"#, "error"),
        ("{}", #"{"op":"add"}"#, "error"), ("{}", #"[{"op":"nope","path":"/a"}]"#, "error"), ("{}", "[7]", "error"),
    ])
    func `JSON patches do what RFC 6902 says`(_ target: String, _ patch: String, _ expected: String) throws {
        let result = Result { try JSONPatch.apply(json(patch), to: json(target)) }
        switch result {
        case .success(let value): #expect(value.text == expected)
        case .failure: #expect(expected == "error")
        }
    }

    @Test(arguments: [
        // RFC 7386, appendix A
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"a":1,"e":null}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func `Merge patches do what RFC 7386 says`(_ target: String, _ patch: String, _ expected: String) throws {
        #expect(try MergePatch.apply(json(patch), to: json(target)).text == expected)
    }

    @Test(arguments: [
        (
            #"{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b"}]}}"#,
            #"{"spec":{"containers":[{"name":"a","image":"2"}]}}"#,
            #"{"spec":{"containers":[{"image":"2","name":"a"},{"name":"b"}]}}"#
        ),
        (
            #"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#,
            #"{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}"#, #"{"spec":{"containers":[{"name":"b"}]}}"#
        ),
        (
            #"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#,
            #"{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}}"#,
            #"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#
        ),
        (
            #"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#,
            #"{"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"a"},{"name":"b"}],"containers":[{"name":"c"}]}}"#,
            #"{"spec":{"containers":[{"name":"c"},{"name":"a"},{"name":"b"}]}}"#
        ),
        (
            #"{"spec":{"tolerations":[{"key":"a"}]}}"#, #"{"spec":{"tolerations":[{"key":"b"}]}}"#,
            #"{"spec":{"tolerations":[{"key":"b"}]}}"#
        ),
        (
            #"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}"#,
            #"{"metadata":{"finalizers":["b"]}}"#
        ),
        (
            #"{"metadata":{"finalizers":["a"]}}"#, #"{"metadata":{"finalizers":["b"]}}"#,
            #"{"metadata":{"finalizers":["b","a"]}}"#
        ),
        (
            #"{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}"#,
            #"{"spec":{"volumes":[{"name":"v","$retainKeys":["name","secret"],"secret":{"secretName":"s"}}]}}"#,
            #"{"spec":{"volumes":[{"name":"v","secret":{"secretName":"s"}}]}}"#
        ),
        (
            #"{"metadata":{"labels":{"a":"1","b":"2"}}}"#, #"{"metadata":{"labels":{"$patch":"replace","c":"3"}}}"#,
            #"{"metadata":{"labels":{"c":"3"}}}"#
        ),
        (#"{"spec":{"containers":[{"name":"a"}]}}"#, #"{"spec":{"containers":[{"image":"x"}]}}"#, "error"),
    ])
    func `Strategic merge patches merge lists by their keys`(_ target: String, _ patch: String, _ expected: String)
        throws
    {
        let result = Result { try StrategicMergePatch.apply(json(patch), to: json(target), Self.pod) }
        switch result {
        case .success(let value): #expect(value.text == expected)
        case .failure: #expect(expected == "error")
        }
    }

    @Test func `The fields of every kind are in the table, and its own lists are patched by their first key`() {
        for resource in BuiltinResources.all {
            let name = resource.group == "events.k8s.io" ? "EventV1" : resource.kind
            let fields = TypeTable.kubernetes.types[name]?.fields ?? []
            #expect(!fields.isEmpty, "\(name)")
            for field in fields {
                #expect(resource.strategy.type.patched(field: field.name)?.list == field.listPatch, "\(name)")
            }
        }
    }

    /// A random JSON value, with few different names so that two values share some.
    private func anything(_ depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .int(.random(in: -3...3, using: &generator))
        case 3: return .string(["", "a", "é", "\u{0}", "$patch"].randomElement(using: &generator) ?? "")
        case 4: return .double(0.5)
        case 5:
            return .array((0..<Int.random(in: 0...3, using: &generator)).map { _ in anything(depth + 1, &generator) })
        default:
            let names = [
                "a", "b", "name", "spec", "metadata", "containers", "$patch", "labels", "finalizers", "-", "0",
            ]
            return .object(
                JSONObject(
                    (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                        (names.randomElement(using: &generator) ?? "a", anything(depth + 1, &generator))
                    }))
        }
    }

    @Test func `Patches of junk onto junk never crash, and a merge patch applied twice is the same as once`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<3000 {
            let (target, patch) = (anything(0, &generator), anything(0, &generator))
            _ = try? JSONPatch.apply(patch, to: target)
            _ = try? StrategicMergePatch.apply(patch, to: target, Self.pod)
            _ = try? ServerSideApply(
                type: Self.pod,
                writer: ManagedFieldsEntry(
                    manager: "m", operation: .apply, apiVersion: "v1", time: nil, subresource: "", fields: FieldSet()),
                force: true
            ).apply(patch, to: target)
            let once = MergePatch.apply(patch, to: target)
            #expect(MergePatch.apply(patch, to: once) == once)
        }
    }

    @Test func `A set of fields survives its own JSON, and differences add up`() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<1000 {
            let (old, new) = (anything(0, &generator), anything(0, &generator))
            let set = FieldSet(present: new, .any)
            #expect(FieldSet(set.json)?.json == set.json)
            let difference = FieldDifference(from: old, to: new, .any)
            #expect(difference.added.intersection(difference.removed).isEmpty)
            #expect(FieldDifference(from: new, to: new, .any).added.isEmpty)
            #expect(set.subtracting(set).isEmpty)
            #expect(set.union(difference.added).subtracting(difference.added).intersection(difference.added).isEmpty)
        }
    }

    @Test func `Requests of junk get a Status and never crash the server`() async throws {
        let test = try TestServer()
        try await test.prepare()
        var generator = SeededGenerator(seed: 9)
        let types = [
            "application/json", "application/merge-patch+json", "application/json-patch+json",
            "application/strategic-merge-patch+json", "application/apply-patch+yaml",
            "application/vnd.kubernetes.protobuf", "",
        ]
        let pieces = [
            "api", "apis", "v1", "namespaces", "default", "pods", "p", "status", "log", "golden.example.dev", "widgets",
            "%2F", "%", "..", "openapi", "v3", "configmaps", "events", "binding",
        ]
        let queries = [
            "watch=1&timeoutSeconds=-1", "limit=-1", "continue=zzz", "labelSelector=((", "fieldSelector=a=b",
            "resourceVersion=x", "fieldManager=f", "dryRun=no", "force=1&fieldManager=m", "tailLines=z", "",
        ]
        for round in 0..<3000 {
            let path =
                "/"
                + (0..<Int.random(in: 0...7, using: &generator)).map { _ in
                    pieces.randomElement(using: &generator) ?? ""
                }.joined(separator: "/")
            let good = [
                WatchTests.widgets, "\(WatchTests.widgets)/w", "/api/v1/namespaces/default/pods",
                "/api/v1/namespaces/default/pods/p",
            ]
            let target = round % 2 == 0 ? path : good.randomElement(using: &generator) ?? path
            var value = anything(0, &generator)
            if round % 3 == 0 { value = ["metadata": ["name": "p"], "spec": value, "status": anything(0, &generator)] }
            var body = value.bytes
            if round % 7 == 0 { body = (0..<50).map { _ in UInt8.random(in: 0...255, using: &generator) } }
            if round % 11 == 0 { body = [0x6B, 0x38, 0x73, 0x00] + body }
            let request = InboundRequest(
                ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"].randomElement(using: &generator) ?? "GET",
                target + "?" + (queries.randomElement(using: &generator) ?? ""),
                accept: ["", "application/json", "*/*", "text/html", "application/json;as=Table;v=v1;g=meta.k8s.io"]
                    .randomElement(using: &generator) ?? "",
                contentType: types.randomElement(using: &generator) ?? "", body: body)
            let response = await test.server.respond(to: request)
            if case .stream(let produce) = response.body { try await produce { _ in } }
            #expect(
                response.status != 500 || target.contains("watch") || request.parameter("watch") != nil
                    || request.parameter("resourceVersion") == "x",
                "round \(round), seed 9: \(request.method) \(target): \(String(decoding: response.bytes.prefix(300), as: UTF8.self))"
            )
        }
        await test.server.core.settle()
    }

    @Test func `N22: A JSON patch cannot grow an object beyond what can be stored, and says so at once`() async throws {
        let test = try TestServer()
        let path = "/api/v1/namespaces/default/configmaps"
        await test.send(
            "POST", path,
            ["metadata": ["name": "a"], "data": ["k": .string(String(repeating: "x", count: 100_000))]])
        // Each copy doubles the object.
        let doubling = (0..<17).map { number -> JSONValue in
            ["op": "copy", "from": "/data", "path": .string("/data/n\(number)")]
        }
        let type = "application/json-patch+json"
        let answer = await test.send("PATCH", "\(path)/a", .array(doubling), type: type)
        #expect(answer.status == 422)
        #expect(answer.json["message"] == "the server rejected our request due to an error in our request")

        let copies = (0..<20).map { number -> JSONValue in
            ["op": "copy", "from": "/data/k", "path": .string("/data/n\(number)")]
        }
        let tooLarge = await test.send("PATCH", "\(path)/a", .array(copies), type: type)
        #expect(tooLarge.status == 413)
        #expect(tooLarge.json["message"] == "Request entity too large: limit is 1572864")
        #expect(await test.send("PATCH", "\(path)/a", .array(Array(copies.prefix(13))), type: type).status == 200)
        let body = String(repeating: "x", count: 1_600_000)
        #expect(
            await test.send("POST", path, ["metadata": ["name": "b"], "data": ["k": .string(body)]]).status == 413)
    }

    @Test func `What is said to be too large has more bytes as JSON`() {
        let values: [JSONValue] = [
            [:], [], .null, 0, -17, 123_456, 0.5, "text", ["a": [1, 2, [:]], "b": ["c": true]], [[], [1], "x"],
        ]
        for value in values {
            #expect(!value.isLarger(than: value.bytes.count))
            #expect(value.isLarger(than: value.bytes.count / 2))
        }
    }
}
