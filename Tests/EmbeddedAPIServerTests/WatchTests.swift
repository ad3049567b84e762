// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import HTTPServing
import JSON
import KubernetesModel
import SeededRandom
import Testing

@testable import EmbeddedAPIServer

@Suite struct WatchTests {
    static let widgets = "/apis/golden.example.dev/v1/namespaces/golden-api/widgets"

    /// Makes the changes that were made while the watches were recorded: create, change, label, remove the label,
    /// delete.
    private func play(_ test: TestServer) async {
        let widget: JSONValue = [
            "apiVersion": "golden.example.dev/v1", "kind": "Widget", "metadata": ["name": "w"], "spec": ["size": 1],
        ]
        let merge = "application/merge-patch+json"
        await test.send("POST", Self.widgets, widget)
        await test.send("PATCH", "\(Self.widgets)/w", ["spec": ["color": "red"]], type: merge)
        await test.send("PATCH", "\(Self.widgets)/w", ["metadata": ["labels": ["in": "yes"]]], type: merge)
        await test.send("PATCH", "\(Self.widgets)/w", ["metadata": ["labels": ["in": .null]]], type: merge)
        await test.send("DELETE", "\(Self.widgets)/w")
    }

    /// Replays the recorded watches, except those that the recording's etcd could not serve.
    @Test func `Recorded watches show what a real API server showed`() async throws {
        let test = try TestServer(watchWindow: 12)
        try await test.prepare()
        let before = await test.send("GET", Self.widgets).json["metadata"]!["resourceVersion"]!.rendered
        await play(test)
        await play(test)
        var right = 0
        let recordings = try Recording.file("api/watch.json".replacing(".json", with: "")).array!
        for recording in recordings {
            let note = recording["note"]!.string!
            let stream = recording["stream"]!.array!
            if ["no resourceVersion", "sendInitialEvents"].contains(where: { note.contains($0) }) {
                // etcd 3.5.1 cannot serve these; the tests below cover them.
                continue
            }
            var query = (recording["request"]!["query"]!.object!).map { "\($0.key)=\($0.value.rendered)" }
            query = query.map { $0 == "resourceVersion=349" ? "resourceVersion=\(before)" : $0 }
            if note.contains("too old") { await overflow(test) }
            let frames = try await test.watch(
                "\(Self.widgets)?" + query.joined(separator: "&"), count: stream.count - 1)
            let expected = stream.dropFirst().map { Normal.form($0) }
            let found = frames.map { Normal.form($0) }
            let difference =
                expected.count == found.count
                ? zip(expected, found).compactMap { Self.difference($0, $1) }.first : "\(found.count) events"
            if difference == nil { right += 1 }
            #expect(difference == nil, "\(note): \(difference ?? "")")
        }
        print(
            "recorded watches right: \(right) of \(recordings.count); 2 differ, since the recording's etcd could not serve them"
        )
        #expect(right == 5)
    }

    private static func difference(_ expected: JSONValue, _ found: JSONValue) -> String? {
        var (expected, found) = (expected, found)
        if expected["object"]?["code"] == 410 {
            for side in [0, 1] {
                var value = side == 0 ? expected : found
                let message = value["object"]?["message"]?.string ?? ""
                value["object"]?["message"] = .string(message.replacing(/\d+ \(\d+\)/, with: "RV"))
                if side == 0 { expected = value } else { found = value }
            }
        }
        return Normal.firstDifference(expected, found)
    }

    private func overflow(_ test: TestServer) async {
        for _ in 0..<3 { await play(test) }
    }

    @Test func `A watch with no resourceVersion begins with what there is`() async throws {
        let test = try TestServer()
        try await test.prepare()
        let frames = try await test.watch("/api/v1/namespaces?watch=1", count: 5)
        #expect(frames.map { $0["type"] } == Array(repeating: "ADDED", count: 5))
        let names = frames.compactMap { $0["object"]?["metadata"]?["name"]?.string }
        #expect(names.contains("golden-api"))
    }

    @Test func `A streaming list ends its first part with an annotated bookmark`() async throws {
        let test = try TestServer()
        let frames = try await test.watch(
            "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
            count: 5)
        #expect(frames.last?["type"] == "BOOKMARK")
        #expect(frames.last?["object"]?["metadata"]?["annotations"] == ["k8s.io/initial-events-end": "true"])
        #expect(
            frames.last?["object"]?["metadata"]?["resourceVersion"] == .string(String(test.server.core.store.revision)))
    }

    @Test func `A quiet watch that allows bookmarks gets them, and its time-out ends it`() async throws {
        let test = try TestServer(bookmarkInterval: .milliseconds(20))
        let revision = test.server.core.store.revision
        let frames = try await test.watch(
            "/api/v1/pods?watch=1&resourceVersion=\(revision)&allowWatchBookmarks=true&timeoutSeconds=60", count: 3)
        #expect(frames.map { $0["type"] } == ["BOOKMARK", "BOOKMARK", "BOOKMARK"])
        let ended = try await test.watch("/api/v1/pods?watch=1&resourceVersion=\(revision)&timeoutSeconds=-1", count: 1)
        #expect(ended.isEmpty)
    }

    @Test func `A watch of tables sends rows`() async throws {
        let test = try TestServer()
        let frames = try await test.watch(
            "/api/v1/namespaces?watch=1", accept: "application/json;as=Table;v=v1;g=meta.k8s.io", count: 4)
        #expect(frames.allSatisfy { $0["object"]?["kind"] == "Table" && $0["object"]?["rows"]?.array?.count == 1 })
    }

    @Test func `A watch that is too slow is told to list again`() async throws {
        let test = try TestServer(watchWindow: 10)
        let revision = test.server.core.store.revision
        let response = await test.server.respond(
            to: InboundRequest("GET", "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=\(revision)"))
        guard case .stream(let produce) = response.body else { return #expect(Bool(false), "no stream") }
        func make(_ name: String) async {
            await test.send("POST", "/api/v1/namespaces/default/configmaps", ["metadata": ["name": .string(name)]])
        }
        await make("first")
        let collector = FrameCollector(count: 2)
        do {
            try await produce { bytes in
                // While the client handles its first event, more changes are made than the window keeps.
                if collector.frames.isEmpty { for index in 0..<20 { await make("later-\(index)") } }
                try collector.add(bytes)
            }
        } catch is EnoughFrames {}
        #expect(collector.frames.map { $0["type"] } == ["ADDED", "ERROR"])
        #expect(collector.frames.last?["object"]?["code"] == 410)
    }

    @Test func `Every change is seen exactly once by watches that start anywhere`() async throws {
        let test = try TestServer()
        let start = test.server.core.store.revision
        let path = "/api/v1/namespaces/default/configmaps"
        for index in 0..<50 { await test.send("POST", path, ["metadata": ["name": "c-\(index)"]]) }
        for index in stride(from: 0, to: 50, by: 2) { await test.send("DELETE", "\(path)/c-\(index)") }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20 {
            let from = start + UInt64.random(in: 0...75, using: &generator)
            let expected = Int(start + 75 - from)
            let frames = try await test.watch(
                "\(path)?watch=1&resourceVersion=\(from)&timeoutSeconds=-1", count: expected + 1)
            let versions = frames.compactMap {
                $0["object"]?["metadata"]?["resourceVersion"]?.string.flatMap { UInt64($0) }
            }
            #expect(versions == (0..<expected).map { from + 1 + UInt64($0) }, "from \(from), seed 7")
        }
    }
}
