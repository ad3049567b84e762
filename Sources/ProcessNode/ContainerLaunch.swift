import AsyncPrimitives
import CProcess
import CStarter
import FoundationEssentials
import Glibc
import JSON
import KubernetesModel

/// Computes the process to start for a container.
struct ContainerLaunch: Sendable {
    /// A process that can be started.
    struct Ready: Sendable {
        var path: String
        var arguments: [String]
        var environment: [String]
        var directory: String
        var log: String
        var mounts: [ProcessSupervisor.Mount]
        var isolation: ProcessSupervisor.Isolation = []
        var user = ContainerUser()
        var limits: ContainerLimits?
        /// Its control group; empty for none.
        var cgroup = ""
        /// Its probes and hooks.
        var care = ContainerCare()

        /// Where a further program of the container is; its name, where that is looked for in the container. Throws ``ContainerProblem``
        /// when there is none.
        func path(of program: String) throws(ContainerProblem) -> String {
            if isolation.contains(.files) { return program }
            let path = environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
            return try ContainerLaunch.find(program, path: String(path))
        }

        /// The failure of the start, worded as a container runtime does.
        func problem(_ error: ProcessSupervisor.LaunchError, starting other: String? = nil) -> ContainerProblem {
            let program = other ?? path
            if error.isOfMount {
                let what = error.mount.flatMap { mounts.indices.contains($0) ? mounts[$0] : nil }
                if let what, let volume = what.volume, error.code % Int32(SLUICE_MOUNT_FAILED) == EXDEV {
                    return ContainerProblem(
                        reason: "CreateContainerConfigError",
                        message: "failed to prepare subPath for \(what.path): \(what.source) is not within \(volume)")
                }
                return ContainerProblem(
                    reason: "CreateContainerError",
                    message: what.map { "\($0.path) cannot be mounted: \(error.reason)" }
                        ?? "the container cannot be kept apart from the machine: \(error.reason)")
            }
            if error.isOfGroup {
                return ContainerProblem(
                    reason: "CreateContainerError",
                    message: "its control group cannot be made or entered: \(error.reason)")
            }
            if error.isOfDirectory {
                return ContainerProblem(
                    reason: "StartError",
                    message: "unable to start container process: it cannot begin in \(directory): \(error.reason)")
            }
            // What the machine has too little of comes back; the program is not to blame.
            let isPassing = [EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EDQUOT, ESRCH].contains(error.code)
            let isNotFound = error.code == ENOENT && !program.contains("/")
            return ContainerProblem(
                reason: isPassing ? "CreateContainerError" : "StartError",
                message: "unable to start container process: exec: \"\(program)\""
                    + (isNotFound ? ": executable file not found in $PATH" : " in \(directory): \(error.reason)"))
        }
    }

    var container: ContainerSpec
    var pod: NodePod
    var files: PodFiles
    /// The paths of the volumes, by name.
    var volumes: [String: String]
    var attempt: Int
    /// What keeps containers apart from the machine here.
    var sandbox: Sandbox
    /// Where containers have control groups.
    var groups: ControlGroups?
    /// The GPUs that it has; nil where it may use what there is.
    var gpus: [Accelerators.Device]?
    /// The files of devices that it has besides those of every container.
    var deviceFiles: [String] = []
    /// How the pod finds others by their names; nil for one that looks for none.
    var gang: GangAddresses?

    /// The process for the container. Throws ``ContainerProblem`` when it cannot be started, or not yet.
    func prepared(from source: ConfigurationSource) async throws -> Ready {
        if let problem = container.imageProblem { throw ContainerProblem(reason: "InvalidImageName", message: problem) }
        try Unhonoured.check(container, of: pod.spec)
        let user = try ContainerUser(container, of: pod.spec, named: pod.metadata.name, own: geteuid(), sandbox)
        var care = try ContainerCare(container)
        var environment = ContainerEnvironment()
        // Set the volume variables first: $(NAME) in the container's own values may refer to them.
        for (name, path) in volumePaths { environment.set("SLUICE_VOLUME_" + Self.variableName(name), path) }
        try await environment.add(container, of: pod, from: source)
        gang?.rewrite(&environment)
        if let gang { care.mapPorts(gang.ownPort) }
        let message = files.message(container.name)
        if !sandbox.hasFiles {
            for (mounted, path) in describedPaths {
                environment.mapValues { $0.hasPrefix(mounted) ? path + $0.dropFirst(mounted.count) : $0 }
            }
            environment.replaceValues(container.terminationMessagePath, by: message)
        }
        let arguments = (container.command + container.arguments).map(environment.expand)
        guard !container.command.isEmpty, let program = arguments.first else {
            throw ContainerProblem(
                reason: "StartError",
                message: "images are not pulled here, containers are processes of this machine: "
                    + "container \"\(container.name)\" needs a command")
        }
        if (arguments + environment.variables.values).contains(where: { $0.utf8.contains(0) }) {
            throw ContainerProblem(
                reason: "StartError",
                message:
                    "unable to start container process: exec: \"\(program)\": an argument or a variable holds a NUL character"
            )
        }
        let inherited = ProcessInfo.processInfo.environment
        let standard = [
            "PATH": inherited["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": home(inherited, user), "LANG": inherited["LANG"] ?? "C.UTF-8", "HOSTNAME": pod.metadata.name,
        ]
        for (name, value) in standard where environment.variables[name] == nil { environment.set(name, value) }
        if let gpus {
            for name in ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"] where environment.variables[name] == nil {
                // For the second an empty one means all.
                environment.set(name, gpus.isEmpty && name.hasPrefix("N") ? "void" : Accelerators.variable(gpus))
            }
        }
        let devices = deviceFiles.map { ProcessSupervisor.Mount(source: $0, path: $0, kind: .writable) }
        let directory =
            container.workingDirectory.map(environment.expand) ?? (sandbox.hasFiles ? Sandbox.temporary : files.work)
        // Clear the message of the previous attempt, and logs that nobody can ask for.
        let standing = try await DetachedThread.run { [files, container, attempt, sandbox] in
            files.removeLogs(container.name, before: attempt)
            let own = files.own(container.name)
            if sandbox.hasFiles { try own.make(home: sandbox.hasHome) }
            let descriptor = sluice_make_file(message)
            guard descriptor >= 0 else {
                throw ContainerProblem(
                    reason: "CreateContainerError",
                    message: "\(message) cannot be written: \(String(cString: strerror(errno)))")
            }
            defer { close(descriptor) }
            // As a kubelet makes it: a container may run as anybody.
            fchmod(descriptor, 0o666)
            return sandbox.mounts(own: own, isReadOnly: user.isReadOnly, layersHome: user.user == nil)
        }
        return Ready(
            path: sandbox.hasFiles ? program : try Self.find(program, path: environment.variables["PATH"] ?? ""),
            arguments: arguments, environment: environment.variables.map { "\($0.key)=\($0.value)" }.sorted(),
            directory: directory, log: files.log(container.name, attempt),
            mounts: standing + (sandbox.hasFiles ? devices : []) + (try mounts(environment, arguments)),
            isolation: sandbox.isolation(
                isPrivileged: user.isPrivileged, sharesProcesses: pod.spec["hostPID"] == true),
            user: user, limits: ContainerLimits(container),
            cgroup: groups?.path(pod: pod.metadata.uid, container: container.name, attempt: attempt) ?? "", care: care)
    }

    /// Where the container finds its volumes, by their names.
    private var volumePaths: [String: String] {
        guard sandbox.hasFiles else { return volumes }
        let mounts = container.json["volumeMounts"]?.array ?? []
        return Dictionary(
            mounts.compactMap { mount in
                guard let name = mount["name"]?.string, let path = mount["mountPath"]?.string else { return nil }
                return (name, Self.withoutSlashes(path))
            }, uniquingKeysWith: { first, _ in first })
    }

    private func home(_ inherited: [String: String], _ user: ContainerUser) -> String {
        guard sandbox.hasFiles, !sandbox.hasHome || user.user != nil || user.isReadOnly else {
            return inherited["HOME"] ?? "/root"
        }
        // Programs expect that they may write there.
        return Sandbox.temporary
    }

    /// What the container's volumes are at their paths, and its termination message at its own. Throws ``ContainerProblem`` for what cannot
    /// be had.
    private func mounts(
        _ environment: ContainerEnvironment, _ arguments: [String]
    ) throws -> [ProcessSupervisor.Mount] {
        var mounts: [ProcessSupervisor.Mount] = []
        for mount in container.json["volumeMounts"]?.array ?? [] {
            guard let name = mount["name"]?.string, let path = mount["mountPath"]?.string, let volume = volumes[name]
            else {
                continue
            }
            let spec = (pod.spec["volumes"]?.array ?? []).first { $0["name"]?.string == name }
            guard sandbox.hasMounts else {
                // Whoever asks for the volume by its variable needs no mount; files that tell of the pod are named by variables as well.
                let variable = "SLUICE_VOLUME_" + Self.variableName(name)
                let isAsked = (arguments + environment.variables.values).contains { $0.contains(variable) }
                if isAsked || spec?["downwardAPI"] != nil { continue }
                throw ContainerProblem(
                    reason: "CreateContainerError",
                    message:
                        "volume \"\(name)\" cannot be mounted at \(path), since this machine gives users no mount namespaces: "
                        + "$\(variable) is where it is")
            }
            guard path.hasPrefix("/"), Self.withoutSlashes(path) != "/", !path.split(separator: "/").contains("..")
            else {
                throw ContainerProblem(
                    reason: "CreateContainerError", message: "volume \"\(name)\" cannot be mounted at \"\(path)\"")
            }
            let part = mount["subPath"]?.string ?? mount["subPathExpr"]?.string.map(environment.expand) ?? ""
            guard !part.hasPrefix("/"), !part.split(separator: "/").contains("..") else {
                throw ContainerProblem(
                    reason: "CreateContainerConfigError",
                    message: "failed to prepare subPath for volumeMount \"\(name)\": \(part)")
            }
            // What is made of links in it is decided where it is mounted.
            let steps = part.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
            let source = steps.isEmpty ? volume : "\(volume)/\(steps)"
            let isGiven = ["configMap", "secret", "downwardAPI", "projected"].contains { spec?[$0] != nil }
            mounts.append(
                ProcessSupervisor.Mount(
                    source: source, path: Self.withoutSlashes(path),
                    kind: isGiven || mount["readOnly"]?.bool == true
                        || spec?[path: "persistentVolumeClaim", "readOnly"]?.bool == true ? .readOnly : .writable,
                    volume: steps.isEmpty ? nil : volume))
        }
        // Outer ones first: inner ones are in them. What is in /dev last, since mounts are built there.
        func order(_ mount: ProcessSupervisor.Mount) -> Int {
            (mount.path == "/dev" || mount.path.hasPrefix("/dev/") ? 10_000 : 0)
                + mount.path.split(separator: "/").count
        }
        mounts.sort { order($0) < order($1) }
        guard sandbox.hasMounts, container.terminationMessagePath.hasPrefix("/") else { return mounts }
        return mounts + [
            ProcessSupervisor.Mount(
                source: files.message(container.name), path: Self.withoutSlashes(container.terminationMessagePath),
                kind: .writable)
        ]
    }

    private static func withoutSlashes(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    /// Where the files that tell a pod of itself are mounted, and where they are: variables that name them are all that a program
    /// knows of them.
    private var describedPaths: [(mounted: String, path: String)] {
        let described = (pod.spec["volumes"]?.array ?? []).filter { $0["downwardAPI"] != nil }
            .compactMap { $0["name"]?.string }
        return (container.json["volumeMounts"]?.array ?? []).compactMap { mount in
            guard let name = mount["name"]?.string, described.contains(name), let path = volumes[name],
                let mounted = mount["mountPath"]?.string
            else { return nil }
            return (mounted + "/", path + "/")
        }
    }

    /// A volume's name as part of a variable's name: `my-volume` becomes `MY_VOLUME`.
    static func variableName(_ volume: String) -> String {
        String(volume.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// The path of a program: unchanged if it contains a slash, else the first executable file in PATH. Throws
    /// ``ContainerProblem`` when there is none.
    private static func find(_ program: String, path: String) throws(ContainerProblem) -> String {
        // execve resolves a relative path, after the change of directory.
        if program.contains("/") { return program }
        for part in path.split(separator: ":") {
            let candidate = "\(part)/\(program)"
            var information = stat()
            guard access(candidate, X_OK) == 0, stat(candidate, &information) == 0,
                information.st_mode & S_IFMT == S_IFREG
            else { continue }
            return candidate
        }
        throw ContainerProblem(
            reason: "StartError",
            message: "unable to start container process: exec: \"\(program)\": executable file not found in $PATH")
    }
}
