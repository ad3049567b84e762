import Foundation
import JSON
import KubernetesClient
import KubernetesModel
import Testing

@testable import KubernetesRuntime

/// The streams that a real API server sent.
@Suite struct GoldenWatchTests {
    private func streams() throws -> [(note: String, version: String, events: [WatchEvent<Widget>])] {
        let url = try #require(
            Bundle.module.url(forResource: "watch", withExtension: "json", subdirectory: "Resources"))
        let recordings = try JSONValue(parsing: Array(try Data(contentsOf: url))).array ?? []
        return try recordings.map { recording in
            var events: [WatchEvent<Widget>] = []
            for line in recording["stream"]?.array ?? [] {
                guard let type = line["type"]?.string, let object = line["object"] else { continue }
                let version = object[path: "metadata", "resourceVersion"]?.string ?? ""
                switch type {
                case "ADDED": events.append(.added(.object(try Widget(object))))
                case "MODIFIED": events.append(.modified(.object(try Widget(object))))
                case "DELETED": events.append(.deleted(.object(try Widget(object))))
                case "BOOKMARK": events.append(.bookmark(resourceVersion: version, endsInitialEvents: false))
                case "ERROR": events.append(.error(try APIStatus(object)))
                default: Issue.record("unknown event \(type)")
                }
            }
            return (
                recording["note"]?.string ?? "",
                recording[path: "request", "query", "resourceVersion"]?.string ?? "", events
            )
        }
    }

    @Test func `The recorded streams lead to the states that their events say`() throws {
        let streams = try streams()
        #expect(streams.count > 3)
        for (note, version, events) in streams {
            var machine = WatchMachine<Widget>()
            let store = Store<Widget>()
            let recorder = ViewRecorder()
            store.addHandler { recorder.record($0) }
            let start = UInt64(version).map { $0 > 0 ? "\($0)" : "1" } ?? "1"
            store.apply(machine.received(ObjectList(items: [], resourceVersion: start)))
            var expected: [ObjectKey: Widget] = [:]
            var mustList = false
            var last = start
            for event in events {
                switch event {
                case .added(.object(let widget)), .modified(.object(let widget)):
                    expected[widget.key] = widget
                    last = widget.metadata.resourceVersion
                case .deleted(.object(let widget)):
                    expected[widget.key] = nil
                    last = widget.metadata.resourceVersion
                case .bookmark(let version, _): last = version
                case .error(let status): mustList = status.isExpired || status.message.contains("Too large")
                default: Issue.record("undecodable")
                }
            }
            store.apply(machine.received(events).events)
            #expect(store.contents == expected, "\(note)")
            #expect(recorder.contents == expected, "\(note)")
            let next = WatchMachine<Widget>.Request.watch(resourceVersion: last)
            #expect(machine.request == (mustList ? .list(continueToken: nil, limit: 500) : next), "\(note)")
        }
    }
}
