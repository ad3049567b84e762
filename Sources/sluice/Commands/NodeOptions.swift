import ArgumentParser
import SluiceAPI

/// What the node of an embedded cluster is told.
struct NodeOptions: ParsableArguments {
    @Option(
        name: .customLong("ignore-resources"),
        help:
            "Resources that this machine need not have, such as nvidia.com/gpu: tasks that ask for them run all the same. Separated by commas."
    )
    var ignored: String = ""

    var ignoredResources: Set<String> {
        Set(ignored.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty })
    }

    func validate() throws {
        for name in ignoredResources.sorted() where name != "cpu" && name != "memory" && !name.contains("/") {
            throw ValidationError(
                "--ignore-resources: \(name) is no resource of a node; expected cpu, memory, or a name such as nvidia.com/gpu"
            )
        }
    }
}
