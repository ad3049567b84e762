import HTTPServing
import JSON

/// What a kubeconfig names, kept in the directory of the cluster so that it is the same after a restart.
struct ClusterAccess: Sendable, Hashable {
    var authority: Credential
    var token: String
    /// The port of the last start.
    var port: Int

    /// Reads the file; nil when there is none. Throws ``FileFailure`` when it cannot be read.
    static func read(_ path: String) throws -> ClusterAccess? {
        guard let bytes = try PrivateFile.read(path) else { return nil }
        guard let json = try? JSONValue(parsing: bytes), let certificate = json["certificate"]?.string,
            let key = json["key"]?.string, let token = json["token"]?.string, token.utf8.count >= 16,
            let port = json["port"]?.int, (1...65535).contains(port)
        else {
            throw FileFailure(
                "\(path) cannot be understood: expected certificate, key, token and port of the cluster; remove it and all"
                    + " three are made anew")
        }
        return ClusterAccess(
            authority: Credential(certificatePEM: certificate, privateKeyPEM: key), token: token, port: Int(port))
    }

    /// Writes the file so that only its owner may read it. Throws ``FileFailure``.
    func write(_ path: String) throws {
        let json: JSONValue = [
            "certificate": .string(authority.certificatePEM), "key": .string(authority.privateKeyPEM),
            "token": .string(token), "port": .int(Int64(port)),
        ]
        try PrivateFile.write(json.bytes, to: path)
    }
}
