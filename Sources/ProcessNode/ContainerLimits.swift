import JSON
import KubernetesModel

/// What a container may use of CPU and memory.
struct ContainerLimits: Sendable, Hashable {
    /// In bytes; nil for any number.
    var memory: Int64?
    /// In thousandths of a core; nil for all.
    var milliCPU: Int64?
    /// In thousandths of a core, what it is to have where cores are short.
    var requestedMilliCPU: Int64 = 0

    /// As the resources of a container have it.
    init(_ container: ContainerSpec) {
        func amount(_ kind: String, _ resource: String) -> Int64? {
            container.json[path: "resources", kind, resource].flatMap { Quantity(json: $0) }.map {
                Int64(clamping: $0.nanoUnits / (resource == "cpu" ? 1_000_000 : 1_000_000_000))
            }
        }
        memory = amount("limits", "memory")
        milliCPU = amount("limits", "cpu")
        requestedMilliCPU = amount("requests", "cpu") ?? milliCPU ?? 0
    }

    /// The share as cgroup v2 has it, 1 to 10,000: a kubelet makes 1,024 shares of a core, and these are spread over that range.
    var weight: Int64 {
        // More than all shares asks for no more.
        let shares = max(2, min(256_000, max(0, requestedMilliCPU)) * 1_024 / 1_000)
        return 1 + (shares - 2) * 9_999 / 262_142
    }
}
