import KubernetesModel
import TLSServer

/// Who may talk to the server: whoever has the token, by a loopback name, and no web page.
///
/// Whoever can create pods can run commands on this machine. A browser can be made to send requests to a loopback port: its
/// Origin header gives it away, and a host name that an attacker points at 127.0.0.1 is not one of ours.
struct AccessControl: Sendable {
    private let token: [UInt8]

    init(token: String) { self.token = Array(token.utf8) }

    /// nil when the request may go on, else why not.
    func refusal(host: String?, origin: String?, authorization: String?) -> APIStatus? {
        guard let host, Self.isLoopback(host) else {
            return APIStatus(
                code: 403, reason: "Forbidden",
                message: "forbidden: this server answers on 127.0.0.1, localhost and [::1] only, not on"
                    + " \"\(host ?? "")\"", details: APIStatus.Details())
        }
        if origin != nil {
            return APIStatus(
                code: 403, reason: "Forbidden", message: "forbidden: requests of web pages are refused",
                details: APIStatus.Details())
        }
        let prefix = "bearer "
        guard let authorization, authorization.lowercased().hasPrefix(prefix),
            SecureRandom.areEqual(
                Array(authorization.utf8.dropFirst(prefix.utf8.count).drop { $0 == 0x20 }), token)
        else {
            return APIStatus(
                code: 401, reason: "Unauthorized", message: "Unauthorized", details: nil)
        }
        return nil
    }

    static func isLoopback(_ host: String) -> Bool {
        ["127.0.0.1", "localhost", "[::1]"].contains { name in
            let host = host.lowercased()
            guard host.hasPrefix(name) else { return false }
            let rest = host.dropFirst(name.count)
            return rest.isEmpty
                || (rest.first == ":" && rest.count > 1
                    && rest.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) })
        }
    }
}
