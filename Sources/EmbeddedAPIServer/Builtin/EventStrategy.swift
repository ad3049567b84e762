import JSON
import KubernetesModel

/// Events, which have two forms: that of the core group, which is stored, and that of events.k8s.io.
struct EventStrategy: ResourceStrategy {
    let isCore: Bool
    let type: FieldType

    init(isCore: Bool) {
        self.isCore = isCore
        type = SimpleStrategy(isCore ? "Event" : "EventV1").type
    }

    var convertsStorage: Bool { !isCore }

    var skeleton: JSONValue {
        isCore
            ? [
                "metadata": [:], "involvedObject": [:], "source": [:], "firstTimestamp": .null, "lastTimestamp": .null,
                "eventTime": .null, "reportingComponent": "", "reportingInstance": "",
            ]
            : [
                "metadata": [:], "eventTime": .null, "regarding": [:], "deprecatedSource": [:],
                "deprecatedFirstTimestamp": .null, "deprecatedLastTimestamp": .null,
            ]
    }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        for (name, value) in skeleton.object ?? [:] where name != "metadata" { object.setDefault([name], value) }
    }

    var selectableFields: [String] {
        let about = isCore ? "involvedObject" : "regarding"
        return ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map {
            "\(about).\($0)"
        }
            + ["reason", "reportingComponent", "source", "type"]
    }

    func fieldValues(_ object: JSONValue) -> [String: String] {
        // Always the stored form; both names, so that either version's selectors find them.
        var values: [String: String] = [:]
        for (name, value) in object["involvedObject"]?.object ?? [:] {
            values["involvedObject.\(name)"] = value.rendered
            values["regarding.\(name)"] = value.rendered
        }
        for name in ["reason", "type", "reportingComponent"] { values[name] = object[name]?.string }
        values["source"] = object["source"]?["component"]?.string ?? object["reportingComponent"]?.string
        return values.filter { !$0.value.isEmpty }
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] {
        let about = isCore ? "involvedObject" : "regarding"
        let namespace = object["metadata"]?["namespace"]?.string ?? ""
        let mentioned = object[about]?["namespace"]?.string ?? ""
        // An object without a namespace has its events in `default`.
        if mentioned.isEmpty ? namespace == "default" || namespace == "kube-system" : mentioned == namespace {
            return []
        }
        return [
            .invalid(
                FieldPath.root.field(about).field("namespace"), .string(mentioned), "does not match event.namespace")
        ]
    }

    private static let names: [(core: String, new: String)] = [
        ("involvedObject", "regarding"), ("message", "note"), ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"), ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
    ]

    func fromStorage(_ object: JSONValue) -> JSONValue {
        guard !isCore else { return object }
        var result = object
        for (core, new) in Self.names {
            result[core] = nil
            result[new] = object[core]
        }
        return result
    }

    func toStorage(_ object: JSONValue) -> JSONValue {
        guard !isCore else { return object }
        var result = object
        for (core, new) in Self.names {
            result[new] = nil
            result[core] = object[new]
        }
        return result
    }

    private static func stored(_ event: JSONValue, _ name: String) -> JSONValue? {
        event[name] ?? Self.names.first { $0.core == name }.flatMap { event[$0.new] }
    }

    private static func text(_ event: JSONValue, _ names: String...) -> String {
        for name in names {
            if let text = stored(event, name)?.string, !text.isEmpty { return text }
        }
        return ""
    }

    private static func seen(_ event: JSONValue, _ first: String, _ now: Timestamp) -> JSONValue {
        if let time = stored(event, first), !time.isNull { return .string(HumanDuration.since(time, now)) }
        return .string(HumanDuration.since(stored(event, "eventTime"), now))
    }

    var columns: [TableColumn] {
        [
            TableColumn("Last Seen", description: "How long ago it happened last.") { event, now in
                if let last = event["series"]?["lastObservedTime"], !last.isNull {
                    return .string(HumanDuration.since(last, now))
                }
                return Self.seen(event, "lastTimestamp", now)
            },
            TableColumn("Type", path: "type", description: "Normal or Warning."),
            TableColumn("Reason", path: "reason", description: "Why it happened, for machines."),
            TableColumn("Object", description: "What the event is about.") { event, _ in
                let object = Self.stored(event, "involvedObject")
                let kind = (object?["kind"]?.string ?? "").lowercased()
                return .string("\(kind)/\(object?["name"]?.string ?? "")")
            },
            TableColumn("Subobject", priority: 1) { event, _ in
                Self.stored(event, "involvedObject")?["fieldPath"] ?? ""
            },
            TableColumn("Source", priority: 1) { event, _ in
                let source = Self.stored(event, "source")
                let component = source?["component"]?.string ?? Self.text(event, "reportingComponent")
                let host = source?["host"]?.string ?? Self.text(event, "reportingInstance")
                return .string([component, host].filter { !$0.isEmpty }.joined(separator: ", "))
            },
            TableColumn("Message", description: "What happened, for people.") { event, _ in
                let message = Self.text(event, "message")
                return .string(message)
            },
            TableColumn("First Seen", priority: 1) { event, now in Self.seen(event, "firstTimestamp", now) },
            TableColumn("Count", priority: 1) { event, _ in
                event["series"]?["count"] ?? Self.stored(event, "count") ?? 1
            },
            TableColumn("Name", format: "name", priority: 1, description: ColumnTexts.name) { event, _ in
                event["metadata"]?["name"] ?? ""
            },
        ]
    }
}
