/// Who may talk to a server on loopback: whoever has the token, by a loopback name, and no web page.
///
/// Whoever can create pods can run commands on this machine. A browser can be made to send requests to a loopback port: its
/// Origin header gives it away, and a host name that an attacker points at 127.0.0.1 is not a loopback name.
public struct LoopbackAccess: Sendable {
    /// Why a request is refused.
    public enum Refusal: Sendable, Hashable {
        /// The Host header, or an empty text where there was none, is not a loopback name.
        case foreignHost(String)
        /// The request comes from a web page.
        case webPage
        /// There is no bearer token, or a wrong one.
        case unauthenticated
    }

    private let token: [UInt8]

    /// Access for whoever has that bearer token.
    public init(token: String) { self.token = Array(token.utf8) }

    /// Why the request is refused; nil when it may go on. The token is compared in constant time.
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
