public import JSON

/// What a pod asks for, by the rule by which the kube-scheduler counts it on a node. Small, so that there may be one for each of
/// tens of thousands of pods.
///
/// All main containers and native sidecars (init containers with restartPolicy Always) run side by side. Before that the init
/// containers run one after the other, each beside the sidecars that stand before it. Of each resource the pod needs whichever is
/// more, plus its overhead. What spec.resources says of cpu, memory and huge pages stands in place of what the containers say.
/// Where only a limit is given, it is the request, as the API server has it.
///
/// See https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers and
/// https://kubernetes.io/docs/tasks/configure-pod-container/assign-pod-level-resources/
public struct PodRequests: Sendable, Hashable {
    /// One resource and how much of it.
    public struct Amount: Sendable, Hashable {
        public var name: String
        public var quantity: Quantity

        /// Creates an amount.
        public init(_ name: String, _ quantity: Quantity) {
            self.name = name
            self.quantity = quantity
        }
    }

    /// By name; each once, and more than nothing of it.
    public let amounts: [Amount]

    /// Nothing.
    public static let none = PodRequests([:])

    /// Creates requests; what is not positive is left out.
    public init(_ quantities: [String: Quantity]) {
        amounts = quantities.filter { $0.value > .zero }.map { Amount($0.key, $0.value) }.sorted { $0.name < $1.name }
    }

    /// Works out what the pod of a spec asks for; a spec that no pod can have asks for nothing.
    public init(spec: JSONValue) {
        self = (try? PodRequestsSum(spec))?.requests ?? .none
    }

    /// The amounts by name.
    public var quantities: [String: Quantity] {
        Dictionary(uniqueKeysWithValues: amounts.map { ($0.name, $0.quantity) })
    }
}

/// Reads the fields of a pod's spec that say what it asks for, in any order, and adds them up. Keeps no more than a number for
/// each resource.
package struct PodRequestsSum: JSONReadable {
    /// Billionths of a unit by resource. The sum of all containers of a pod is far from 128 bits.
    private typealias Sums = [String: Int128]

    /// Main containers.
    private var main: Sums = [:]
    /// Native sidecars.
    private var sidecars: Sums = [:]
    /// The most that is needed while an init container runs.
    private var starting: Sums = [:]
    private var overhead: Sums = [:]
    private var podRequests: Sums = [:]
    private var podLimits: Sums = [:]

    /// Starts with nothing.
    package init() {}

    /// Reads a whole spec.
    package init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            if try !read(key, &reader) { try reader.skip() }
        }
    }

    /// Reads a field of the spec if it matters here, and returns whether it did; another one is left to the caller.
    package mutating func read(_ key: JSONReader.Key, _ reader: inout JSONReader) throws -> Bool {
        switch key {
        case "containers":
            main = [:]
            try Self.forEach(&reader) { Self.add(try Self.container(from: &$0).requests, to: &main) }
        case "initContainers":
            sidecars = [:]
            starting = [:]
            try Self.forEach(&reader) { reader in
                var (requests, isSidecar) = try Self.container(from: &reader)
                if isSidecar {
                    Self.add(requests, to: &sidecars)
                    requests = sidecars
                } else {
                    Self.add(sidecars, to: &requests)
                }
                starting.merge(requests) { max($0, $1) }
            }
        case "overhead": overhead = try Self.sums(from: &reader)
        case "resources": (podRequests, podLimits) = try Self.resources(from: &reader)
        default: return false
        }
        return true
    }

    /// The sum.
    package var requests: PodRequests {
        var result = main
        Self.add(sidecars, to: &result)
        result.merge(starting) { max($0, $1) }
        for (name, amount) in podLimits where Self.isOfPods(name) {
            // What containers ask for comes first, where a pod may use more than it asks for.
            if result[name] == nil || name.hasPrefix(Self.hugePages) { result[name] = amount }
        }
        for (name, amount) in podRequests where Self.isOfPods(name) { result[name] = amount }
        Self.add(overhead, to: &result)
        return PodRequests(result.mapValues { Quantity(nanoUnits: $0) ?? Quantity(.max) })
    }

    private static let hugePages = "hugepages-"

    /// Whether a pod as a whole may say how much it wants of a resource.
    private static func isOfPods(_ name: String) -> Bool {
        name == "cpu" || name == "memory" || name.hasPrefix(hugePages)
    }

    private static func add(_ amounts: Sums, to sums: inout Sums) { sums.merge(amounts) { $0 + $1 } }

    private static func forEach(_ reader: inout JSONReader, _ body: (inout JSONReader) throws -> Void) throws {
        if try reader.readNull() { return }
        try reader.beginArray()
        while try reader.nextElement() { try body(&reader) }
    }

    private static func container(from reader: inout JSONReader) throws -> (requests: Sums, isSidecar: Bool) {
        var requests: Sums = [:]
        var isSidecar = false
        try reader.readFields { key, reader in
            switch key {
            case "restartPolicy": isSidecar = try reader.readValue().string == "Always"
            case "resources":
                let (given, limits) = try resources(from: &reader)
                requests = given.merging(limits) { request, _ in request }
            default: try reader.skip()
            }
        }
        return (requests, isSidecar)
    }

    private static func resources(from reader: inout JSONReader) throws -> (requests: Sums, limits: Sums) {
        var (requests, limits): (Sums, Sums) = ([:], [:])
        try reader.readFields { key, reader in
            switch key {
            case "requests": requests = try sums(from: &reader)
            case "limits": limits = try sums(from: &reader)
            default: try reader.skip()
            }
        }
        return (requests, limits)
    }

    private static func sums(from reader: inout JSONReader) throws -> Sums {
        var result: Sums = [:]
        try reader.readFields { key, reader in result[key.string] = amount(try reader.readValue()) }
        return result
    }

    /// A quantity in billionths. What is none is 0, what is too large the most there can be: one bad pod of somebody else must not
    /// hide all others.
    private static func amount(_ json: JSONValue) -> Int128 {
        let text: String
        switch json {
        case .string(let string): text = string
        case .int, .double: text = json.text
        default: return 0
        }
        do {
            return max(try Quantity(parsing: text).nanoUnits, 0)
        } catch let error as QuantityError where error.isTooLarge && !text.hasPrefix("-") {
            return Quantity(.max).nanoUnits
        } catch {
            return 0
        }
    }
}
