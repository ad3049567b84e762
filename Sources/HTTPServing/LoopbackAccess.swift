/// Decides who may use a server on loopback: clients that have the token and address it by a loopback name, but no web
/// pages.
///
/// Anyone who can create pods can run commands on this machine. A web page can make a browser send requests to a
/// loopback port: the Origin header shows that. An attacker can make a host name resolve to 127.0.0.1: the Host header
/// shows a name that is not loopback.
public struct LoopbackAccess: Sendable {
    /// Why a request is refused.
    public enum Refusal: Sendable, Hashable {
        /// The Host header (empty if there was none) is not a loopback name.
        case foreignHost(String)
        /// The request comes from a web page: it has an Origin header.
        case webPage
        /// The bearer token is missing or wrong.
        case unauthenticated
    }

    private let token: [UInt8]

    /// Creates the check for one bearer token.
    public init(token: String) { self.token = Array(token.utf8) }

    /// Returns why the request is refused, or nil if it may continue. The token is compared in constant time.
    public func refusal(of request: ServerRequest) -> Refusal? {
        guard let host = request.authority, Self.isLoopback(host) else {
            return .foreignHost(request.authority ?? "")
        }
        if request.header("origin") != nil { return .webPage }
        let prefix = "bearer "
        guard let authorization = request.header("authorization"), authorization.lowercased().hasPrefix(prefix),
            SecureRandom.areEqual(
                Array(authorization.utf8.dropFirst(prefix.utf8.count).drop { $0 == 0x20 }), token)
        else { return .unauthenticated }
        return nil
    }

    static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        return ["127.0.0.1", "localhost", "[::1]"].contains { name in
            guard host.hasPrefix(name) else { return false }
            let rest = host.dropFirst(name.count)
            return rest.isEmpty
                || (rest.first == ":" && rest.count > 1
                    && rest.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) })
        }
    }
}
