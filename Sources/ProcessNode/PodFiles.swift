import AsyncPrimitives
import CProcess
import CStarter
import FoundationEssentials
import Glibc
import JSON
import KubernetesModel

/// The files of one pod: `volumes/NAME`, `work` where containers have no files of their own, and for each container the logs of its runs, `NAME/0.log`, `NAME/1.log`..., with
/// what was put aside of them, `NAME/0.log.1`, `NAME/0.log.2`..., and the termination message `NAME/message`.
struct PodFiles: Sendable {
    let root: String

    /// The files of a pod, below the node's directory.
    init(node: String, namespace: String, name: String, uid: String) {
        // The UID tells pods apart; a name of a file is no longer than 255 bytes, and a path of mounts no longer than 4,095.
        root = "\(node)/pods/\(namespace)_\(name.prefix(100))_\(uid)"
    }

    /// An empty directory for building mounts, which the containers of all pods use: what is mounted there is seen by the one alone.
    static func stage(node: String) -> String { "\(node)/stage" }

    var work: String { "\(root)/work" }
    /// The log of one run of a container.
    func log(_ container: String, _ attempt: Int) -> String { "\(root)/containers/\(container)/\(attempt).log" }
    /// What the command of a probe or hook of a container prints.
    func actionLog(_ container: String, _ action: String) -> String { "\(root)/containers/\(container)/\(action)" }
    /// Removes a log with what was put aside of it.
    static func removeLog(_ path: String) {
        unlink(path)
        guard let slash = path.lastIndex(of: "/") else { return }
        let aside = path[path.index(after: slash)...] + "."
        for name in names(in: String(path[..<slash])) where name.hasPrefix(aside) { unlink("\(path[...slash])\(name)") }
    }
    /// The number of the last run of a container of which there is a log; 0 where there is none.
    func lastAttempt(_ container: String) -> Int { logs(container).map(\.attempt).max() ?? 0 }

    /// Removes the logs of a container but those of the run before `attempt`, and of later ones: a kubelet keeps no more either. What
    /// cannot be removed stays until the pod goes.
    func removeLogs(_ container: String, before attempt: Int) {
        for log in logs(container) where log.attempt < attempt - 1 || (log.attempt == attempt && log.isAside) {
            unlink("\(root)/containers/\(container)/\(log.name)")
        }
    }

    private func logs(_ container: String) -> [(name: String, attempt: Int, isAside: Bool)] {
        Self.names(in: "\(root)/containers/\(container)").compactMap { name in
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            guard (2...3).contains(parts.count), parts[1] == "log", let attempt = Self.number(parts[0]),
                parts.count == 2 || Self.number(parts[2]) != nil
            else { return nil }
            return (name, attempt, parts.count == 3)
        }
    }

    /// What is in a directory; nothing where it cannot be read.
    static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }

    /// The number that a part of a file's name is; nil for anything else that a container may have put there.
    static func number(_ text: Substring) -> Int? {
        text.utf8.count < 10 && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    /// The termination message of a container.
    func message(_ container: String) -> String { "\(root)/containers/\(container)/message" }
    /// What is a container's own.
    func own(_ container: String) -> Sandbox.OwnFiles { Sandbox.OwnFiles(root: "\(root)/containers/\(container)") }
    /// The directory of a volume.
    func volume(_ name: String) -> String { "\(root)/volumes/\(name)" }

    /// Creates the directories that every pod has, and with `hasWork` the one in which its containers begin. Throws a system error.
    func prepare(containers: [String], hasWork: Bool) throws {
        for path in [root, "\(root)/containers"] + (hasWork ? [work] : []) { try Self.makeDirectory(path) }
        for container in containers { try Self.makeDirectory("\(root)/containers/\(container)") }
    }

    /// Creates the pod's volumes, with files that tell of it as `text` has them, and returns their paths by name.
    ///
    /// Throws ``ContainerProblem`` when a ConfigMap or Secret is missing and for kinds of volumes that this node does not have, a system
    /// error when a file cannot be written, and what `source` throws.
    func materialise(
        _ pod: NodePod, from source: ConfigurationSource, text: (String) -> String = { $0 }
    ) async throws -> [String: String] {
        var paths: [String: String] = [:]
        for volume in pod.spec["volumes"]?.array ?? [] {
            guard let name = volume["name"]?.string else { continue }
            if let path = volume[path: "hostPath", "path"]?.string {
                try Self.check(path, volume[path: "hostPath", "type"]?.string ?? "", volume: name)
                paths[name] = path
                continue
            }
            if let claim = volume[path: "persistentVolumeClaim", "claimName"]?.string {
                paths[name] = try await Self.directory(of: claim, source)
                continue
            }
            guard let kind = Self.kinds.first(where: { volume[$0] != nil }), let content = volume[kind] else {
                let kind = volume.object?.keys.first { $0 != "name" } ?? "nothing"
                throw ContainerProblem(
                    reason: "ContainerCreating",
                    message:
                        "MountVolume.SetUp failed for volume \"\(name)\" : this node has no volumes of kind \(kind), only "
                        + "hostPath, persistentVolumeClaim, " + Self.kinds.joined(separator: ", "))
            }
            try Self.makeDirectory(self.volume(name))
            paths[name] = self.volume(name)
            // Containers may run as anybody.
            if kind == "emptyDir" { chmod(self.volume(name), 0o777) }
            let sources = kind == "projected" ? content["sources"]?.array ?? [] : [[kind: content] as JSONValue]
            for one in sources {
                let files = try await files(of: one, name, pod, source, text)
                let standard = content["defaultMode"]?.int ?? 0o644
                for file in files { try write(file.bytes, to: file.path, in: name, mode: file.mode ?? standard) }
            }
        }
        // Others than root run as themselves, whatever a container calls them.
        if geteuid() == 0,
            let group = pod.spec[path: "securityContext", "fsGroup"]?.int.flatMap({ UInt32(exactly: $0) })
        {
            for volume in pod.spec["volumes"]?.array ?? [] where volume["hostPath"] == nil {
                guard let path = volume["name"]?.string.flatMap({ paths[$0] }) else { continue }
                let isReadOnly = volume["emptyDir"] == nil && volume["persistentVolumeClaim"] == nil
                try await DetachedThread.run { Self.give(path, to: group, isReadOnly: isReadOnly) }
            }
        }
        return paths
    }

    /// Throws ``ContainerProblem``, in a kubelet's words, where what is at the path of the host is not of the type that a hostPath wants.
    /// Makes what is to be made.
    private static func check(_ path: String, _ type: String, volume: String) throws {
        if type.isEmpty { return }
        var information = stat()
        let isThere = stat(path, &information) == 0
        let kind = information.st_mode & S_IFMT
        func fail(_ text: String) throws {
            throw ContainerProblem(
                reason: "ContainerCreating",
                message:
                    "MountVolume.SetUp failed for volume \"\(volume)\" : hostPath type check failed: \(path) \(text)")
        }
        switch type {
        case "DirectoryOrCreate" where !isThere: try makeDirectory(path)
        case "FileOrCreate" where !isThere:
            let descriptor = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return try fail("cannot be made: \(String(cString: strerror(errno)))") }
            close(descriptor)
        case "Directory", "DirectoryOrCreate": if !isThere || kind != S_IFDIR { try fail("is not a directory") }
        case "File", "FileOrCreate": if !isThere || kind != S_IFREG { try fail("is not a file") }
        case "Socket": if !isThere || kind != S_IFSOCK { try fail("is not a socket file") }
        case "CharDevice": if !isThere || kind != S_IFCHR { try fail("is not a character device") }
        case "BlockDevice": if !isThere || kind != S_IFBLK { try fail("is not a block device") }
        default: try fail("cannot be of the unknown type \(type)")
        }
    }

    /// Gives a volume to a group, as a kubelet does for fsGroup: what is in it is the group's, which may read it, or write to it too, and what
    /// comes into its directories becomes so. Containers that use the volume as well may change it meanwhile; nothing else is given.
    static func give(_ root: String, to group: UInt32, isReadOnly: Bool) {
        sluice_give(root, group, isReadOnly ? 0o440 : 0o660)
    }

    /// Where the volume of a claim is. Throws ``ContainerProblem`` where there is none yet, worded as the scheduler and the kubelet do.
    private static func directory(of claim: String, _ source: ConfigurationSource) async throws -> String {
        guard let found = try await source.claim(claim) else {
            throw ContainerProblem(
                reason: "ContainerCreating", message: "persistentvolumeclaim \"\(claim)\" not found")
        }
        if found.json["metadata"]?["deletionTimestamp"] != nil {
            throw ContainerProblem(
                reason: "ContainerCreating", message: "persistentvolumeclaim \"\(claim)\" is being deleted")
        }
        guard let directory = found.directory else {
            throw ContainerProblem(
                reason: "ContainerCreating",
                message:
                    "persistentvolumeclaim \"\(claim)\" is not bound: this node has directories, volumeMode Filesystem, only"
            )
        }
        return directory
    }

    /// The kinds of volumes that are folders of this node.
    private static let kinds = ["emptyDir", "configMap", "secret", "downwardAPI", "projected"]

    private struct VolumeFile {
        var path: String
        var bytes: [UInt8]
        var mode: Int64?
    }

    /// The files of one source of a volume.
    private func files(
        of volume: JSONValue, _ name: String, _ pod: NodePod, _ source: ConfigurationSource, _ text: (String) -> String
    ) async throws -> [VolumeFile] {
        if let items = volume["downwardAPI"]?["items"]?.array {
            return items.compactMap { item in
                guard let path = item["path"]?.string,
                    let value = item[path: "fieldRef", "fieldPath"]?.string.flatMap({
                        ContainerEnvironment.field($0, of: pod)
                    })
                else { return nil }
                return VolumeFile(path: path, bytes: Array(text(value).utf8), mode: item["mode"]?.int)
            }
        }
        if volume["serviceAccountToken"] != nil || volume["clusterTrustBundle"] != nil {
            throw ContainerProblem(
                reason: "ContainerCreating",
                message: "MountVolume.SetUp failed for volume \"\(name)\" : this cluster gives pods no tokens")
        }
        guard let reference = volume["configMap"] ?? volume["secret"] else { return [] }
        let isSecret = volume["configMap"] == nil
        // In a projected volume a Secret has a name like everything else.
        let object = (isSecret ? reference["secretName"]?.string : nil) ?? reference["name"]?.string ?? ""
        guard let json = try await isSecret ? source.secret(object) : source.configMap(object) else {
            if reference["optional"]?.bool == true { return [] }
            throw ContainerProblem(
                reason: "ContainerCreating",
                message: "MountVolume.SetUp failed for volume \"\(name)\" : \(isSecret ? "secret" : "configmap") "
                    + "\"\(object)\" not found")
        }
        var contents: [String: [UInt8]] = [:]
        for (key, text) in json["data"]?.stringMap ?? [:] {
            contents[key] = isSecret ? Base64.decode(text) ?? [] : Array(text.utf8)
        }
        for (key, text) in json["binaryData"]?.stringMap ?? [:] { contents[key] = Base64.decode(text) ?? [] }
        guard let items = reference["items"]?.array, !items.isEmpty else {
            return contents.map { VolumeFile(path: $0.key, bytes: $0.value) }
        }
        return try items.compactMap { item in
            guard let key = item["key"]?.string else { return nil }
            guard let bytes = contents[key] else {
                if reference["optional"]?.bool == true { return nil }
                throw ContainerProblem(
                    reason: "ContainerCreating",
                    message:
                        "MountVolume.SetUp failed for volume \"\(name)\" : references non-existent \(isSecret ? "secret" : "config") "
                        + "key: \(key)")
            }
            return VolumeFile(path: item["path"]?.string ?? key, bytes: bytes, mode: item["mode"]?.int)
        }
    }

    /// Writes a file of a volume; a path that would lead out of it is passed over.
    private func write(_ bytes: [UInt8], to file: String, in volume: String, mode: Int64) throws {
        guard !file.hasPrefix("/"), !file.split(separator: "/").contains("..") else { return }
        let path = "\(self.volume(volume))/\(file)"
        try Self.makeDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
        // Not readable by others for a moment before it is what it is to be.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ContainerProblem(reason: "ContainerCreating", message: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let size = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard size > 0 else {
                throw ContainerProblem(
                    reason: "ContainerCreating", message: "\(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(size)
        }
        fchmod(descriptor, mode_t(clamping: mode))
    }

    /// Removes all files of the pod. Throws a system error.
    func remove() throws { try Self.remove(root) }

    /// Removes the directories of pods that are not among `known`, the UIDs of those that there are: a node before this one made them, and
    /// was killed. Throws a system error.
    static func removeAll(node: String, but known: () -> Set<String>) throws {
        let pods = "\(node)/pods"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: pods) else { return }
        // Asked after the names are known: a pod is known before it has a directory.
        let known = known()
        for name in names.sorted() {
            guard let uid = name.split(separator: "_").last, !known.contains(String(uid)) else { continue }
            try remove("\(pods)/\(name)")
        }
    }

    /// What could not be removed, and why.
    struct RemovalError: Error, CustomStringConvertible {
        var path: String
        var code: Int32
        var description: String { "\(path) cannot be removed: \(String(cString: strerror(code)))" }
    }

    /// Removes a directory with all that is in it, or a file, whatever a container has made there. Throws ``RemovalError``.
    static func remove(_ path: String) throws {
        let problem = sluice_remove(path)
        guard problem == 0 else { throw RemovalError(path: path, code: problem) }
    }

    /// The container's termination message: at most 4096 bytes of its message file. If that is empty, the container
    /// failed and its policy is FallbackToLogsOnError, the end of its log: at most 2048 bytes and 80 lines.
    func terminationMessage(_ container: ContainerSpec, attempt: Int, exitCode: Int) -> String {
        let message = Self.bytes(message(container.name))
        if !message.isEmpty { return String(decoding: message, as: UTF8.self) }
        guard container.fallsBackToLogs, exitCode != 0 else { return "" }
        do {
            let log = try ContainerLog(log(container.name, attempt), .init(tailLines: 80))
            return String(decoding: try log.last(2048), as: UTF8.self)
        } catch {
            // The container may have put anything in its place.
            return ""
        }
    }

    /// Creates a directory and those above it. Throws a system error.
    static func makeDirectory(_ path: String) throws {
        // What is above is there most often.
        if mkdir(path, 0o755) == 0 { return }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// The first 4096 bytes of a file; empty when it cannot be read.
    private static func bytes(_ path: String) -> [UInt8] {
        guard let file = try? LogFile(path) else { return [] }
        return (try? file.read(4096)) ?? []
    }
}
