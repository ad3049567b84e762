import JSON
import KubernetesModel

/// One entry of `metadata.managedFields`: the fields that a manager owns by one kind of write.
struct ManagedFieldsEntry: Sendable, Hashable {
    enum Operation: String, Sendable { case apply = "Apply", update = "Update" }

    var manager: String
    var operation: Operation
    var apiVersion: String
    var time: Timestamp?
    var subresource: String
    var fields: FieldSet

    /// Whether both entries belong to the same writer.
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

    /// Reads an entry; nil when it is malformed.
    init?(_ json: JSONValue) {
        guard let operation = json["operation"]?.string.flatMap({ Operation(rawValue: $0) }),
            let fields = FieldSet(json["fieldsV1"] ?? [:]), json["fieldsType"]?.string ?? "FieldsV1" == "FieldsV1"
        else { return nil }
        self.init(
            manager: json["manager"]?.string ?? "", operation: operation, apiVersion: json["apiVersion"]?.string ?? "",
            time: json["time"]?.string.flatMap { Timestamp(rfc3339: $0) },
            subresource: json["subresource"]?.string ?? "", fields: fields)
    }

    /// The writer as a conflict message names it.
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

/// Which manager owns which field, and how writes change that (server-side apply, KEP 555).
struct FieldOwnership: Sendable {
    var entries: [ManagedFieldsEntry]

    /// Reads an object's managedFields; nil when they are malformed or absent.
    init?(_ object: JSONValue) {
        guard let list = object["metadata"]?["managedFields"]?.array else { return nil }
        let entries = list.compactMap { ManagedFieldsEntry($0) }
        guard entries.count == list.count || list == [[:]] else { return nil }
        self.entries = entries
    }

    init() { entries = [] }

    /// The fields that the server sets, which no manager owns.
    private static let unowned = FieldSet(
        paths: [[.field("apiVersion")], [.field("kind")], [.field("metadata")]]
            + [
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
                "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
            ].map { [.field("metadata"), .field($0)] })

    /// The set without the fields that no manager owns.
    static func withoutUnowned(_ set: FieldSet) -> FieldSet {
        var set = set
        set.isMember = false
        return set.subtracting(unowned)
    }

    /// The object without its managedFields.
    static func stripped(_ object: JSONValue) -> JSONValue {
        var object = object
        if var metadata = object["metadata"], metadata["managedFields"] != nil {
            metadata["managedFields"] = nil
            object["metadata"] = metadata
        }
        return object
    }

    /// Records a plain write: the writer now owns all fields that it changed, and no other manager does.
    ///
    /// `ignoresStatus`: the request cannot set the status, so differences in it do not count.
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
        mergeOldest()
    }

    /// How many managers that update are kept apart, as in Kubernetes.
    private static let maximumUpdaters = 10

    /// Makes one entry of the oldest updates of a version, `ancient-changes`, while there are too many.
    private mutating func mergeOldest() {
        var updaters = entries.filter { $0.operation == .update }.sorted {
            ($0.time?.seconds ?? 0, $0.manager, $0.subresource) < ($1.time?.seconds ?? 0, $1.manager, $1.subresource)
        }
        guard updaters.count > Self.maximumUpdaters else { return }
        var excess = updaters.count - Self.maximumUpdaters
        var merged: [String: ManagedFieldsEntry] = [:]
        while excess > 0, !updaters.isEmpty {
            let entry = updaters.removeFirst()
            entries.removeAll { $0.hasSameIdentity(as: entry) }
            if var bucket = merged[entry.apiVersion] {
                if bucket.manager != Self.ancient || !bucket.subresource.isEmpty {
                    bucket.manager = Self.ancient
                    bucket.subresource = ""
                }
                bucket.fields = bucket.fields.union(entry.fields)
                bucket.time = entry.time
                merged[entry.apiVersion] = bucket
                excess -= 1
            } else {
                merged[entry.apiVersion] = entry
            }
        }
        // One that was merged before and is not among the oldest, since it is as recent as its last part.
        for (_, bucket) in merged {
            if let index = entries.firstIndex(where: { $0.hasSameIdentity(as: bucket) }) {
                entries[index].fields = entries[index].fields.union(bucket.fields)
            } else {
                entries.append(bucket)
            }
        }
    }

    private static let ancient = "ancient-changes"

    /// The other managers that own fields which differ between two states, with those fields.
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

    /// The entries as JSON, in the order in which objects show them.
    var json: JSONValue {
        func order(_ entry: ManagedFieldsEntry) -> (String, Int64, String, String, String) {
            (
                entry.operation.rawValue, entry.time?.seconds ?? 0, entry.manager, entry.apiVersion,
                entry.subresource
            )
        }
        return .array(entries.sorted { order($0) < order($1) }.map(\.json))
    }

    /// The object with this ownership in its managedFields.
    func stamped(on object: JSONValue) -> JSONValue {
        var object = object
        var metadata = object["metadata"] ?? [:]
        metadata["managedFields"] = entries.isEmpty ? nil : json
        object["metadata"] = metadata
        return object
    }
}
