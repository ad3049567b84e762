import FoundationEssentials
import Glibc
import KubernetesModel

/// Works out the process of a container.
struct ContainerLaunch: Sendable {
    /// A process that may be started.
    struct Ready: Sendable {
        var path: String
        var arguments: [String]
        var environment: [String]
        var directory: String
        var log: String

        /// A failure of its start in the words of a container runtime.
        func problem(_ error: ProcessSupervisor.LaunchError) -> ContainerProblem {
            ContainerProblem(
                reason: "StartError",
                message: "unable to start container process: exec: \"\(path)\" in \(directory): \(error.reason)")
        }
    }

    var container: ContainerSpec
    var pod: NodePod
    var files: PodFiles
    /// Paths of the volumes by their names.
    var volumes: [String: String]
    var attempt: Int

    /// The process; throws ``ContainerProblem`` while or because there can be none.
    func prepared(from source: ConfigurationSource) async throws -> Ready {
        if let problem = container.imageProblem { throw ContainerProblem(reason: "InvalidImageName", message: problem) }
        var environment = ContainerEnvironment()
        // Kubernetes' own come first: $(NAME) in the container's values may mean them.
        for (name, path) in volumes { environment.set("SLUICE_VOLUME_" + Self.variableName(name), path) }
        try await environment.add(container, of: pod, from: source)
        let message = files.message(container.name)
        environment.replaceValues(container.terminationMessagePath, by: message)
        let arguments = (container.command + container.arguments).map(environment.expand)
        guard !container.command.isEmpty, let program = arguments.first else {
            throw ContainerProblem(
                reason: "StartError",
                message: "images are not pulled here, containers are processes of this machine: "
                    + "container \"\(container.name)\" needs a command")
        }
        let inherited = ProcessInfo.processInfo.environment
        let standard = [
            "PATH": inherited["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": inherited["HOME"] ?? "/root", "LANG": inherited["LANG"] ?? "C.UTF-8", "HOSTNAME": pod.metadata.name,
        ]
        for (name, value) in standard where environment.variables[name] == nil { environment.set(name, value) }
        let directory = container.workingDirectory.map(environment.expand) ?? files.work
        // A message of the attempt before is none of this one.
        do {
            try Data().write(to: URL(filePath: message))
        } catch {
            throw ContainerProblem(reason: "CreateContainerError", message: "\(message) cannot be written: \(error)")
        }
        return Ready(
            path: try Self.find(program, path: environment.variables["PATH"] ?? "", directory: directory),
            arguments: arguments, environment: environment.variables.map { "\($0.key)=\($0.value)" }.sorted(),
            directory: directory, log: files.log(container.name, attempt))
    }

    /// `my-volume` as a part of a variable's name: `MY_VOLUME`.
    static func variableName(_ volume: String) -> String {
        String(volume.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// The file of a program: as it is named with a slash in it, else the first executable one in PATH.
    private static func find(_ program: String, path: String, directory: String) throws -> String {
        // A relative name is looked up by execve, after the change of directory.
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
