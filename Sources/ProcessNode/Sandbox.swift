import CProcess
import FoundationEssentials
import Glibc
import Logging

/// What keeps the containers of a node apart from its machine.
struct Sandbox: Sendable, Hashable {
    /// A container has mounts of its own: its volumes are at their paths.
    var hasMounts = false
    /// What is not mounted for it can only be read; /tmp and /dev are its own. Only with ``hasMounts``.
    var hasFiles = false
    /// It sees and reaches no processes but its own. Only with ``hasFiles``.
    var hasProcesses = false
    /// What it changes in the user's home directory is kept in a layer that goes with it. Only with ``hasFiles``.
    var hasHome = false

    /// Nothing: containers do what the user may do.
    static let none = Sandbox()
    /// Volumes at their paths, and no more.
    static let mounts = Sandbox(hasMounts: true)

    /// All that there is.
    static func whole(writable: [String], hidden: [String]) -> Sandbox {
        Sandbox(
            hasMounts: true, hasFiles: true, hasProcesses: true, hasHome: true, writable: writable, hidden: hidden)
    }

    /// Directories of the machine that containers may write to all the same.
    var writable: [String] = []
    /// What is hidden from containers: the node's own files, and others that are no business of theirs.
    var hidden: [String] = []

    /// The parts, for people.
    var summary: String {
        guard hasMounts else { return "none" }
        let parts = [("volumes", hasMounts), ("files", hasFiles), ("processes", hasProcesses), ("home", hasHome)]
        return parts.filter(\.1).map(\.0).joined(separator: ", ")
    }

    /// How a container is started in it; with `isPrivileged` one that may use all devices of the machine, and change it.
    func isolation(isPrivileged: Bool = false, sharesProcesses: Bool = false) -> ProcessSupervisor.Isolation {
        var isolation: ProcessSupervisor.Isolation = []
        if hasFiles { isolation.insert(.files) }
        if hasProcesses, !sharesProcesses { isolation.insert(.processes) }
        if hasFiles, isPrivileged { isolation.insert(.allDevices) }
        return isolation
    }

    /// Where a container begins that does not say where, and has its home where the user's can only be read.
    static let temporary = "/tmp"

    /// The user's home directory; nil where there is none to give a layer.
    static var home: String? {
        guard let home = ProcessInfo.processInfo.environment["HOME"], home.hasPrefix("/"), home != "/",
            !isPrivate(home)
        else { return nil }
        var information = stat()
        return stat(home, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR ? home : nil
    }

    /// The places below a directory where other file systems are mounted, outer ones first.
    static func mountsBelow(_ directory: String) -> [String] {
        var resolved = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard realpath(directory, &resolved) != nil, let file = fopen("/proc/self/mountinfo", "re") else { return [] }
        defer { fclose(file) }
        let real = String(decoding: resolved.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        var places: [String] = []
        while getline(&line, &room, file) > 0, let line {
            let fields = String(cString: line).split(separator: " ")
            // Blanks and the like are octal there; such a place stays empty.
            guard fields.count > 4, fields[4].hasPrefix(real + "/"), !fields[4].contains("\\") else { continue }
            // What another mount covers, or whose server is gone, cannot be taken.
            let place = String(fields[4])
            var information = stat()
            if !places.contains(place), stat(place, &information) == 0 { places.append(place) }
        }
        return places.sorted { $0.utf8.count < $1.utf8.count }
    }

    /// Whether a path is where every container has files of its own.
    static func isPrivate(_ path: String) -> Bool {
        ["/tmp", "/var/tmp", "/dev", "/proc"].contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    /// What a container has mounted in this sandbox besides its volumes, outer paths first: files of its own in `own`.
    func mounts(own: OwnFiles, isReadOnly: Bool, layersHome: Bool) -> [ProcessSupervisor.Mount] {
        guard hasFiles else { return [] }
        let kind: ProcessSupervisor.Mount.Kind = isReadOnly ? .sealed : .writable
        var mounts: [ProcessSupervisor.Mount] = []
        for path in [Self.temporary, "/var/tmp"] where path == Self.temporary || access(path, F_OK) == 0 {
            mounts.append(.init(source: own.temporary, path: path, kind: kind))
        }
        if hasHome, layersHome, !isReadOnly, let home = Self.home {
            mounts.append(.init(source: own.root, path: home, kind: .layered))
            // The layer is of one file system: what others are below would be empty folders.
            mounts += Self.mountsBelow(home).map { .init(source: $0, path: $0, kind: .readOnly) }
        }
        for path in writable { mounts.append(.init(source: path, path: path, kind: .writable)) }
        // Where there is no such path any more nothing needs to be hidden.
        for path in hidden { mounts.append(.init(source: "", path: path, kind: .hidden)) }
        return mounts
    }

    /// The directories of what is a container's own: `tmp` for /tmp and /var/tmp, `upper` and `work` for the layer of changes in the home
    /// directory.
    struct OwnFiles: Sendable, Hashable {
        var root: String
        var temporary: String { root + "/tmp" }

        /// Makes them, empty, in the place of what is there; those of the layer with `home`. Throws a system error.
        func make(home: Bool) throws {
            for path in [temporary, root + "/upper", root + "/work"] where home || path == temporary {
                guard mkdir(path, 0o755) != 0 else { continue }
                // Most often there is nothing yet.
                try PodFiles.remove(path)
                try PodFiles.makeDirectory(path)
            }
            chmod(temporary, 0o1777)
        }
    }

    // MARK: What the machine can do

    /// Finds out the most of `wanted` that this machine lets us give containers, by starting one in each way, and says why where that is
    /// not all. `directory` is the node's.
    static func found(
        _ wanted: Sandbox, in directory: String, _ supervisor: ProcessSupervisor, _ logger: Logger
    ) async -> Sandbox {
        let probe = directory + "/probe"
        let own = OwnFiles(root: probe)
        do {
            for folder in ["stage", "data"] { try PodFiles.makeDirectory("\(probe)/\(folder)") }
            try own.make(home: true)
        } catch {
            logger.warning("\(probe) cannot be made, so that containers have no sandbox: \(error)")
            return .none
        }
        defer {
            do { try PodFiles.remove(probe) } catch { logger.warning("\(probe) cannot be removed: \(error)") }
        }
        var best = wanted
        best.hasHome = best.hasHome && Self.home != nil
        var missing: [String] = []
        while best.hasMounts {
            let mounts =
                best.mounts(own: own, isReadOnly: false, layersHome: true) + [
                    .init(source: probe + "/data", path: "/sluice-probe", kind: .readOnly)
                ]
            let result = await withCheckedContinuation { continuation in
                supervisor.launch(
                    // With its mounts done there is no such program.
                    ProcessSupervisor.Launch(
                        path: "/sluice-probe/nothing", arguments: ["nothing"], environment: [], directory: "",
                        logPath: probe + "/log", mounts: mounts, stage: probe + "/stage",
                        isolation: best.isolation(), onStart: { continuation.resume(returning: $0) }, onExit: { _ in }))
            }
            guard case .failure(let error) = result, error.isOfMount else { break }
            // What failed, where that is known; else what fails most easily: /proc is denied in many containers.
            // Those of the home directory: its layer, and what is mounted below it.
            let failed = error.mount.flatMap { mounts.dropLast().indices.contains($0) ? mounts[$0].kind : nil }
            if best.hasHome, failed == .layered || failed == .readOnly || !best.hasProcesses {
                best.hasHome = false
                missing.append(
                    "changes in \(Self.home ?? "") cannot be kept in a layer (\(error.reason)), so that it is read-only"
                )
            } else if best.hasProcesses {
                best.hasProcesses = false
                missing.append("containers see the processes of this machine (\(error.reason))")
            } else if best.hasFiles {
                best.hasFiles = false
                missing = [
                    "containers may write to the files of this machine, and read those of the cluster (\(error.reason))"
                ]
            } else {
                best.hasMounts = false
                missing = [
                    (wanted.hasFiles
                        ? "containers may write to the files of this machine and read those of the cluster, and " : "")
                        + "volumes are not mounted at their paths, since users have no "
                        + "mount namespaces here (\(error.reason)): a container finds volume NAME in SLUICE_VOLUME_NAME"
                ]
            }
        }
        for text in missing { logger.warning("the sandbox of containers is not complete on this machine: \(text)") }
        logger.info("the sandbox of containers: \(best.summary)")
        return best
    }
}
