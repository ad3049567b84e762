import JSON
import KubernetesModel
import KubernetesRuntime
import Synchronization
import Testing

/// Builds a view of the store from events alone, as a handler would, and reports events that contradict it.
final class ViewRecorder: Sendable {
    let view = Mutex<[ObjectKey: Widget]>([:])
    let log = Mutex<[String]>([])

    func record(_ event: StoreEvent<Widget>) {
        view.withLock { view in
            switch event.change {
            case .added(let new):
                if let old = view[event.key] { Issue.record("added \(event.key), which was there: \(old)") }
                view[event.key] = new.object
            case .updated(let old, let new):
                if view[event.key] != old.object { Issue.record("updated \(event.key) from what was not there") }
                view[event.key] = new.object
            case .deleted(let last):
                if view[event.key]?.metadata.uid != last.metadata.uid {
                    Issue.record("deleted \(event.key), which was not there")
                }
                view[event.key] = nil
            }
        }
        let verb =
            switch event.change {
            case .added: "added"
            case .updated: "updated"
            case .deleted: "deleted"
            }
        let version = event.entry.metadata.resourceVersion
        log.withLock { $0.append("\(verb) \(event.entry.metadata.name) \(version) \(event.origin)") }
    }

    var contents: [ObjectKey: Widget] { view.withLock { $0 } }
    var lines: [String] {
        log.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }
}
