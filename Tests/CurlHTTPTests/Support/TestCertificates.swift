import CurlHTTP
import Foundation

/// Certificates made by openssl for these tests: two authorities, servers, a client.
struct TestCertificates: Sendable {
    let directory: String

    /// Made once a run.
    static let shared = Result { try TestCertificates() }

    private init() throws {
        directory = NSTemporaryDirectory() + "curl-http-tests-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try authority("ca")
        try authority("other")
        try issue("local", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth")
        try issue("named", "subjectAltName=DNS:cluster.test\nextendedKeyUsage=serverAuth")
        try issue("client", "extendedKeyUsage=clientAuth")
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    func identity() throws -> TLSConfiguration.Identity {
        .init(certificate: try bytes("client.crt"), key: try bytes("client.key"))
    }

    func serverArguments(_ name: String, clientAuthority: Bool = false) -> [String] {
        ["--certificate", path("\(name).crt"), "--key", path("\(name).key")]
            + (clientAuthority ? ["--client-ca", path("ca.crt")] : [])
    }

    private func authority(_ name: String) throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).crt"), "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
    }

    private func issue(_ name: String, _ extensions: String) throws {
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: path("\(name).ext")))
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", path("\(name).key"), "-out", path("\(name).csr"))
        try openssl(
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("\(name).ext"), "-out", path("\(name).crt"))
    }

    struct Failure: Error { let arguments: [String] }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(arguments: arguments) }
    }
}
