import Glibc
import JSON
import KubernetesModel
import Synchronization

/// The ports of this machine that stand for those of gangs: pods that look for each other share one address here, and the port that
/// each would have to itself on a cluster of machines.
final class GangPorts: Sendable {
    private struct Gang {
        var pods: Set<String> = []
        /// By `host:port`.
        var ports: [String: Int] = [:]
    }

    private struct State {
        var gangs: [String: Gang] = [:]
        var taken: Set<Int> = []
    }

    /// Below those that the kernel gives to outgoing connections.
    private static let range = 20_000..<32_000
    private let state = Mutex(State())

    /// A pod of the gang has come.
    func join(_ gang: String, pod: String) { state.withLock { _ = $0.gangs[gang, default: Gang()].pods.insert(pod) } }

    /// A pod of the gang is gone; with the last one go the ports.
    func leave(_ gang: String, pod: String) {
        state.withLock { state in
            state.gangs[gang]?.pods.remove(pod)
            guard let left = state.gangs[gang], left.pods.isEmpty else { return }
            state.taken.subtract(left.ports.values)
            state.gangs[gang] = nil
        }
    }

    /// The port that stands for one of a host of the gang: a free one, and the same each time. It is derived from the names, so that
    /// several nodes on one machine seldom look at the same ones.
    func port(_ gang: String, _ host: String, _ port: Int) -> Int {
        state.withLock { state in
            let name = "\(host):\(port)"
            if let known = state.gangs[gang]?.ports[name] { return known }
            let offset = Int(StableHash.of(gang, name) % UInt64(Self.range.count))
            for step in 0..<Self.range.count {
                let candidate = Self.range.lowerBound + (offset + step) % Self.range.count
                guard !state.taken.contains(candidate), Self.isFree(candidate) else { continue }
                state.taken.insert(candidate)
                state.gangs[gang, default: Gang()].ports[name] = candidate
                return candidate
            }
            return port
        }
    }

    /// The port that stands for one of a host of the gang, if there is one already.
    func known(_ gang: String, _ host: String, _ port: Int) -> Int? {
        state.withLock { $0.gangs[gang]?.ports["\(host):\(port)"] }
    }

    /// Whether nobody listens on the port.
    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Connections that have just ended do not count.
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// What the DNS of a cluster does for a pod whose label says that it finds others by their names: the names of its gang become
/// 127.0.0.1, and the ports beside them those of ``GangPorts``.
struct GangAddresses: Sendable {
    /// The label whose value is the gang of a pod.
    private static let label = "sluice.dev/gang"
    /// The address of all pods.
    private static let address = "127.0.0.1"
    /// A gang of one pod has no name and is `localhost` to itself, as much else is. These are what its frameworks listen on.
    private static let portsOfOne: Set<Int> = [29500, 2222, 6666]

    let gang: String
    let pod: String
    let ports: GangPorts
    private let subdomain: String
    /// What the pod is called by the others.
    private let ownHost: String
    private let suffixes: [[UInt8]]

    /// nil for a pod of no gang.
    init?(_ pod: NodePod, ports: GangPorts) {
        guard let label = pod.metadata.labels[Self.label], !label.isEmpty else { return nil }
        gang = "\(pod.metadata.namespace)/\(label)"
        self.pod = pod.metadata.uid
        self.ports = ports
        subdomain = pod.spec["subdomain"]?.string ?? ""
        ownHost = subdomain.isEmpty ? "localhost" : pod.spec["hostname"]?.string ?? pod.metadata.name
        suffixes = [".\(pod.metadata.namespace).svc.cluster.local", ".\(pod.metadata.namespace).svc"].map {
            Array($0.utf8)
        }
    }

    /// The variables with the addresses of this machine. A port that has a variable of its own, as MASTER_PORT beside MASTER_ADDR,
    /// follows its address.
    func rewrite(_ environment: inout ContainerEnvironment) {
        let before = environment.variables
        environment.mapValues { rewrite($0, withPorts: true) }
        for (name, value) in before {
            guard let kind = ["_ADDR", "_ADDRESS"].first(where: name.hasSuffix),
                case let port = name.dropLast(kind.utf8.count) + "_PORT",
                let number = before[String(port)].flatMap({ Int($0) }),
                let name = Array(value.utf8).withUnsafeBufferPointer({ host(in: $0, at: 0) }),
                name.end == value.utf8.count
            else { continue }
            if let local = self.port(name.host, number) { environment.set(String(port), String(local)) }
        }
    }

    /// Where the pod listens when it is told to listen on that port.
    func ownPort(_ port: Int) -> Int { ports.known(gang, ownHost, port) ?? port }

    /// The text with each name of the gang, and the port behind it, replaced.
    func rewrite(_ text: String, withPorts: Bool) -> String {
        guard text.contains(subdomain.isEmpty ? "localhost:" : ".\(subdomain)") else { return text }
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBufferPointer { bytes in
            var result: [UInt8] = []
            var position = 0
            while position < bytes.count {
                let isStart = position == 0 || !Self.isOfName(bytes[position - 1])
                guard isStart, let name = host(in: bytes, at: position) else {
                    result.append(bytes[position])
                    position += 1
                    continue
                }
                result += Array((subdomain.isEmpty ? name.host : Self.address).utf8)
                let digits = bytes[name.end...].dropFirst().prefix { (0x30...0x39).contains($0) }
                position = name.end
                guard withPorts, position < bytes.count, bytes[position] == UInt8(ascii: ":"),
                    let number = Int(String(decoding: digits, as: UTF8.self)),
                    let local = port(name.host, number)
                else { continue }
                result += Array(":\(local)".utf8)
                position = digits.endIndex
            }
            return String(decoding: result, as: UTF8.self)
        }
    }

    /// The port of this machine for one of a host; nil where it stays what it is.
    private func port(_ host: String, _ port: Int) -> Int? {
        guard (1...65_535).contains(port), !subdomain.isEmpty || Self.portsOfOne.contains(port) else { return nil }
        return ports.port(gang, host, port)
    }

    /// The name of a pod of the gang that begins at that place, and where it ends; nil where there is none.
    private func host(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (host: String, end: Int)? {
        func has(_ text: [UInt8], at place: Int) -> Bool {
            place + text.count <= bytes.count && bytes[place..<place + text.count].elementsEqual(text)
        }
        var end = start
        while end < bytes.count, Self.isOfName(bytes[end]), bytes[end] != UInt8(ascii: ".") { end += 1 }
        let host = String(decoding: bytes[start..<end], as: UTF8.self)
        if subdomain.isEmpty {
            guard host == "localhost" else { return nil }
        } else {
            let domain = Array(".\(subdomain)".utf8)
            guard Names.isLabel(host), has(domain, at: end) else { return nil }
            end += domain.count
            if let suffix = suffixes.first(where: { has($0, at: end) }) { end += suffix.count }
        }
        return end < bytes.count && Self.isOfName(bytes[end]) ? nil : (host, end)
    }

    /// Whether a byte may be part of a host's name, or of a word that is none.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
