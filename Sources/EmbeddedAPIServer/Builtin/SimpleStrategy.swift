import JSON
import KubernetesModel

/// Kinds that need no more than their fields: config maps, leases, quotas.
struct SimpleStrategy: ResourceStrategy {
    var type: FieldType
    var skeleton: JSONValue = ["metadata": [:]]
    var tracksGeneration = false
    var returnsDeletedObject = false
    var columns: [TableColumn] = [.name, .age]
    var selectableFields: [String] = []
    /// Set where nothing is set, by path from the root.
    var defaults: [(path: [String], value: JSONValue)] = []
    var checks: @Sendable (_ object: JSONValue, _ old: JSONValue?) -> [FieldError] = { _, _ in [] }
    var prepare: @Sendable (_ object: inout JSONValue) -> Void = { _ in }
    /// Set by admission at creation.
    var finalizers: [String] = []
    var nameError: @Sendable (String) -> String? = NameRules.subdomainError

    init(_ kind: String) {
        var fields = BuiltinTypes.fields(of: "Object")
        fields.merge(BuiltinTypes.fields(of: kind)) { $1 }
        type = .object(fields, rest: nil)
    }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        prepare(&object)
        for (path, value) in defaults { object.setDefault(path[...], value) }
    }

    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws {
        let present = object["metadata"]?["finalizers"]?.strings ?? []
        let missing = finalizers.filter { !present.contains($0) }
        if !missing.isEmpty { object["metadata"]?["finalizers"] = JSONValue(present + missing) }
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] { checks(object, old) }
    func validateName(_ name: String) -> String? { nameError(name) }
}

extension JSONValue {
    /// Sets a value at a path where there is none yet, making the objects on the way.
    mutating func setDefault(_ path: ArraySlice<String>, _ value: JSONValue) {
        guard let first = path.first else { return }
        if path.count == 1 {
            if self[first] == nil { self[first] = value }
            return
        }
        var inner = self[first] ?? [:]
        guard inner.object != nil else { return }
        inner.setDefault(path.dropFirst(), value)
        self[first] = inner
    }
}
