import Foundation
import JSON
import KubernetesModel
import Logging
import SeededRandom
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(1)))
struct WatchTests {
    private static let widgets = ResourceType(
        group: "golden.example.dev", version: "v1", kind: "Widget", plural: "widgets")

    @Test(arguments: [
        (Duration.seconds(300), true, Duration.seconds(150)), (.seconds(600), true, .seconds(150)),
        (.seconds(60), true, .seconds(65)), (.seconds(600), false, .seconds(605)),
    ])
    func `A watch on which nothing comes is given up soon where bookmarks should come`(
        timeout: Duration, bookmarks: Bool, limit: Duration
    ) {
        #expect(WatchOptions(timeout: timeout, allowBookmarks: bookmarks).idleLimit == limit)
    }

    private func decoder() -> WatchDecoder<DynamicObject> {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return WatchDecoder(type: Self.widgets, logger: logger)
    }

    /// The events of a text that arrives in those pieces, and whether it could be read to its end.
    private func decode(_ pieces: [[UInt8]]) -> (events: [String], failed: Bool) {
        var decoder = decoder()
        var all: [String] = []
        for piece in pieces {
            let (events, failure) = decoder.feed(piece)
            all += events.map(Self.describe)
            if failure != nil { return (all, true) }
        }
        let (events, failure) = decoder.finish()
        return (all + events.map(Self.describe), failure != nil)
    }

    private static func describe(_ event: WatchEvent<DynamicObject>) -> String {
        func name(_ decoded: Decoded<DynamicObject>) -> String {
            switch decoded {
            case .object(let object): "\(object.kind)/\(object.metadata.name)@\(object.metadata.resourceVersion)"
            case .undecodable(let metadata, _): "undecodable \(metadata.name)"
            }
        }
        switch event {
        case .added(let object): return "added \(name(object))"
        case .modified(let object): return "modified \(name(object))"
        case .deleted(let object): return "deleted \(name(object))"
        case .bookmark(let version, let ends): return "bookmark \(version) \(ends)"
        case .error(let status): return "error \(status.code) \(status.reason)"
        }
    }

    private static func recordings() throws -> [(types: [String], text: [UInt8])] {
        let file = try #require(
            Bundle.module.url(forResource: "watch", withExtension: "json", subdirectory: "Resources"))
        return (try JSONValue(parsing: Array(Data(contentsOf: file))).array ?? []).compactMap { recording in
            let events = recording["stream"]?.array?.dropFirst() ?? []
            guard recording["stream"]?[0]?["status"] == 200 else { return nil }
            return (
                events.compactMap { $0["type"]?.string?.lowercased() }, events.flatMap { $0.bytes + [0x0A] }
            )
        }
    }

    private static func split(_ text: [UInt8], _ generator: inout SeededGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = text[...]
        while !rest.isEmpty {
            let count = Int(generator.next() % 200) * Int(generator.next() % 20) + Int(generator.next() % 3)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test func `Recorded watches of a real API server give their events`() throws {
        let recordings = try Self.recordings()
        #expect(recordings.count == 6)
        for (types, text) in recordings {
            let (events, failed) = decode([text])
            #expect(!failed)
            #expect(events.map { String($0.prefix { $0 != " " }) } == types)
            for event in events where !event.hasPrefix("error") && !event.hasPrefix("bookmark") {
                #expect(event.contains(" Widget/"))
            }
        }
    }

    @Test(arguments: 0..<40) func `Whatever pieces the bytes come in, the events are the same`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let text = try Self.recordings().flatMap(\.text)
        let whole = decode([text])
        #expect(whole.events.count >= 20 && !whole.failed)
        let pieces = Self.split(text, &generator)
        let (events, failed) = decode(pieces)
        #expect(events == whole.events && !failed, "seed \(seed)")
        if seed == 0 { #expect(decode(text.map { [$0] }).events == whole.events) }
    }

    @Test(arguments: 0..<60) func `Junk and damage never crash, and end in an error or in events`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed) &+ 1000)
        var text = try Self.recordings().flatMap(\.text)
        let whole = decode([text]).events
        switch seed % 3 {
        case 0: text = (0..<5000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        case 1:
            let original = text
            text = Array(text.prefix(Int(generator.next() % UInt64(text.count))))
            let isWhole = text.isEmpty || text.last == 0x0A || original[text.count] == 0x0A
            // A line that breaks off is an error; the events before it are given.
            let (events, failed) = decode(Self.split(text, &generator))
            #expect(Array(whole.prefix(events.count)) == events)
            #expect(failed != isWhole, "seed \(seed)")
        default:
            for _ in 0..<20 {
                text[Int(generator.next() % UInt64(text.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
        }
        let (events, _) = decode(Self.split(text, &generator))
        #expect(events.count <= whole.count + 20)
    }

    @Test func `Events are decoded by their type, and unknown types are ignored`() {
        let lines = [
            #"{"type":"ADDED","object":{"kind":"Widget","metadata":{"name":"a","resourceVersion":"1"}}}"#,
            "", "\r",
            #"{"object":{"kind":"Widget","metadata":{"name":"late","resourceVersion":"2"}},"type":"MODIFIED"}"#,
            #"{"type":"NEWFANGLED","object":{"x":[1,2]}}"#,
            #"{"type":"DELETED","object":{"metadata":{"name":"b","labels":7}}}"#,
            #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#,
            #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#,
        ]
        let (events, failed) = decode([Array(lines.joined(separator: "\n").utf8)])
        #expect(!failed)
        #expect(
            events
                == [
                    "added Widget/a@1", "modified Widget/late@2", "undecodable ", "bookmark 9 false", "bookmark 9 true",
                    "error 410 Expired",
                ].map { $0 == "undecodable " ? "deleted undecodable " : $0 })
        #expect(decode([Array("{}\n".utf8)]).failed && decode([Array("[]\n".utf8)]).failed)
    }

    @Test func `A line without end is not kept for ever`() throws {
        var splitter = LineSplitter(limit: 100)
        try splitter.feed(Array(repeating: 0x20, count: 100)) { _ in }
        #expect(throws: LineSplitter.LineTooLong.self) { try splitter.feed([0x20]) { _ in } }
    }

    @Test func `A watch asks as its options say, gives batches and ends with the server`() async throws {
        let text =
            #"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"# + "\n"
            + #"{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}"# + "\n"
        let server = try ScriptedServer(.init(200, text))
        let widgets = try TestClient(server.url).client.dynamic(Self.widgets, namespace: "n")
        let watch = try await widgets.watch(
            WatchOptions(labelSelector: "a=b", resourceVersion: "12", timeout: .seconds(77)))
        var batches: [Int] = []
        for try await batch in watch { batches.append(batch.count) }
        #expect(batches.reduce(0, +) == 2 && !batches.contains(0))
        #expect(
            server.requests[0].path == "/apis/golden.example.dev/v1/namespaces/n/widgets"
                + "?watch=1&timeoutSeconds=77&allowWatchBookmarks=true&labelSelector=a%3Db&resourceVersion=12")
        #expect(server.requests[0].headers["resourceversion"] == nil)
    }

    @Test func `A refused watch throws its Status, a spoilt one gives its events first`() async throws {
        let refusing = try ScriptedServer(
            .init(410, #"{"kind":"Status","code":410,"reason":"Expired","message":"old"}"#))
        let widgets = try TestClient(refusing.url).client.dynamic(Self.widgets)
        await #expect { _ = try await widgets.watch() } throws: { ($0 as? APIStatus)?.isExpired == true }

        let spoilt = try ScriptedServer(.init(200, #"{"type":"ADDED","object":{}}"# + "\n<html>\n"))
        var iterator = try await TestClient(spoilt.url).client.dynamic(Self.widgets).watch().makeAsyncIterator()
        #expect(try await iterator.next()?.count == 1)
        await #expect { _ = try await iterator.next() } throws: {
            ($0 as? KubernetesClientError)?.code == .unexpectedBody
        }
    }
}
