import JSON
import KubernetesModel

/// One entry of `metadata.managedFields`: which fields a manager owns by which kind of write.
struct ManagedFieldsEntry: Sendable, Hashable {
    enum Operation: String, Sendable { case apply = "Apply", update = "Update" }

    var manager: String
    var operation: Operation
    var apiVersion: String
    var time: Timestamp?
    var subresource: String
    var fields: FieldSet

    /// Whether both are the same writer.
    func hasSameIdentity(as other: ManagedFieldsEntry) -> Bool {
        manager == other.manager && operation == other.operation && subresource == other.subresource
            && apiVersion == other.apiVersion
    }

    var json: JSONValue {
        var json: JSONObject = [
            "manager": .string(manager), "operation": .string(operation.rawValue), "apiVersion": .string(apiVersion),
            "fieldsType": "FieldsV1", "fieldsV1": fields.json,
        ]
        if let time { json["time"] = .string(time.rfc3339) }
        if !subresource.isEmpty { json["subresource"] = .string(subresource) }
        return .object(json)
    }

    init(
        manager: String, operation: Operation, apiVersion: String, time: Timestamp?, subresource: String,
        fields: FieldSet
    ) {
        self.manager = manager
        self.operation = operation
        self.apiVersion = apiVersion
        self.time = time
        self.subresource = subresource
        self.fields = fields
    }

    init?(_ json: JSONValue) {
        guard let operation = json["operation"]?.string.flatMap({ Operation(rawValue: $0) }),
            let fields = FieldSet(json["fieldsV1"] ?? [:]), json["fieldsType"]?.string ?? "FieldsV1" == "FieldsV1"
        else { return nil }
        self.init(
            manager: json["manager"]?.string ?? "", operation: operation, apiVersion: json["apiVersion"]?.string ?? "",
            time: json["time"]?.string.flatMap { Timestamp(rfc3339: $0) },
            subresource: json["subresource"]?.string ?? "", fields: fields)
    }

    /// How a conflict names this writer.
    var conflictName: String {
        var text = JSONValue.string(manager).text
        if !subresource.isEmpty { text += " with subresource \(JSONValue.string(subresource).text)" }
        if operation == .update {
            text += " using \(apiVersion)"
            if let time { text += " at \(time.rfc3339)" }
        }
        return text
    }
}

/// Who owns which field, and how writes change that (server-side apply's rules, KEP 555).
struct FieldOwnership: Sendable {
    var entries: [ManagedFieldsEntry]

    /// The ownership that an object carries; nil when its managedFields are malformed or absent.
    init?(_ object: JSONValue) {
        guard let list = object["metadata"]?["managedFields"]?.array else { return nil }
        let entries = list.compactMap { ManagedFieldsEntry($0) }
        guard entries.count == list.count || list == [[:]] else { return nil }
        self.entries = entries
    }

    init() { entries = [] }

    /// Fields that nobody owns, since the server sets them.
    private static let unowned = FieldSet(
        paths: [[.field("apiVersion")], [.field("kind")], [.field("metadata")]]
            + [
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
                "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
            ].map { [.field("metadata"), .field($0)] })

    static func withoutUnowned(_ set: FieldSet) -> FieldSet {
        var set = set
        set.isMember = false
        return set.subtracting(unowned)
    }

    static func stripped(_ object: JSONValue) -> JSONValue {
        var object = object
        if var metadata = object["metadata"], metadata["managedFields"] != nil {
            metadata["managedFields"] = nil
            object["metadata"] = metadata
        }
        return object
    }

    /// A plain write: what it changed is the writer's, and no longer anybody else's.
    ///
    /// `ignoresStatus`: the status is not this writer's to set, whatever the server put there.
    mutating func update(
        from old: JSONValue, to new: JSONValue, _ type: FieldType, writer: ManagedFieldsEntry,
        ignoresStatus: Bool = false
    ) {
        var (old, new) = (Self.stripped(old), Self.stripped(new))
        if ignoresStatus {
            old["status"] = nil
            new["status"] = nil
        }
        let difference = FieldDifference(from: old, to: new, type)
        let gained = Self.withoutUnowned(difference.added.union(difference.modified))
        if gained.isEmpty, difference.removed.isEmpty { return }
        let index = entries.firstIndex { $0.hasSameIdentity(as: writer) }
        for other in entries.indices {
            if other != index { entries[other].fields = entries[other].fields.subtracting(gained) }
            entries[other].fields = entries[other].fields.subtracting(difference.removed)
        }
        if let index {
            let before = entries[index].fields
            entries[index].fields = before.union(gained)
            if !gained.isEmpty { entries[index].time = writer.time }
        } else if !gained.isEmpty {
            var entry = writer
            entry.fields = gained
            entries.append(entry)
        }
        entries.removeAll { $0.fields.isEmpty }
    }

    /// Who else owns fields that differ between two states, and which.
    func conflicts(from old: JSONValue, to new: JSONValue, _ type: FieldType, writer: ManagedFieldsEntry)
        -> [(entry: ManagedFieldsEntry, fields: FieldSet)]
    {
        let difference = FieldDifference(from: Self.stripped(old), to: Self.stripped(new), type)
        let changed = Self.withoutUnowned(difference.added.union(difference.modified))
        return entries.compactMap { entry in
            if entry.hasSameIdentity(as: writer) { return nil }
            let common = entry.fields.intersection(changed)
            return common.isEmpty ? nil : (entry, common)
        }
    }

    /// The entries in the order in which objects show them.
    var json: JSONValue {
        func order(_ entry: ManagedFieldsEntry) -> (String, Int64, String, String, String) {
            (
                entry.operation.rawValue, entry.time?.seconds ?? 0, entry.manager, entry.apiVersion,
                entry.subresource
            )
        }
        return .array(entries.sorted { order($0) < order($1) }.map(\.json))
    }

    /// The object with this ownership in its metadata.
    func stamped(on object: JSONValue) -> JSONValue {
        var object = object
        var metadata = object["metadata"] ?? [:]
        metadata["managedFields"] = entries.isEmpty ? nil : json
        object["metadata"] = metadata
        return object
    }
}
