// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import Foundation
import JSON
import KubernetesModel
import SeededRandom
import Testing

@testable import EmbeddedAPIServer

@Suite struct DurabilityTests {
    static let maps = "/api/v1/namespaces/default/configmaps"

    private func withDirectory(_ body: (URL) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try await body(directory)
    }

    private func names(_ test: TestServer) async -> Set<String> {
        Set((await test.send("GET", Self.maps).json["items"]!.array!).map { $0["metadata"]!["name"]!.string! })
    }

    /// Copies the files as a kill leaves them: without closing them first.
    private func copy(_ directory: URL, to other: URL, cutting bytes: Int = 0) throws {
        try? FileManager.default.removeItem(at: other)
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path) where file.hasPrefix("db") {
            var data = try Data(contentsOf: directory.appendingPathComponent(file))
            if file.hasSuffix("-wal") { data = data.dropLast(min(bytes, data.count)) }
            try data.write(to: other.appendingPathComponent(file))
        }
    }

    @Test func `What was acknowledged is there after a kill`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            let other = directory.appendingPathComponent("copy")
            for index in 0..<20 {
                await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]])
                if index % 4 == 3 { await test.send("DELETE", "\(Self.maps)/c-\(index - 1)") }
                guard index % 5 == 4 else { continue }
                try copy(directory, to: other)
                let again = try TestServer(storage: .file(other.appendingPathComponent("db").path))
                #expect(await names(again) == names(test))
                #expect(again.server.core.store.revision >= test.server.core.store.revision)
                try await again.server.core.store.close()
            }
            try await test.server.core.store.close()
        }
    }

    @Test func `A torn write loses at most what nobody was told of, and corrupts nothing`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            for index in 0..<10 { await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]]) }
            let other = directory.appendingPathComponent("copy")
            var generator = SeededGenerator(seed: 11)
            for _ in 0..<10 {
                let cut = Int.random(in: 1..<20_000, using: &generator)
                try copy(directory, to: other, cutting: cut)
                let again = try TestServer(storage: .file(other.appendingPathComponent("db").path))
                let left = await names(again).filter { $0.hasPrefix("c-") }
                #expect(left == Set((0..<left.count).map { "c-\($0)" }), "a prefix of the writes; cut \(cut), seed 11")
                #expect(await again.send("POST", Self.maps, ["metadata": ["name": "new"]]).status == 201)
                try await again.server.core.store.close()
            }
            try await test.server.core.store.close()
        }
    }

    @Test func `Versions go on where they were, and old watches are told to list again`() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("db").path
            let first = try TestServer(storage: .file(path))
            try await first.prepare()
            let revision = first.server.core.store.revision
            try await first.server.core.store.close()
            let second = try TestServer(storage: .file(path))
            #expect(second.server.core.store.revision >= revision)
            #expect(await second.send("GET", WatchTests.widgets).status == 200, "the definition is served again")
            let frames = try await second.watch("/api/v1/namespaces?watch=1&resourceVersion=1", count: 1)
            #expect(frames.first?["object"]?["code"] == 410)
            try await second.server.core.store.close()
        }
    }

    @Test func `A second server on the same file says so and leaves`() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("db").path
            let first = try TestServer(storage: .file(path))
            let error = #expect(throws: SQLiteError.self) { try TestServer(storage: .file(path)) }
            #expect(error?.message == "\(path) is in use by another Sluice; stop that one first")
            #expect(await first.send("GET", Self.maps).status == 200)
            try await first.server.core.store.close()
        }
    }

    @Test func `A file that is no database is refused with a sentence`() async throws {
        try await withDirectory { directory in
            let file = directory.appendingPathComponent("db")
            try Data(repeating: 0x41, count: 10_000).write(to: file)
            #expect(throws: SQLiteError.self) { try TestServer(storage: .file(file.path)) }
        }
    }

    @Test func `Writers at once share commits and all get their answer`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            await withTaskGroup(of: Int.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        await test.send("POST", Self.maps, ["metadata": ["name": "c-\(index)"]]).status
                    }
                }
                for await status in group { #expect(status == 201) }
            }
            #expect(await names(test).count == 201)
            try await test.server.core.store.close()
        }
    }

    @Test func `N23: Lists, gets and watches show nothing that is not durable, and no version of it`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            await test.send("POST", Self.maps, ["metadata": ["name": "old"], "data": ["a": "1"]])
            let store = test.server.core.store
            let before = store.revision
            let disk = DispatchSemaphore(value: 0)
            store.storage?.schedule { disk.wait() }
            let writers = [
                Task { await test.send("POST", Self.maps, ["metadata": ["name": "new"]]).status },
                Task {
                    await test.send(
                        "PATCH", "\(Self.maps)/old", ["data": ["a": "2"]], type: "application/merge-patch+json"
                    ).status
                },
                Task { await test.send("DELETE", "\(Self.maps)/kube-root-ca.crt").status },
            ]
            while store.revision < before + 3 { await Task.yield() }

            let list = await test.send("GET", Self.maps).json
            #expect(list["metadata"]?["resourceVersion"]?.string == String(before))
            #expect(list["items"]?.array?.map { $0["metadata"]!["name"]!.string! } == ["kube-root-ca.crt", "old"])
            #expect(list["items"]?.array?.last?["data"]?["a"] == "1")
            #expect(await test.send("GET", "\(Self.maps)/new").status == 404)
            #expect(await test.send("GET", "\(Self.maps)/old").json["data"]?["a"] == "1")
            #expect(await test.send("GET", "\(Self.maps)/kube-root-ca.crt").status == 200)
            let exact = await test.send(
                "GET", "\(Self.maps)?resourceVersion=\(before)&resourceVersionMatch=Exact"
            ).json
            #expect(exact["items"]?.array?.count == 2)
            let frames = try await test.watch("\(Self.maps)?watch=1", count: 2)
            #expect(frames.map { $0["object"]!["metadata"]!["name"]!.string! } == ["kube-root-ca.crt", "old"])
            #expect(
                await test.send("GET", "\(Self.maps)?resourceVersion=\(before + 1)").status == 504,
                "nobody can have seen that version")

            disk.signal()
            for writer in writers { #expect([200, 201].contains(await writer.value)) }
            #expect(await names(test) == ["new", "old"])
            #expect(await test.send("GET", Self.maps).json["metadata"]?["resourceVersion"]?.string != String(before))
            try await store.close()
        }
    }

    @Test func `N10: On a full disk writes are refused and undone, /readyz says so, and both heal`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            await test.send("POST", Self.maps, ["metadata": ["name": "there"], "data": ["a": "1"]])
            let store = test.server.core.store
            #expect(await test.send("GET", "/readyz").status == 200)
            try await store.storage?.setMaximumPages(1)
            let big = JSONValue.string(String(repeating: "x", count: 100_000))
            for name in ["a", "b"] {
                let answer = await test.send(
                    "POST", Self.maps, ["metadata": ["name": .string(name)], "data": ["k": big]])
                #expect(answer.status == 500)
                #expect(answer.json["message"]?.string?.contains("database or disk is full") == true, "\(answer.json)")
            }
            let change = await test.send(
                "PATCH", "\(Self.maps)/there", ["data": ["a": big]], type: "application/merge-patch+json")
            #expect(change.status == 500)
            #expect(await names(test) == ["kube-root-ca.crt", "there"], "what was refused is not shown")
            #expect(await test.send("GET", "\(Self.maps)/there").json["data"]?["a"] == "1")
            let ready = await test.server.respond(to: InboundRequest("GET", "/readyz"))
            #expect(ready.status == 500)
            #expect(String(decoding: ready.bytes, as: UTF8.self).contains("nothing can be stored: "))
            #expect(await test.send("GET", "/healthz").status == 200, "a restart would not help")

            try await store.storage?.setMaximumPages(1_000_000)
            #expect(await test.send("GET", "/readyz").status == 200)
            #expect(await test.send("POST", Self.maps, ["metadata": ["name": "a"], "data": ["k": big]]).status == 201)
            try await store.close()
            let again = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            #expect(await names(again) == ["a", "kube-root-ca.crt", "there"])
            try await again.server.core.store.close()
        }
    }

    @Test func `N10: A write heals too, and a definition that was refused is not served`() async throws {
        try await withDirectory { directory in
            let test = try TestServer(storage: .file(directory.appendingPathComponent("db").path))
            let store = test.server.core.store
            try await store.storage?.setMaximumPages(1)
            var crd = try #require(try Recording.exchanges("crd")[0].body)
            crd["metadata"]?["annotations"] = ["big": .string(String(repeating: "x", count: 100_000))]
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            #expect(await test.send("POST", path, crd).status == 500)
            #expect(await test.send("GET", WatchTests.widgets).status == 404)
            try await store.storage?.setMaximumPages(1_000_000)
            #expect(await test.send("POST", path, crd).status == 201)
            #expect(await test.send("GET", WatchTests.widgets).status == 200)
            #expect(await store.probe() == nil)
            try await store.close()
        }
    }
}
