import JSON
import KubernetesModel

/// A kind that is described by its fields and a few closures: config maps, leases, quotas.
struct SimpleStrategy: ResourceStrategy {
    var type: FieldType
    var skeleton: JSONValue = ["metadata": [:]]
    var tracksGeneration = false
    var returnsDeletedObject = false
    var columns: [TableColumn] = [.name, .age]
    var selectableFields: [String] = []
    /// Default values, by their path from the root.
    var defaults: [(path: [String], value: JSONValue)] = []
    var checks: @Sendable (_ object: JSONValue, _ old: JSONValue?) -> [FieldError] = { _, _ in [] }
    var prepare: @Sendable (_ object: inout JSONValue) -> Void = { _ in }
    /// Finalizers that admission adds at creation.
    var finalizers: [String] = []
    var nameError: @Sendable (String) -> String? = { Names.subdomainProblem($0) }

    /// A strategy for the struct of that name in ``BuiltinTypes``.
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
    /// Sets the value at a path unless there is one already. Makes missing objects on the way.
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
