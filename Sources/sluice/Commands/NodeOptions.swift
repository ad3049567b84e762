import ArgumentParser
import FoundationEssentials
import LocalCluster
import SluiceAPI

/// What the node of an embedded cluster is told.
struct NodeOptions: ParsableArguments {
    @Option(
        name: .customLong("ignore-resources"),
        help:
            "Resources that this machine need not have, such as nvidia.com/gpu: tasks that ask for them run all the same. Separated by commas."
    )
    var ignored: String = ""

    @Flag(
        inversion: .prefixedNo,
        help:
            "Keeps tasks apart from this machine where it lets us: its files can only be read, /tmp, /dev and processes are a task's own, changes in the home directory go with it."
    )
    var sandbox = true

    @Option(help: "A directory of this machine that tasks may write to all the same. May be given more than once.")
    var writable: [String] = []

    var writableDirectories: [String] { writable.map(PrivateFile.absolutePath) }

    var ignoredResources: Set<String> {
        Set(ignored.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty })
    }

    func validate() throws {
        if writableDirectories.contains("/") {
            throw ValidationError("--writable: / is all of this machine; --no-sandbox is for that")
        }
        for path in writable {
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else {
                throw ValidationError("--writable: there is no directory \(path)")
            }
        }
        for name in ignoredResources.sorted() where name != "cpu" && name != "memory" && !name.contains("/") {
            throw ValidationError(
                "--ignore-resources: \(name) is no resource of a node; expected cpu, memory, or a name such as nvidia.com/gpu"
            )
        }
    }
}
