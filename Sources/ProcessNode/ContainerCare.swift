import JSON
import KubernetesModel

/// What a probe or a hook of a container does.
enum ContainerAction: Sendable, Hashable {
    case exec([String])
    case http(HTTPTarget)
    case tcp(host: String, port: Int)
    case sleep(Duration)
    /// Nothing: it says what it cannot do, why.
    case impossible(String)

    /// A request to a container.
    struct HTTPTarget: Sendable, Hashable {
        var isSecure: Bool
        var host: String
        var port: Int
        /// With its slash.
        var path: String
        var headers: [Header]

        struct Header: Sendable, Hashable {
            var name: String
            var value: String
        }

        /// The host and the port, as in a URL.
        var authority: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
        var url: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
    }
}

/// The probes and the hooks of a container, as its specification has them.
struct ContainerCare: Sendable, Hashable {
    struct Probe: Sendable, Hashable {
        var action: ContainerAction
        var timing: ProbeSchedule.Timing
        var timeout: Duration
        /// How long the container may take to end when this probe has failed; nil for as long as the pod says.
        var grace: Duration?
    }

    var probes: [ProbeSchedule.Kind: Probe] = [:]
    var postStart: ContainerAction?
    var preStop: ContainerAction?

    /// None.
    init() {}

    /// Reads them. Throws ``ContainerProblem`` for what this node does not have.
    init(_ container: ContainerSpec) throws {
        for kind in ProbeSchedule.Kind.allCases {
            let field = "\(kind.rawValue)Probe"
            guard let json = container.json[field] else { continue }
            try Self.check(json, field, ["exec", "httpGet", "tcpSocket"], container)
            func number(_ name: String, _ standard: Int64) -> Int64 {
                // As with the API, 0 is for the standard.
                json[name]?.int.flatMap { $0 > 0 ? $0 : nil } ?? standard
            }
            probes[kind] = Probe(
                action: try Self.action(json, container, expands: true),
                timing: ProbeSchedule.Timing(
                    initialDelay: .seconds(number("initialDelaySeconds", 0)),
                    period: .seconds(number("periodSeconds", 10)),
                    successThreshold: Int(number("successThreshold", 1)),
                    failureThreshold: Int(number("failureThreshold", 3))),
                timeout: .seconds(number("timeoutSeconds", 1)),
                grace: json["terminationGracePeriodSeconds"]?.int.map { .seconds($0) })
        }
        guard let lifecycle = container.json["lifecycle"] else { return }
        let others = (lifecycle.object?.keys.map { $0 } ?? []).filter { $0 != "postStart" && $0 != "preStop" }
        if let other = others.first { throw Self.problem("lifecycle.\(other) is not honoured by this node", container) }
        func hook(_ name: String) throws -> ContainerAction? {
            guard let json = lifecycle[name] else { return nil }
            try Self.check(json, "lifecycle.\(name)", ["exec", "httpGet", "sleep"], container)
            return try Self.action(json, container, expands: false)
        }
        postStart = try hook("postStart")
        preStop = try hook("preStop")
    }

    /// Changes the ports of this machine that probes and hooks go to.
    mutating func mapPorts(_ transform: (Int) -> Int) {
        func map(_ action: ContainerAction) -> ContainerAction {
            switch action {
            case .http(var target) where target.host == Self.address:
                target.port = transform(target.port)
                return .http(target)
            case .tcp(Self.address, let port): return .tcp(host: Self.address, port: transform(port))
            default: return action
            }
        }
        for (kind, probe) in probes { probes[kind]?.action = map(probe.action) }
        postStart = postStart.map(map)
        preStop = preStop.map(map)
    }

    /// Pods are where their processes are: on this machine.
    private static let address = "127.0.0.1"

    private static let figures: Set<String> = [
        "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold",
        "terminationGracePeriodSeconds",
    ]

    /// Refuses what is not honoured, so that nobody thinks it was.
    private static func check(_ json: JSONValue, _ field: String, _ kinds: [String], _ container: ContainerSpec) throws
    {
        guard container.role != .initial else {
            throw problem("\(field) is not for init containers without restartPolicy Always", container)
        }
        let given = (json.object?.keys.map { $0 } ?? []).filter { !figures.contains($0) && json[$0] != .null }
        guard given.count == 1, let kind = given.first, kinds.contains(kind) else {
            let what = given.isEmpty ? "nothing" : given.sorted().joined(separator: " and ")
            throw problem(
                "\(field) with \(what) is not honoured by this node, only one of \(kinds.joined(separator: ", "))",
                container)
        }
    }

    private static func problem(_ text: String, _ container: ContainerSpec) -> ContainerProblem {
        ContainerProblem(reason: "CreateContainerConfigError", message: "container \"\(container.name)\": \(text)")
    }

    /// The action; `expands` for commands in which `$(NAME)` stands for variables, as in those of probes, of what the container's `env` has
    /// as plain text.
    private static func action(_ json: JSONValue, _ container: ContainerSpec, expands: Bool) throws -> ContainerAction {
        if let command = json["exec"]?["command"]?.strings, !command.isEmpty {
            guard expands else { return .exec(command) }
            var variables = ContainerEnvironment()
            for entry in container.json["env"]?.array ?? [] {
                guard let name = entry["name"]?.string else { continue }
                variables.set(name, entry["value"]?.string ?? "")
            }
            return .exec(command.map(variables.expand))
        }
        if let get = json["httpGet"] {
            guard let port = port(get["port"], container) else { return .impossible(portProblem(get["port"])) }
            let path = get["path"]?.string ?? "/"
            return .http(
                .init(
                    isSecure: get["scheme"]?.string == "HTTPS", host: host(get["host"]), port: port,
                    path: path.hasPrefix("/") ? path : "/" + path,
                    headers: (get["httpHeaders"]?.array ?? []).compactMap { header in
                        header["name"]?.string.map { .init(name: $0, value: header["value"]?.string ?? "") }
                    }))
        }
        if let socket = json["tcpSocket"] {
            guard let port = port(socket["port"], container) else { return .impossible(portProblem(socket["port"])) }
            return .tcp(host: host(socket["host"]), port: port)
        }
        if let seconds = json["sleep"]?["seconds"]?.int { return .sleep(.seconds(max(0, seconds))) }
        throw problem("a probe or hook has no command", container)
    }

    private static func host(_ json: JSONValue?) -> String {
        json?.string.flatMap { $0.isEmpty ? nil : $0 } ?? address
    }

    /// A port by its number, or by its name among those of the container.
    private static func port(_ json: JSONValue?, _ container: ContainerSpec) -> Int? {
        let ports = container.json["ports"]?.array ?? []
        let number =
            json?.int
            ?? json?.string.flatMap { name in
                ports.first { $0["name"]?.string == name }?["containerPort"]?.int ?? Int64(name)
            }
        return number.flatMap { (1...65_535).contains($0) ? Int($0) : nil }
    }

    private static func portProblem(_ json: JSONValue?) -> String {
        // A kubelet's words for a name that no port of the container has.
        json?.string.map { "strconv.Atoi: parsing \"\($0)\": invalid syntax" }
            ?? "invalid port number: \(json?.int.map(String.init) ?? "none")"
    }
}
