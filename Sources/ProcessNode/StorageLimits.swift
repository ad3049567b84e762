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
    /// The limit of all containers together: of the main ones and sidecars, or of an init container where that is more.
    private var total: Quantity

    /// nil for a pod without any.
    init?(_ pod: JSONValue) {
        let empty = (pod["volumes"]?.array ?? []).filter { $0["emptyDir"] != nil }
        volumes = empty.compactMap { volume in
            guard let name = volume["name"]?.string,
                let limit = volume[path: "emptyDir", "sizeLimit"].flatMap({ Quantity(json: $0) }), !limit.isZero
            else { return nil }
            return Limit(name: name, amount: limit)
        }
        func limit(_ container: JSONValue) -> Limit? {
            guard let name = container["name"]?.string,
                let limit = container[path: "resources", "limits", "ephemeral-storage"].flatMap({ Quantity(json: $0) }),
                !limit.isZero
            else { return nil }
            return Limit(name: name, amount: limit)
        }
        let initial = pod["initContainers"]?.array ?? []
        let all = initial + (pod["containers"]?.array ?? [])
        containers = (pod["containers"]?.array ?? []).compactMap(limit)
        let sidecars = initial.filter { $0["restartPolicy"] == "Always" }.compactMap(limit)
        let sum = (containers + sidecars).reduce(Quantity.zero) { $0.adding($1.amount) ?? $0 }
        let largest = initial.filter { $0["restartPolicy"] != "Always" }.compactMap(limit).map(\.amount)
        total = largest.reduce(sum) { $0 < $1 ? $1 : $0 }
        // Those of memory are none on the disk.
        allVolumes = empty.filter { $0[path: "emptyDir", "medium"] != "Memory" }.compactMap { $0["name"]?.string }
        allContainers = all.compactMap { $0["name"]?.string }
        if volumes.isEmpty, total.isZero { return nil }
    }

    /// Why a pod with that usage is evicted, in a kubelet's words; nil where it is within its limits. The usage is in bytes.
    func problem(volume: (String) -> Int64, container: (String) -> Int64) -> String? {
        for limit in volumes where volume(limit.name) > limit.bytes {
            return "Usage of EmptyDir volume \"\(limit.name)\" exceeds the limit \"\(limit.amount)\". "
        }
        guard !total.isZero else { return nil }
        let usage = allContainers.reduce(0) { $0 + container($1) } + allVolumes.reduce(0) { $0 + volume($1) }
        if usage > total.value {
            return "Pod ephemeral local storage usage exceeds the total limit of containers \(total). "
        }
        for limit in containers where container(limit.name) > limit.bytes {
            return "Container \(limit.name) exceeded its local ephemeral storage limit \"\(limit.amount)\". "
        }
        return nil
    }

    /// What a directory has on its disk, in bytes, with all that is in it. Links are not followed, and what goes meanwhile is passed over.
    static func usage(_ root: String) -> Int64 {
        var (paths, bytes) = ([root], Int64(0))
        // Files of several names count once.
        var known: Set<ino_t> = []
        while let path = paths.popLast() {
            var information = stat()
            guard lstat(path, &information) == 0 else { continue }
            if information.st_mode & S_IFMT != S_IFDIR, information.st_nlink > 1,
                !known.insert(information.st_ino).inserted
            {
                continue
            }
            bytes += Int64(information.st_blocks) * 512
            if information.st_mode & S_IFMT == S_IFDIR { paths += PodFiles.names(in: path).map { "\(path)/\($0)" } }
        }
        return bytes
    }
}
