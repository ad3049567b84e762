import JSON
import KubernetesModel

/// The rules of events, which have two forms: `v1`, which is the stored one, and `events.k8s.io/v1`.
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
        // The object is in the stored form. Values get both names, so that selectors of either version match.
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
        // Events about a cluster-scoped object are in `default`.
        if mentioned.isEmpty ? namespace == "default" || namespace == "kube-system" : mentioned == namespace {
            return []
        }
        return [
            .invalid(
                FieldPath.root.field(about).field("namespace"), .string(mentioned), "does not match event.namespace")
        ]
    }

    /// A field's name in `v1` and in `events.k8s.io/v1`.
    private struct FieldNames {
        var core: String
        var new: String

        init(_ core: String, _ new: String) {
            self.core = core
            self.new = new
        }
    }

    private static let names: [FieldNames] = [
        .init("involvedObject", "regarding"), .init("message", "note"),
        .init("reportingComponent", "reportingController"),
        .init("source", "deprecatedSource"), .init("firstTimestamp", "deprecatedFirstTimestamp"),
        .init("lastTimestamp", "deprecatedLastTimestamp"), .init("count", "deprecatedCount"),
    ]

    func fromStorage(_ object: JSONValue) -> JSONValue {
        isCore ? object : Self.renamed(object, from: \.core, to: \.new)
    }

    func toStorage(_ object: JSONValue) -> JSONValue {
        isCore ? object : Self.renamed(object, from: \.new, to: \.core)
    }

    /// Renames the fields of ``names`` from one version to the other.
    private static func renamed(
        _ object: JSONValue, from old: KeyPath<FieldNames, String>, to new: KeyPath<FieldNames, String>
    ) -> JSONValue {
        var result = object
        for field in names {
            result[field[keyPath: old]] = nil
            result[field[keyPath: new]] = object[field[keyPath: old]]
        }
        return result
    }

    /// A field by its name in `v1`, whichever version the event has.
    private static func stored(_ event: JSONValue, _ name: String) -> JSONValue? {
        event[name] ?? Self.names.first { $0.core == name }.flatMap { event[$0.new] }
    }

    /// The first non-empty string of these fields.
    private static func text(_ event: JSONValue, _ names: String...) -> String {
        for name in names {
            if let text = stored(event, name)?.string, !text.isEmpty { return text }
        }
        return ""
    }

    private static func seen(_ event: JSONValue, _ first: String, _ now: Timestamp) -> JSONValue {
        if let time = stored(event, first), !time.isNull { return .string(HumanDuration.age(since: time, now: now)) }
        return .string(HumanDuration.age(since: stored(event, "eventTime"), now: now))
    }

    var columns: [TableColumn] {
        [
            TableColumn("Last Seen", description: "How long ago it happened last.") { event, now in
                if let last = event["series"]?["lastObservedTime"], !last.isNull {
                    return .string(HumanDuration.age(since: last, now: now))
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
