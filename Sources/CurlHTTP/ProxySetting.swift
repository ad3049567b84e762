#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which proxy requests go through.
public enum ProxySetting: Sendable, Hashable {
    case none
    /// One proxy for every request: `http://`, `https://` or `socks5://`, host, port, optionally user and password.
    case url(String)
    /// As HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, in upper or lower case, by the rules of Go's ProxyFromEnvironment
    /// and so of kubectl. Loopback addresses never go through a proxy.
    case variables(ProxyVariables)

    /// The proxies in this process's environment, read now.
    public static func environment() -> ProxySetting {
        .variables(ProxyVariables { getenv($0).map { String(cString: $0) } })
    }

    /// The proxy for a request to a host; nil for a direct connection.
    func proxy(scheme: String, host: String, port: Int) -> String? {
        switch self {
        case .none: nil
        case .url(let url): url
        case .variables(let variables): variables.proxy(scheme: scheme, host: host, port: port)
        }
    }
}

/// The proxy variables of an environment.
public struct ProxyVariables: Sendable, Hashable {
    public var httpsProxy: String?
    public var httpProxy: String?
    /// The hosts, domains, addresses and networks that are reached without a proxy.
    public var noProxy: [String]

    /// Reads the variables with `value`, a function from a name to its value.
    public init(_ value: (String) -> String?) {
        func first(_ names: String...) -> String? { names.lazy.compactMap(value).first { !$0.isEmpty } }
        httpsProxy = first("HTTPS_PROXY", "https_proxy")
        // In a CGI program, HTTP_PROXY holds the client's Proxy header and cannot be trusted.
        httpProxy = value("REQUEST_METHOD") == nil ? first("HTTP_PROXY", "http_proxy") : first("http_proxy")
        noProxy = (first("NO_PROXY", "no_proxy") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
    }

    func proxy(scheme: String, host: String, port: Int) -> String? {
        guard let proxy = scheme == "https" ? httpsProxy : httpProxy else { return nil }
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix(".") { host.removeLast() }
        let address = IPAddress(host)
        if host == "localhost" || address?.isLoopback == true { return nil }
        for entry in noProxy where Self.matches(entry, host: host, address: address, port: port) { return nil }
        return proxy
    }

    private static func matches(_ entry: String, host: String, address: IPAddress?, port: Int) -> Bool {
        if entry == "*" { return true }
        if let slash = entry.firstIndex(of: "/") {
            guard let address, let network = IPAddress(String(entry[..<slash])),
                let length = Int(entry[entry.index(after: slash)...])
            else { return false }
            return network.contains(address, prefixLength: length)
        }
        var name = entry
        if IPAddress(entry) == nil, let colon = entry.lastIndex(of: ":"),
            let wanted = Int(entry[entry.index(after: colon)...])
        {
            guard wanted == port else { return false }
            name = String(entry[..<colon])
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if let wanted = IPAddress(name) { return wanted == address }
        // `.example.org` and `*.example.org` are the names below it; `example.org` includes the name itself.
        if name.hasPrefix("*.") { name.removeFirst() }
        if name.hasPrefix(".") { return host.hasSuffix(name) }
        return host == name || host.hasSuffix("." + name)
    }
}

/// An IPv4 or IPv6 address.
struct IPAddress: Hashable {
    /// Its 4 or 16 bytes, in network order.
    let bytes: [UInt8]

    /// Parses a numeric address; nil for a name.
    init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &buffer) == 1 {
            bytes = Array(buffer.prefix(4))
        } else if inet_pton(AF_INET6, text, &buffer) == 1 {
            bytes = buffer
        } else {
            return nil
        }
    }

    var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.last == 1 && bytes.dropLast().allSatisfy { $0 == 0 }
    }

    /// Whether `other` has the same first `prefixLength` bits.
    func contains(_ other: IPAddress, prefixLength: Int) -> Bool {
        guard bytes.count == other.bytes.count, (0...(bytes.count * 8)).contains(prefixLength) else { return false }
        let whole = prefixLength / 8
        guard bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
        let rest = prefixLength % 8
        guard rest > 0 else { return true }
        return (bytes[whole] ^ other.bytes[whole]) >> (8 - rest) == 0
    }
}
