import JSON
import KubernetesModel
import SeededRandom
import Testing

@testable import AdmissionWebhook

@Suite struct AdmissionReviewerTests {
    static let reviewer = AdmissionReviewer(zones: { $0 == "Europe/Berlin" ? nil : "no such zone" })
    static let task: JSONValue = ["name": "a", "container": ["image": "busybox"]]

    static func object(_ kind: String, _ spec: JSONValue, _ metadata: JSONValue = ["name": "x"]) -> JSONValue {
        ["apiVersion": "sluice.dev/v1alpha1", "kind": .string(kind), "metadata": metadata, "spec": spec]
    }

    static func run(_ tasks: JSONValue, _ extra: JSONObject = [:]) -> JSONValue {
        var spec: JSONValue = .object(extra)
        spec["pipelineSpec"] = ["tasks": tasks]
        return object("PipelineRun", spec)
    }

    static func schedule(_ expression: JSONValue, _ extra: JSONObject = [:]) -> JSONValue {
        var spec: JSONValue = .object(extra)
        spec["schedule"] = expression
        spec["template"] = ["spec": ["pipelineSpec": ["tasks": [task]]]]
        return object("ScheduledRun", spec)
    }

    static func request(_ object: JSONValue, old: JSONValue? = nil) -> JSONValue {
        [
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": [
                "uid": "u1", "operation": old == nil ? "CREATE" : "UPDATE", "name": "x",
                "kind": ["group": "sluice.dev", "version": "v1alpha1", "kind": object["kind"] ?? .null],
                "object": object, "oldObject": old ?? .null,
            ],
        ]
    }

    static func response(_ object: JSONValue, old: JSONValue? = nil) throws -> JSONValue {
        let answer = try JSONValue(parsing: reviewer.review(request(object, old: old).bytes))
        #expect(answer["apiVersion"] == "admission.k8s.io/v1" && answer["kind"] == "AdmissionReview")
        #expect(answer["response"]?["uid"] == "u1")
        return try #require(answer["response"])
    }

    @Test func `Wrong values of parameters are a warning: such a run ends as InvalidParameters`() throws {
        for (spec, path) in [("PipelineRun", "spec.parameters"), ("ScheduledRun", "spec.template.spec.parameters")] {
            let run = Self.run([Self.task], ["parameters": ["x": 1]])
            let object =
                spec == "PipelineRun"
                ? run
                : Self.object("ScheduledRun", ["schedule": "@daily", "template": ["spec": run["spec"] ?? .null]])
            let response = try Self.response(object)
            #expect(response["allowed"] == true)
            let warnings = response["warnings"]?.strings ?? []
            #expect(warnings.contains { $0.hasPrefix(path) && $0.contains("x") }, "\(response)")
        }
    }

    /// What is wrong, the object, and what it is refused with.
    static let refusals: [(what: String, object: JSONValue, message: String)] = [
        (
            "a cron expression", schedule("0 25 * * *"),
            #"spec.schedule: Invalid value: "0 25 * * *": at character 3: "#
        ),
        (
            "a time zone", schedule("@daily", ["timeZone": "Mars/Base"]),
            #"spec.timeZone: Invalid value: "Mars/Base": no such zone"#
        ),
        (
            "a cycle",
            run([
                ["name": "a", "dependsOn": ["b"], "container": ["image": "x"]],
                ["name": "b", "dependsOn": ["a"], "container": ["image": "x"]],
            ]), "the tasks wait for each other in a cycle: a -> b -> a"
        ),
        (
            "a task that is not there", run([["name": "a", "dependsOn": ["bb"], "container": ["image": "x"]]]),
            "spec.pipelineSpec.tasks[0].dependsOn[0]: "
        ),
        (
            "a task that waits for itself", run([["name": "a", "dependsOn": ["a"], "container": ["image": "x"]]]),
            "spec.pipelineSpec.tasks[0].dependsOn[0]: "
        ),
        (
            "a parameter that no one declares",
            object("Pipeline", ["tasks": [["name": "a", "container": ["image": "$(params.p)"]]]]),
            "spec.tasks[0].container.image: "
        ),
        ("a queue that is its own parent", object("Queue", ["parent": "x"]), "spec.parent: "),
        ("weight 0", object("Queue", ["weight": 0]), "spec.weight: "),
        ("an unknown field", run([["name": "a", "container": ["imge": "x", "image": "x"]]]), "did you mean image?"),
        (
            "no spec at all", ["apiVersion": "sluice.dev/v1alpha1", "kind": "Pipeline", "metadata": ["name": "x"]],
            "spec"
        ),
    ]

    @Test(arguments: refusals.indices)
    func `A mistake is refused as Invalid, with its path, its place and what was expected`(index: Int) throws {
        let (what, object, message) = Self.refusals[index]
        let response = try Self.response(object)
        let status = try APIStatus(try #require(response["status"], "\(what)"))
        #expect(response["allowed"] == false, "\(what)")
        #expect(status.code == 422 && status.reason == "Invalid")
        #expect(status.message.contains(message), "\(what): \(status.message)")
        #expect(status.details?.kind == object["kind"]?.string && status.details?.name == "x")
        #expect(status.details?.group == "sluice.dev" && status.details?.causes.isEmpty == false)
    }

    @Test func `What is right passes and says nothing`() throws {
        let right = [
            Self.run([Self.task]), Self.schedule("0 4 * * *", ["timeZone": "Europe/Berlin"]),
            Self.object("Queue", ["weight": 3]), Self.object("Pipeline", ["tasks": [Self.task]]),
        ]
        for object in right { #expect(try Self.response(object) == ["uid": "u1", "allowed": true]) }
    }

    @Test func `What looks wrong passes with a warning`() throws {
        let response = try Self.response(Self.schedule("@daily", ["catchUpLimit": 3]))
        #expect(response["allowed"] == true)
        #expect(response["warnings"] == ["spec.catchUpLimit: Invalid value: 3: has no effect without catchUp: All"])
    }

    @Test func `An object that is stored with a mistake is never held up`() throws {
        let bad = Self.schedule("0 25 * * *")
        func changed(_ change: (inout JSONValue) -> Void) -> JSONValue {
            var object = bad
            change(&object)
            return object
        }
        let passing: [(String, JSONValue)] = [
            ("finalizers", changed { $0["metadata"] = ["name": "x", "finalizers": ["a/b"]] }),
            ("status", changed { $0["status"] = ["missedCount": 1] }),
            (
                "being deleted",
                changed {
                    $0["metadata"] = ["name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"]
                    $0["spec"]?["schedule"] = "worse"
                }
            ),
        ]
        for (what, object) in passing {
            #expect(try Self.response(object, old: bad) == ["uid": "u1", "allowed": true], "\(what)")
        }
        let suspended = try Self.response(changed { $0["spec"]?["suspend"] = true }, old: bad)
        #expect(suspended["allowed"] == true)
        #expect(suspended["warnings"]?.array?.first?.string?.hasPrefix("spec.schedule: ") == true)
        #expect(try Self.response(changed { $0["spec"]?["schedule"] = "0 26 * * *" }, old: bad)["allowed"] == false)
        #expect(
            try Self.response(changed { $0["spec"]?["timeZone"] = "Nowhere" }, old: bad)["status"]?["message"]
                == #"spec.timeZone: Invalid value: "Nowhere": no such zone"#)
        #expect(try Self.response(changed { $0["spec"]?["schedule"] = "0 4 * * *" }, old: bad)["allowed"] == true)
    }

    @Test func `Deletions, subresources and other groups pass unseen`() throws {
        let bad = Self.schedule("never")
        for (field, value) in [
            ("operation", "DELETE"), ("operation", "CONNECT"), ("subResource", "status"),
        ] as [(String, JSONValue)] {
            var request = Self.request(bad)
            request["request"]?[field] = value
            #expect(try Self.reviewer.review(request)["response"]?["allowed"] == true)
        }
        var request = Self.request(bad)
        request["request"]?["kind"]?["group"] = "batch"
        #expect(try Self.reviewer.review(request)["response"]?["allowed"] == true)
    }

    @Test func `What it says is of bounded length, keeps what was expected, and is one line`() throws {
        let long = String(repeating: "x\n", count: 50_000)
        let tasks = (0..<200).map { index -> JSONValue in
            ["name": .string("a\(index)"), "dependsOn": [.string(long)], "container": ["image": "x"]]
        }
        let response = try Self.response(Self.run(.array(tasks)))
        let status = try APIStatus(try #require(response["status"]))
        #expect(status.message.unicodeScalars.count < 11 * 510)
        #expect(!status.message.contains("\n") && status.message.contains("more"))
        #expect(status.details?.causes.count == 11)
        #expect(status.details?.causes.allSatisfy { $0.message.unicodeScalars.count <= 500 } == true)
        let cron = try Self.response(Self.schedule(.string("0 25 * * * " + long)))
        #expect(cron["status"]?["message"]?.string?.contains("…\": at character ") == true, "\(cron)")
        let warned = try Self.response(
            Self.schedule("@daily", ["catchUpLimit": 5]),
            old: Self.schedule(.string("0 25 " + long), ["catchUpLimit": 4]))
        #expect(warned["warnings"]?.array?.allSatisfy { $0.string?.unicodeScalars.count ?? 999 <= 256 } == true)
    }

    @Test(arguments: [
        ("", "no JSON"), ("[]", "AdmissionReview"), ("{}", "AdmissionReview"),
        (#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#, "admission.k8s.io/v1"),
        (#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, "request.uid"),
        (#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}}"#, "request.operation"),
    ])
    func `A body that is no AdmissionReview gets one sentence`(body: String, what: String) {
        let error = #expect(throws: MalformedReview.self) { try Self.reviewer.review(Array(body.utf8)) }
        #expect(error?.description.contains(what) == true)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `No body makes it crash, and every answer is bounded`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let seeds = Self.refusals.map(\.object) + [Self.run([Self.task]), Self.schedule("@daily")]
        for _ in 0..<50 {
            var bytes = Self.request(random.pick(seeds), old: random.chance(0.3) ? random.pick(seeds) : nil).bytes
            let tokens = [
                "null", "[", "{}", "\"\"", "-1", "1e999", "\u{0}", "$(tasks.a.results.r)", "true", ",", "\\u0000",
            ]
            for _ in 0..<random.pick(1...4) {
                let place = random.pick(0...bytes.count - 1)
                switch random.pick(0...4) {
                case 0: bytes[place] = UInt8(random.pick(0...255))
                case 1: bytes.removeSubrange(place..<min(bytes.count - 1, place + random.pick(1...12)))
                case 2: bytes.insert(contentsOf: random.pick(tokens).utf8, at: place)
                case 3: bytes.insert(contentsOf: repeatElement(UInt8(ascii: "["), count: 600), at: place)
                default:
                    // A whole value in place of another.
                    guard let start = bytes[place...].firstIndex(of: UInt8(ascii: ":")),
                        let end = bytes[(start + 1)...].firstIndex(where: { ",}".utf8.contains($0) })
                    else { continue }
                    bytes.replaceSubrange(start + 1..<end, with: Array(random.pick(tokens).utf8))
                }
            }
            do {
                let answer = try Self.reviewer.review(bytes)
                #expect(answer.count < 40_000, "seed \(seed)")
                #expect(try JSONValue(parsing: answer)["response"]?["allowed"]?.bool != nil, "seed \(seed)")
            } catch is MalformedReview {
                continue
            }
        }
    }
}
