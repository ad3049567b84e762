import JSON
import KubernetesModel
import KubernetesSchema

/// Kubernetes' strategic merge patch, for built-in kinds.
enum StrategicMergePatch {
    /// The target with the patch applied. Throws `APIStatus` 400 when the patch is malformed.
    static func apply(_ patch: JSONValue, to target: JSONValue, _ type: FieldType) throws -> JSONValue {
        do {
            return try StrategicMerge().apply(patch, to: target, type)
        } catch {
            throw APIStatus.badRequest(error.description)
        }
    }
}

extension FieldType: PatchedType {
    static var anything: FieldType { .any }

    /// An atomic struct is merged field by field like any other.
    func patched(field name: String) -> (type: FieldType, list: ListPatch)? {
        guard let type = field(name) else { return nil }
        if let owner = structName, let field = TypeTable.kubernetes.types[owner]?.field(name) {
            return (type, field.listPatch)
        }
        // The fields of the object itself.
        return switch type.listKind {
        case .atomic: (type, .replace)
        case .set: (type, .add)
        case .map(let keys): (type, keys.first.map { .merge(key: $0) } ?? .replace)
        }
    }

    /// The struct of the table that this is.
    private var structName: String? {
        switch self {
        case .builtin(let name): name
        case .atomic(let inner): inner.structName
        default: nil
        }
    }
}
