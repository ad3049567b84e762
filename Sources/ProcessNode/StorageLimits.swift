import CProcess
import Glibc
import JSON
import KubernetesModel

/// What a pod may have on the disk of the node: `limits.ephemeral-storage` of its containers, `sizeLimit` of its emptyDirs. As with a
/// kubelet a pod that has more is evicted when that is looked at.
struct StorageLimits: Sendable, Hashable {
    private struct Limit: Sendable, Hashable {
        var name: String
        var amount: Quantity

        /// In bytes.
        var bytes: Int64 { amount.value }
    }

    private var volumes: [Limit]
    private var containers: [Limit]
    private var allVolumes: [String]
    private var allContainers: [String]

    /// nil for a pod without any.
    init?(_ pod: JSONValue) {
        let empty = (pod["volumes"]?.array ?? []).filter { $0["emptyDir"] != nil }
        volumes = empty.compactMap { volume in
            guard let name = volume["name"]?.string,
                let limit = volume[path: "emptyDir", "sizeLimit"].flatMap({ Quantity(json: $0) }), !limit.isZero
            else { return nil }
            return Limit(name: name, amount: limit)
        }
        let all = (pod["initContainers"]?.array ?? []) + (pod["containers"]?.array ?? [])
        containers = all.compactMap { container in
            guard let name = container["name"]?.string,
                let limit = container[path: "resources", "limits", "ephemeral-storage"].flatMap({ Quantity(json: $0) }),
                !limit.isZero
            else { return nil }
            return Limit(name: name, amount: limit)
        }
        allVolumes = empty.compactMap { $0["name"]?.string }
        allContainers = all.compactMap { $0["name"]?.string }
        if volumes.isEmpty, containers.isEmpty { return nil }
    }

    /// Why a pod with that usage is evicted, in a kubelet's words; nil where it is within its limits. The usage is in bytes.
    func problem(volume: (String) -> Int64, container: (String) -> Int64) -> String? {
        for limit in volumes where volume(limit.name) > limit.bytes {
            return "Usage of EmptyDir volume \"\(limit.name)\" exceeds the limit \"\(limit.amount)\". "
        }
        guard !containers.isEmpty else { return nil }
        let total = allContainers.reduce(0) { $0 + container($1) } + allVolumes.reduce(0) { $0 + volume($1) }
        let sum = containers.dropFirst().reduce(containers[0].amount) { $0.adding($1.amount) ?? $0 }
        if total > sum.value {
            return "Pod ephemeral local storage usage exceeds the total limit of containers \(sum). "
        }
        for limit in containers where container(limit.name) > limit.bytes {
            return "Container \(limit.name) exceeded its local ephemeral storage limit \"\(limit.amount)\". "
        }
        return nil
    }

    /// What a directory has on its disk, in bytes, with all that is in it. Links are not followed, and what goes meanwhile is passed over.
    static func usage(_ root: String) -> Int64 {
        var (paths, bytes) = ([root], Int64(0))
        while let path = paths.popLast() {
            var information = stat()
            guard lstat(path, &information) == 0 else { continue }
            bytes += Int64(information.st_blocks) * 512
            if information.st_mode & S_IFMT == S_IFDIR { paths += PodFiles.names(in: path).map { "\(path)/\($0)" } }
        }
        return bytes
    }
}
