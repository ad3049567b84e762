import JSON
import KubernetesModel
import Logging

/// Decodes the events of a watch from its bytes. Its only side effect is a log line about unknown types of events.
struct WatchDecoder<Object: JSONReadable & Sendable> {
    private let reader: WatchEventReader<Object>
    private var lines = LineSplitter()

    init(type: ResourceType, logger: Logger) { reader = WatchEventReader(type: type, logger: logger) }

    /// Returns the events that these bytes complete, and the error that makes the rest of the stream unreadable, if
    /// any.
    mutating func feed(_ bytes: [UInt8]) -> (events: [WatchEvent<Object>], failure: (any Error)?) {
        collect { lines, handle in try lines.feed(bytes, handle) }
    }

    /// Returns the event of a last line without a line break.
    mutating func finish() -> (events: [WatchEvent<Object>], failure: (any Error)?) {
        collect { lines, handle in try lines.finish(handle) }
    }

    private mutating func collect(
        _ body: (inout LineSplitter, (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) -> (events: [WatchEvent<Object>], failure: (any Error)?) {
        let reader = reader
        var events: [WatchEvent<Object>] = []
        do {
            try body(&lines) { line in
                if let event = try reader.read(line) { events.append(event) }
            }
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

}

/// Decodes the event in one line of a watch.
struct WatchEventReader<Object: JSONReadable & Sendable> {
    let type: ResourceType
    let logger: Logger

    /// Returns the event, or nil if its type is unknown. Throws `JSONError` for anything that is not an event.
    func read(_ line: UnsafeRawBufferPointer) throws -> WatchEvent<Object>? {
        try JSONReader.withReader(line) { reader in
            var kind: String?
            var event: WatchEvent<Object>?
            // The object, if it comes before the type.
            var early: JSONReader?
            guard try reader.peek() == .object else { throw JSONError("expected a watch event", offset: reader.offset) }
            try reader.readFields { key, reader in
                switch key {
                case "type":
                    kind = try reader.readString()
                    if var again = early { event = try self.event(kind ?? "", &again) }
                case "object":
                    if let kind {
                        event = try self.event(kind, &reader)
                    } else {
                        early = reader
                        try reader.skip()
                    }
                default: try reader.skip()
                }
            }
            guard kind != nil else { throw JSONError("a watch event has no type", offset: 0) }
            return event
        }
    }

    private func event(_ kind: String, _ reader: inout JSONReader) throws -> WatchEvent<Object>? {
        switch kind {
        case "ADDED": return .added(try Decoded(from: &reader, type: type))
        case "MODIFIED": return .modified(try Decoded(from: &reader, type: type))
        case "DELETED": return .deleted(try Decoded(from: &reader, type: type))
        case "BOOKMARK":
            let metadata = try PartialObject(from: &reader).metadata
            return .bookmark(
                resourceVersion: metadata.resourceVersion,
                endsInitialEvents: metadata.annotations["k8s.io/initial-events-end"] == "true")
        case "ERROR": return .error(try APIStatus(from: &reader))
        default:
            logger.warning(
                "a watch event of an unknown type is ignored",
                metadata: ["type": "\(kind)", "resource": "\(type.plural)"])
            try reader.skip()
            return nil
        }
    }
}
