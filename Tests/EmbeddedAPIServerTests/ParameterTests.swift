import HTTPServing
import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

/// Parameters and fields that are out of the ordinary, answered as a real API server answers them.
@Suite struct ParameterTests {
    static let maps = "/api/v1/namespaces/default/configmaps"

    @Test(arguments: [
        ("limit=abc", #"strconv.ParseInt: parsing "abc": invalid syntax"#),
        ("timeoutSeconds=1s", #"strconv.ParseInt: parsing "1s": invalid syntax"#),
        ("limit=99999999999999999999", #"strconv.ParseInt: parsing "99999999999999999999": value out of range"#),
        ("watch=1&timeoutSeconds=abc", #"strconv.ParseInt: parsing "abc": invalid syntax"#),
    ])
    func `A number that is none is refused with 400`(_ query: String, _ message: String) async throws {
        let test = try TestServer()
        let answer = await test.send("GET", "\(Self.maps)?\(query)")
        #expect(answer.status == 400)
        #expect(answer.json["message"]?.string == message)
        #expect(answer.json["reason"] == "BadRequest")
    }

    @Test(arguments: [
        ("tailLines=x", 400, #"strconv.ParseInt: parsing "x": invalid syntax"#),
        ("limitBytes=99999999999999999999", 400, #"parsing "99999999999999999999": value out of range"#),
        ("sinceTime=yesterday", 400, #"parsing time "yesterday" as "2006-01-02T15:04:05Z07:00""#),
        (
            "tailLines=-1", 422,
            #"PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0"#
        ),
        ("limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        (
            "sinceSeconds=5&sinceTime=2026-01-02T03:04:05Z", 422,
            "at most one of `sinceTime` or `sinceSeconds` may be specified"
        ),
        ("stream=Both", 422, #"Unsupported value: "Both": supported values: "All", "Stderr", "Stdout""#),
        ("stream=Stderr&tailLines=1", 422, "`tailLines` and specific `stream` are mutually exclusive for now"),
        ("stream=All&tailLines=1&sinceSeconds=1&limitBytes=1&sinceTime=null", 404, "pods \"p\" not found"),
    ])
    func `Options of a log that are none are refused`(_ query: String, _ status: Int, _ message: String) async throws {
        let test = try TestServer()
        let answer = await test.send("GET", "/api/v1/namespaces/default/pods/p/log?\(query)")
        #expect(answer.status == status)
        #expect(answer.json["message"]?.string?.contains(message) == true, "\(answer.json)")
    }

    @Test(arguments: ["maybe", "", "f", "1"])
    func `Every value but 0 and false is true, so that watch=maybe watches`(_ value: String) {
        #expect(InboundRequest("GET", "\(Self.maps)?watch=\(value)").flag("watch"))
    }

    @Test(arguments: ["0", "false", "False", "FALSE"])
    func `0 and false are false`(_ value: String) {
        #expect(!InboundRequest("GET", "\(Self.maps)?watch=\(value)").flag("watch"))
    }

    @Test func `A watch without initial events and without a version begins with the next change`() async throws {
        let test = try TestServer()
        await test.send("POST", Self.maps, ["metadata": ["name": "old"]])
        let target = "\(Self.maps)?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=0"
        let response = await test.server.respond(to: InboundRequest("GET", target))
        await test.send("POST", Self.maps, ["metadata": ["name": "new"]])
        guard case .stream(let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        let collector = FrameCollector(count: 1)
        do { try await produce { try collector.add($0) } } catch is EnoughFrames {}
        #expect(
            collector.frames.first?["object"]?["metadata"]?["name"] == "new", "and timeoutSeconds=0 does not end it")
    }

    @Test func `The name of a field manager has at most 128 bytes, all of them printable`() async throws {
        let test = try TestServer()
        let long = String(repeating: "m", count: 129)
        let body: JSONValue = ["metadata": ["name": "a"]]
        let created = await test.send("POST", "\(Self.maps)?fieldManager=\(long)", body)
        #expect(created.status == 422)
        #expect(
            created.json["message"]
                == "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes")
        #expect(await test.send("POST", "\(Self.maps)?fieldManager=\(long.dropLast())", body).status == 201)
        let put = await test.send("PUT", "\(Self.maps)/a?fieldManager=x%07", body)
        #expect(put.status == 422)
        #expect(put.json["message"]?.string?.hasSuffix("invalid character U+0007 (at position 1)") == true)
        let patched = await test.send(
            "PATCH", "\(Self.maps)/a?fieldManager=\(long)", [:], type: "application/merge-patch+json")
        #expect(patched.json["message"]?.string?.hasPrefix("PatchOptions.meta.k8s.io") == true)
    }

    @Test func `A new object must not have a resourceVersion`() async throws {
        let test = try TestServer()
        let answer = await test.send("POST", Self.maps, ["metadata": ["name": "a", "resourceVersion": "17"]])
        #expect(answer.status == 500)
        #expect(answer.json["message"] == "resourceVersion should not be set on objects to be created")
        #expect(await test.send("POST", Self.maps, ["metadata": ["name": "a", "resourceVersion": "0"]]).status == 201)
    }

    @Test func `At most ten managers that update are kept, the oldest become one`() async throws {
        let test = try TestServer()
        await test.send("POST", Self.maps, ["metadata": ["name": "a"], "data": ["k": "0"]])
        for number in 0..<40 {
            test.time.advance(by: .seconds(1))
            let answer = await test.send(
                "PATCH", "\(Self.maps)/a?fieldManager=m\(number)", ["data": ["k\(number)": "x"]],
                type: "application/merge-patch+json")
            #expect(answer.status == 200)
        }
        let object = await test.send("GET", "\(Self.maps)/a").json
        let entries = FieldOwnership(object)?.entries ?? []
        #expect(
            Set(entries.map(\.manager)) == Set(["ancient-changes"] + (31..<40).map { "m\($0)" }))
        let owned = entries.reduce(FieldSet()) { $0.union($1.fields) }
        let text = owned.json.text
        for number in 0..<40 { #expect(text.contains("\"f:k\(number)\""), "no field is lost: k\(number)") }
    }

    @Test func `The name of an environment variable has no equals sign`() async throws {
        let test = try TestServer()
        func pod(_ name: String) -> JSONValue {
            [
                "metadata": ["name": "p"],
                "spec": [
                    "containers": [["name": "c", "image": "x", "env": [["name": .string(name), "value": "v"]]]]
                ],
            ]
        }
        let refused = await test.send("POST", "/api/v1/namespaces/default/pods", pod("A=B"))
        #expect(refused.status == 422)
        #expect(
            refused.json["message"]?.string
                == "Pod \"p\" is invalid: spec.containers[0].env[0].name: Invalid value: \"A=B\": a valid environment "
                + "variable name must consist only of printable ASCII characters other than '='")
        #expect(await test.send("POST", "/api/v1/namespaces/default/pods", pod("1-a.b c")).status == 201)
    }

    @Test func `A negative grace period is one second`() async throws {
        let test = try TestServer()
        let pods = "/api/v1/namespaces/default/pods"
        for (name, query) in [("a", ""), ("b", "?gracePeriodSeconds=-3")] {
            await test.send(
                "POST", pods,
                [
                    "metadata": ["name": .string(name)],
                    "spec": [
                        "terminationGracePeriodSeconds": -5, "nodeName": "n",
                        "containers": [["name": "c", "image": "x"]],
                    ],
                ])
            let answer = await test.send("DELETE", "\(pods)/\(name)\(query)")
            #expect(answer.json["metadata"]?["deletionGracePeriodSeconds"] == 1)
        }
    }
}
