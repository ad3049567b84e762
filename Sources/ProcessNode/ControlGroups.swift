import FoundationEssentials
import Glibc

/// The control groups (cgroup v2) in which a node's containers have their limits of CPU and memory.
///
/// Each container has one of its own below that of the node, which the starter makes and removes.
struct ControlGroups: Sendable, Hashable {
    /// The group of the node.
    let root: String

    /// The group of one run of a container.
    func path(pod uid: String, container: String, attempt: Int) -> String { "\(root)/\(uid)-\(container)-\(attempt)" }

    private static let prefix = "sluice-"

    /// Removes the node's group, when all containers have ended.
    func remove() {
        for name in PodFiles.names(in: root) { rmdir("\(root)/\(name)") }
        rmdir(root)
    }

    /// Where a container that does nothing can be started in the least group that this program may make, that group; else why there is
    /// none. What nodes that were killed have left there is removed. `start` starts a container in a group and says what came of it.
    static func found(
        mount: String = "/sys/fs/cgroup", own: String? = nil, process: Int32 = getpid(),
        start: (String) async -> ProcessSupervisor.LaunchError?
    ) async -> Result<ControlGroups, Missing> {
        guard let all = text("\(mount)/cgroup.controllers") else {
            return .failure(Missing(reason: "there is no cgroup v2 at \(mount)"))
        }
        guard has(all, ["cpu", "memory"]) else {
            return .failure(Missing(reason: "cgroup v2 at \(mount) has no controllers for CPU and memory"))
        }
        guard let place = own ?? Self.own else {
            return .failure(Missing(reason: "the control group of this program is not known"))
        }
        var reason = "no control group above that of this program lets it make another with limits"
        // Groups with processes have none below with limits, so that the own one comes into question only for root's.
        var steps = place.split(separator: "/")
        while true {
            let parent = steps.isEmpty ? mount : "\(mount)/\(steps.joined(separator: "/"))"
            if let given = text("\(parent)/cgroup.subtree_control"), has(given, ["cpu", "memory"]) {
                clean(parent)
                let groups = ControlGroups(root: "\(parent)/\(prefix)\(process)")
                // Of a node that had this process' number.
                groups.remove()
                if mkdir(groups.root, 0o755) == 0 || errno == EEXIST {
                    if write("+cpu +memory", to: "\(groups.root)/cgroup.subtree_control") {
                        guard let error = await start(groups.path(pod: "probe", container: "c", attempt: 0)) else {
                            return .success(groups)
                        }
                        reason = "a container cannot be started in a control group below \(parent): \(error.reason)"
                    }
                    groups.remove()
                }
            }
            guard !steps.isEmpty else { return .failure(Missing(reason: reason)) }
            steps.removeLast()
        }
    }

    /// Why there are none.
    struct Missing: Error, Hashable {
        var reason: String
    }

    private static func has(_ text: String, _ controllers: [String]) -> Bool {
        let given = text.split { $0 == " " || $0 == "\n" }.map(String.init)
        return controllers.allSatisfy(given.contains)
    }

    /// The group of this program, as a path below the root's.
    private static var own: String? {
        text("/proc/self/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
    }

    /// Removes the groups of nodes that were killed: their processes are gone, as the starter sees to.
    private static func clean(_ parent: String) {
        for name in PodFiles.names(in: parent) where name.hasPrefix(prefix) {
            guard let process = Int32(name.dropFirst(prefix.count)), kill(process, 0) != 0, errno == ESRCH else {
                continue
            }
            ControlGroups(root: "\(parent)/\(name)").remove()
        }
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func write(_ text: String, to path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count
    }
}
