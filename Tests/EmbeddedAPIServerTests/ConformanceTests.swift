// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import Foundation
import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

/// Replays the exchanges that were recorded with a real API server of Kubernetes 1.36 and compares the answers.
///
/// Times, UIDs, resourceVersions, generated names and continue tokens may differ. In discovery and schemas only what
/// Sluice serves is compared. Descriptions of table columns are not compared.
@Suite struct ConformanceTests {
    /// How many exchanges must be right. Raise it when the server gets better; never lower it.
    static let floor = 130

    /// Exchanges that differ on purpose, with the reason.
    static let accepted: [String: String] = [
        "core-resources[4]": "the real server shows a diff of Go structs after the sentence",
        "discovery[4]": "the group batch is not served",
    ]

    @Test func `Recorded exchanges are answered as a real API server answers them`() async throws {
        let test = try TestServer()
        var right = 0
        var all = 0
        var wrong: [String] = []
        var unexplained = 0
        var replay = Replay()
        for file in ["crd", "namespaces", "custom-resources", "core-resources", "discovery"] {
            if file == "core-resources" { try await Self.setUpNode(test) }
            for (index, recording) in try Recording.exchanges(file).enumerated() {
                all += 1
                let name = "\(file)[\(index)] \(recording.method) \(recording.path)"
                await Self.actAsOthers(before: "\(file)[\(index)]", test)
                let request = replay.request(recording)
                test.time.advance(to: recording.response)
                let response = await test.server.respond(to: request)
                if let difference = replay.difference(recording, response) {
                    let reason = Self.accepted["\(file)[\(index)]"]
                    wrong.append("\(name) \(recording.note): \(reason ?? difference)")
                    if reason == nil { unexplained += 1 }
                } else {
                    right += 1
                }
                replay.learn(recording.response, (try? JSONValue(parsing: response.bytes)) ?? .null)
                await test.server.core.settle()
            }
        }
        print("recorded exchanges right: \(right) of \(all)")
        for line in wrong { print("  differs: \(line)") }
        #expect(unexplained == 0, "every difference has its reason")
        #expect(right >= Self.floor, "\(right) of \(all) exchanges are right")
    }

    /// What the other components of the recordings' cluster wrote before an exchange.
    private static func actAsOthers(before exchange: String, _ test: TestServer) async {
        let namespace = "/api/v1/namespaces/golden-api"
        switch exchange {
        case "core-resources[0]":
            // A controller that some distributions have.
            await test.send(
                "POST", "\(namespace)/configmaps",
                [
                    "metadata": [
                        "name": "openshift-service-ca.crt",
                        "annotations": ["service.beta.openshift.io/inject-cabundle": "true"],
                    ], "data": ["service-ca.crt": "x"],
                ], as: "kube-controller-manager/v1.36")
        case "core-resources[9]":
            // The pod has no gates any more, and no node has GPUs.
            let condition: JSONValue = [
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message":
                    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
                "observedGeneration": 3,
            ]
            await test.send(
                "PATCH", "\(namespace)/pods/p/status", ["status": ["conditions": [condition]]],
                type: "application/strategic-merge-patch+json", as: "kube-scheduler/v1.36")
        case "core-resources[38]":
            await test.send(
                "POST", "/apis/events.k8s.io/v1/namespaces/golden-api/events",
                [
                    "metadata": ["name": "p.18eacf3ca60815e8", "namespace": "golden-api"],
                    "eventTime": "2026-11-23T23:07:40.000000Z", "type": "Warning", "reason": "FailedScheduling",
                    "action": "Scheduling", "reportingController": "default-scheduler",
                    "reportingInstance": "default-scheduler-vm",
                    "regarding": ["apiVersion": "v1", "kind": "Pod", "namespace": "golden-api", "name": "p"],
                    "note":
                        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
                ], as: "kube-scheduler/v1.36")
            await test.send(
                "POST", "\(namespace)/events",
                [
                    "metadata": ["name": "g.18eacf3ca9207a9f", "namespace": "golden-api"],
                    "firstTimestamp": "2026-11-23T23:07:40Z", "lastTimestamp": "2026-11-23T23:07:40Z", "count": 2,
                    "type": "Normal", "reason": "FailedBinding",
                    "message": "no persistent volumes available for this claim and no storage class is set",
                    "source": ["component": "persistentvolume-controller"],
                    "reportingComponent": "persistentvolume-controller",
                    "involvedObject": [
                        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "golden-api", "name": "g",
                    ],
                ], as: "kube-controller-manager/v1.36")
        default: break
        }
    }

    /// The node that the recordings were made with.
    private static func setUpNode(_ test: TestServer) async throws {
        let table = try Recording.exchanges("core-resources").last!.response
        let row = table["rows"]![0]!
        let cells = row["cells"]!
        let metadata = row["object"]!["metadata"]!
        let kubelet = "kubelet/v1.36"
        let name = metadata["name"]!.rendered
        await test.send(
            "POST", "/api/v1/nodes",
            [
                "metadata": [
                    "name": metadata["name"]!, "labels": metadata["labels"]!,
                    "annotations": ["volumes.kubernetes.io/controller-managed-attach-detach": "true"],
                ],
                "status": [
                    "conditions": [["type": "Ready", "status": "False", "reason": "KubeletNotReady"]],
                    "addresses": [["type": "InternalIP", "address": cells[5]!]],
                    "nodeInfo": [
                        "kubeletVersion": cells[4]!, "osImage": cells[7]!,
                        "kernelVersion": .string(String(cells[8]!.rendered.prefix { $0 != " " })),
                        "architecture": "amd64", "containerRuntimeVersion": cells[9]!,
                    ],
                ],
            ], as: kubelet)
        await test.send(
            "PATCH", "/api/v1/nodes/\(name)",
            ["metadata": ["annotations": ["node.alpha.kubernetes.io/ttl": "0"]]],
            type: "application/strategic-merge-patch+json", as: "kube-controller-manager/v1.36")
        await test.send(
            "PATCH", "/api/v1/nodes/\(name)/status",
            [
                "status": [
                    "conditions": [["type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"]],
                    "images": [["names": ["x"]]],
                ]
            ], type: "application/strategic-merge-patch+json", as: kubelet)
    }
}

/// Replaces the values that the server chose (UIDs, versions, names, tokens) in later requests.
struct Replay {
    /// The recorded UIDs, versions, names and tokens, with the values of this server.
    private var names: [String: String] = [:]

    /// The recorded request, with this server's values.
    func request(_ recording: Recording) -> InboundRequest {
        let query = recording.query.map { name, value in
            let escaped = substitute(value).addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return "\(name)=\(escaped)"
        }.joined(separator: "&")
        let path = recording.path.split(separator: "/", omittingEmptySubsequences: false).map { substitute(String($0)) }
            .joined(separator: "/")
        let body =
            recording.body.flatMap { $0.string == nil ? substitute($0).bytes : nil } ?? recording.rawBody
        return InboundRequest(
            recording.method, path + (query.isEmpty ? "" : "?" + query), accept: recording.accept,
            contentType: recording.contentType, userAgent: "python-requests/2.32", body: body)
    }

    private func substitute(_ text: String) -> String { names[text] ?? text }

    private func substitute(_ value: JSONValue, key: String = "") -> JSONValue {
        switch value {
        case .string(let text) where ["uid", "resourceVersion", "continue", "name"].contains(key):
            return .string(substitute(text))
        case .array(let items): return .array(items.map { substitute($0) })
        case .object(var fields):
            fields.mapValues { key, value in value = substitute(value, key: key) }
            return .object(fields)
        default: return value
        }
    }

    /// Records the values that the server chose.
    mutating func learn(_ recorded: JSONValue, _ actual: JSONValue, key: String = "") {
        switch (recorded, actual) {
        case (.string(let old), .string(let new))
        where ["uid", "resourceVersion", "continue"].contains(key) && !old.isEmpty:
            names[old] = new
        case (.array(let old), .array(let new)):
            for (old, new) in zip(old, new) { learn(old, new) }
        case (.object(let old), .object(let new)):
            if let prefix = old["generateName"]?.string, let name = old["name"]?.string, name.hasPrefix(prefix),
                let chosen = new["name"]?.string
            {
                names[name] = chosen
            }
            for (key, value) in old { if let other = new[key] { learn(value, other, key: key) } }
        default: break
        }
    }

    /// The first difference; nil when the answer is right.
    func difference(_ recording: Recording, _ response: InboundResponse) -> String? {
        guard response.status == recording.status else {
            return
                "status \(response.status) instead of \(recording.status): \(String(decoding: response.bytes.prefix(300), as: UTF8.self))"
        }
        let warning = response.headers.first { $0.name == "warning" }?.value
        if warning != recording.warning {
            return "warning \(warning ?? "none") instead of \(recording.warning ?? "none")"
        }
        let actual =
            (try? JSONValue(parsing: response.bytes)) ?? .string(String(decoding: response.bytes, as: UTF8.self))
        var (expected, found) = (Normal.form(recording.response), Normal.form(actual))
        Normal.restrict(&expected, to: &found, path: recording.path)
        return Normal.firstDifference(expected, found)
    }
}

/// Brings answers into a form in which they can be compared.
enum Normal {
    static func form(_ value: JSONValue, key: String = "") -> JSONValue {
        switch value {
        case .string(let text):
            switch key {
            case "uid", "resourceVersion", "continue", "storageVersionHash", "serverAddress", "gitCommit", "goVersion",
                "compiler":
                return text.isEmpty ? "" : "*"
            case "description": return "*"
            default: return .string(normal(text))
            }
        case .array(let items):
            // Ages depend on the time of the request.
            return .array(items.map { form($0, key: key == "cells" ? "cell" : "") })
        case .object(var fields):
            if fields["generateName"] != nil, fields["name"] != nil { fields["name"] = "*" }
            fields.mapValues { key, value in value = form(value, key: key) }
            return .object(fields)
        default: return value
        }
    }

    private static func normal(_ text: String) -> String {
        if text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil { return "TIME" }
        if text.wholeMatch(of: /\d+[smhdy](\d+[smhdy])?/) != nil { return "AGE" }
        return text.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UID")
            .replacing(/current: \d+/, with: "current: RV").replacing(/hash=[0-9A-F]+/, with: "hash=H")
            .replacing(/e-[a-z0-9]{5}/, with: "e-NAME").replacing(/gen-[a-z0-9]{5}/, with: "gen-NAME")
    }

    /// Removes from discovery and schemas what Sluice does not serve.
    static func restrict(_ expected: inout JSONValue, to found: inout JSONValue, path: String) {
        func keep(_ list: String, by key: String) {
            let known = Set((found[list]?.array ?? []).compactMap { $0[key]?.string })
            func sorted(_ items: [JSONValue]) -> JSONValue {
                .array(items.sorted { ($0[key]?.rendered ?? "") < ($1[key]?.rendered ?? "") })
            }
            expected[list] = sorted((expected[list]?.array ?? []).filter { known.contains($0[key]?.string ?? "") })
            let offered = Set((expected[list]?.array ?? []).compactMap { $0[key]?.string })
            found[list] = sorted((found[list]?.array ?? []).filter { offered.contains($0[key]?.string ?? "") })
        }
        switch path {
        case _ where path.hasSuffix("/events"):
            // Names are random, and rows come by name.
            guard let left = expected["rows"], let right = found["rows"] else { return }
            expected["rows"] = sortedByText(left)
            found["rows"] = sortedByText(right)
        case _ where path.hasSuffix("/widgets") && expected["reason"] == "Invalid":
            // Several errors come in the random order of a Go map.
            (expected, found) = (withSortedErrors(expected), withSortedErrors(found))
        case "/apis": keep("groups", by: "name")
        case "/api/v1": keep("resources", by: "name")
        case "/openapi/v3":
            for name in expected["paths"]?.object?.keys ?? [] where found["paths"]?[name] == nil {
                expected["paths"]?[name] = nil
            }
            for name in found["paths"]?.object?.keys ?? [] where expected["paths"]?[name] == nil {
                found["paths"]?[name] = nil
            }
        case "/openapi/v3/apis/golden.example.dev/v1":
            // Compare the schema of the kind and the list of paths; the rest is documentation.
            let name = "dev.example.golden.v1.Widget"
            func essence(_ json: JSONValue) -> JSONValue {
                var schema = json["components"]?["schemas"]?[name] ?? .null
                for field in ["apiVersion", "kind", "metadata"] { schema["properties"]?[field] = nil }
                return ["schema": schema, "paths": JSONValue(json["paths"]?.object?.keys ?? [])]
            }
            (expected, found) = (essence(expected), essence(found))
        case "/api":
            guard expected["kind"] == "APIGroupDiscoveryList" else { return }
            var (left, right) = (
                expected["items"]?[0]?["versions"]?[0] ?? .null, found["items"]?[0]?["versions"]?[0] ?? .null
            )
            let offered = Set((right["resources"]?.array ?? []).compactMap { $0["resource"]?.string })
            left["resources"] = .array(
                (left["resources"]?.array ?? []).filter { offered.contains($0["resource"]?.string ?? "") })
            func withoutUnserved(_ json: JSONValue) -> JSONValue {
                .array(
                    (json["resources"]?.array ?? []).map { resource in
                        var resource = resource
                        let served = ["binding", "eviction", "log", "status", "finalize"]
                        let kept = (resource["subresources"]?.array ?? []).filter {
                            served.contains($0["subresource"]?.string ?? "")
                        }
                        resource["subresources"] = kept.isEmpty ? nil : .array(kept)
                        return resource
                    })
            }
            left["resources"] = withoutUnserved(left)
            right["resources"] = withoutUnserved(right)
            (expected, found) = (left, right)
        default: break
        }
    }

    private static func sortedByText(_ list: JSONValue?) -> JSONValue {
        .array((list?.array ?? []).sorted { $0.text < $1.text })
    }

    private static func withSortedErrors(_ status: JSONValue) -> JSONValue {
        var status = status
        status["message"] = .string(sortedErrors(status["message"]?.string ?? ""))
        var details = status["details"] ?? .null
        details["causes"] = sortedByText(details["causes"])
        status["details"] = details
        return status
    }

    /// The sentences of a list of errors, in order.
    private static func sortedErrors(_ text: String) -> String {
        guard let open = text.firstIndex(of: "["), text.hasSuffix("]") else { return text }
        let errors = text[text.index(after: open)...].dropLast().split(separator: /, (?=spec\.|<nil>)/)
        return text[...open] + errors.sorted().joined(separator: ", ") + "]"
    }

    static func firstDifference(_ expected: JSONValue, _ found: JSONValue, path: String = "") -> String? {
        if expected == found { return nil }
        switch (expected, found) {
        case (.object(let left), .object(let right)):
            for key in Set(left.keys + right.keys).sorted() {
                guard let one = left[key] else { return "\(path).\(key): unexpected \(right[key]!.text.prefix(200))" }
                guard let other = right[key] else { return "\(path).\(key): missing \(one.text.prefix(200))" }
                if let inner = firstDifference(one, other, path: "\(path).\(key)") { return inner }
            }
        case (.array(let left), .array(let right)) where left.count == right.count:
            for (index, (one, other)) in zip(left, right).enumerated() {
                if let inner = firstDifference(one, other, path: "\(path)[\(index)]") { return inner }
            }
        default: break
        }
        return "\(path): expected \(expected.text.prefix(300)), found \(found.text.prefix(300))"
    }
}
