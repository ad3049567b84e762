import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime

/// A custom resource as the recorded streams have it.
struct Widget: KubernetesObject, Hashable {
    static let resourceType = ResourceType(
        group: "golden.example.dev", version: "v1", kind: "Widget", plural: "widgets")
    var metadata = ObjectMeta()
    var size = 0

    init(_ name: String, uid: String = "", version: UInt64 = 0, size: Int = 0) {
        metadata = ObjectMeta(name: name, namespace: "ns")
        metadata.uid = uid.isEmpty ? "uid-\(name)" : uid
        metadata.resourceVersion = version == 0 ? "" : "\(version)"
        self.size = size
    }

    init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "metadata": metadata = try ObjectMeta(from: &reader)
            case "spec":
                try reader.readFields { key, reader in
                    if key.string == "size" { size = try reader.readInt() } else { try reader.skip() }
                }
            default: try reader.skip()
            }
        }
    }
}

extension Store where Object == Widget {
    /// What the store holds, for comparing.
    var contents: [ObjectKey: Widget] {
        var result: [ObjectKey: Widget] = [:]
        for entry in entries() { result[entry.key] = entry.object }
        return result
    }
}
