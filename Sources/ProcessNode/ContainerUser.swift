import Glibc
import JSON
import KubernetesModel

/// As whom a container runs, and what it may do.
struct ContainerUser: Sendable, Hashable {
    /// nil for the user of this program.
    var user: UInt32?
    var group: UInt32?
    /// Supplementary groups.
    var groups: [UInt32] = []
    /// The capabilities that root keeps, by their numbers as bits; nil for all that this program has.
    var capabilities: UInt64?
    /// Whether no program that it runs may do more than it.
    var hasNoNewPrivileges = false
    var isPrivileged = false
    /// Whether nothing of its file system but volumes may be written to.
    var isReadOnly = false

    /// Who it is where nothing is said.
    init() {}

    /// As the security contexts of a container and its pod have it, for a program of user `own`. Throws ``ContainerProblem`` for what cannot
    /// be had, in a kubelet's words where it has some.
    init(_ container: ContainerSpec, of pod: JSONValue, named podName: String, own: UInt32, _ sandbox: Sandbox) throws {
        func problem(_ text: String) -> ContainerProblem {
            ContainerProblem(reason: "CreateContainerConfigError", message: text)
        }
        let (context, shared) = (container.json["securityContext"], pod["securityContext"])
        func number(_ field: String) -> UInt32? {
            (context?[field]?.int ?? shared?[field]?.int).flatMap { UInt32(exactly: $0) }
        }
        let wanted = number("runAsUser")
        if context?["runAsNonRoot"]?.bool ?? shared?["runAsNonRoot"]?.bool ?? false, (wanted ?? own) == 0 {
            let reason =
                wanted == nil
                ? "container has runAsNonRoot and image will run as root"
                : "container's runAsUser breaks non-root policy"
            throw problem("\(reason) (pod: \"\(podName)\", container: \(container.name))")
        }
        user = wanted == own ? nil : wanted
        // Where only the user is said, the group is root's.
        group = number("runAsGroup") ?? (user == nil ? nil : 0)
        if own == 0 {
            let given = (shared?["supplementalGroups"]?.array ?? []) + [shared?["fsGroup"]].compactMap { $0 }
            groups = given.compactMap { $0.int.flatMap { UInt32(exactly: $0) } }
        } else if !sandbox.hasMounts, user != nil || group.map({ $0 != getegid() }) ?? false {
            throw problem(
                "container \"\(container.name)\" cannot run as user \(wanted ?? own) and group \(group ?? getegid()): this machine gives users "
                    + "no namespaces, so that it can only run as user \(own)")
        }
        isPrivileged = context?["privileged"]?.bool ?? false
        hasNoNewPrivileges = context?["allowPrivilegeEscalation"]?.bool == false
        isReadOnly = context?["readOnlyRootFilesystem"]?.bool ?? false
        if isReadOnly, !sandbox.hasFiles {
            throw problem(
                "container \"\(container.name)\": readOnlyRootFilesystem needs the sandbox, in which nothing of this machine can be written to"
            )
        }
        capabilities = try capabilities(context?["capabilities"], sandbox, problem)
    }

    private func capabilities(
        _ json: JSONValue?, _ sandbox: Sandbox, _ problem: (String) -> ContainerProblem
    ) throws -> UInt64? {
        if isPrivileged { return nil }
        func bits(_ field: String) throws -> UInt64 {
            try (json?[field]?.strings ?? []).reduce(0) { bits, name in
                if name == "ALL" { return bits | Self.all }
                let known = name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
                guard let number = Self.names.firstIndex(of: known) else {
                    throw problem("invalid capability: \(name)")
                }
                return bits | 1 << UInt64(number)
            }
        }
        let (added, dropped) = (try bits("add"), try bits("drop"))
        // Without a sandbox there is nothing that they would open, so that only what is dropped counts.
        let standard = sandbox.hasFiles ? Self.standard : Self.all
        if !sandbox.hasFiles, dropped == 0 { return nil }
        return (dropped == Self.all ? 0 : standard & ~dropped) | added
    }

    private static let all: UInt64 = (1 << 63) | ((1 << 63) - 1)

    /// What a container runtime leaves to root, but for devices: these would be the machine's.
    private static let standard: UInt64 = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
        "NET_RAW",
        "SYS_CHROOT", "AUDIT_WRITE", "SETFCAP",
    ].reduce(0) { bits, name in names.firstIndex(of: name).map { bits | 1 << UInt64($0) } ?? bits }

    /// By their numbers (linux/capability.h).
    private static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
}
