import Foundation
import LoopbackTesting
import Testing

/// A real kube-apiserver: the one that KUBECONFIG names, or one started from KUBEBUILDER_ASSETS (controller-runtime's
/// convention: a directory with `etcd` and `kube-apiserver`).
struct RealAPIServer {
    let kubeconfig: String
    private let programs: [Program]
    private let directory: String?

    static let assets = value("KUBEBUILDER_ASSETS")
    static let named = value("KUBECONFIG")
    static var isGiven: Bool { assets != nil || named != nil }

    private static func value(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    static func with(_ body: (RealAPIServer) async throws -> Void) async throws {
        let server = try await start()
        do {
            try await body(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func stop() async {
        for program in programs.reversed() {
            program.signal(SIGTERM)
            _ = await program.waitForEnd()
        }
        if let directory { try? FileManager.default.removeItem(atPath: directory) }
    }

    private static func start() async throws -> RealAPIServer {
        guard let assets else {
            return RealAPIServer(kubeconfig: try #require(named), programs: [], directory: nil)
        }
        let directory = try Tools.temporaryDirectory()
        let (client, peer, port) = (try LoopbackSocket().port, try LoopbackSocket().port, try LoopbackSocket().port)
        let etcd = try Program(
            "\(assets)/etcd",
            [
                "--data-dir", "\(directory)/etcd", "--listen-client-urls", "http://127.0.0.1:\(client)",
                "--advertise-client-urls", "http://127.0.0.1:\(client)", "--listen-peer-urls",
                "http://127.0.0.1:\(peer)",
                "--initial-advertise-peer-urls", "http://127.0.0.1:\(peer)", "--initial-cluster",
                "default=http://127.0.0.1:\(peer)", "--unsafe-no-fsync",
            ])
        let openssl = try await Program.run(
            "/usr/bin/env",
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "\(directory)/key.pem", "-out",
                "\(directory)/cert.pem",
            ])
        try #require(openssl.status == 0, "\(openssl.errors)")
        let token = UUID().uuidString
        try Data("\(token),admin,1,system:masters\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/tokens"))
        let server = try Program(
            "\(assets)/kube-apiserver",
            [
                "--etcd-servers=http://127.0.0.1:\(client)", "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--secure-port=\(port)", "--tls-cert-file=\(directory)/cert.pem",
                "--tls-private-key-file=\(directory)/key.pem",
                "--service-account-key-file=\(directory)/key.pem",
                "--service-account-signing-key-file=\(directory)/key.pem",
                "--service-account-issuer=https://127.0.0.1", "--token-auth-file=\(directory)/tokens",
                "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
            ])
        let certificate = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/cert.pem")).base64EncodedString()
        let kubeconfig = "\(directory)/kubeconfig"
        try Data(
            """
            apiVersion: v1
            kind: Config
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:\(port)", certificate-authority-data: \(certificate)}}]
            users: [{name: u, user: {token: \(token)}}]
            contexts: [{name: x, context: {cluster: c, user: u}}]
            current-context: x
            """.utf8
        ).write(to: URL(fileURLWithPath: kubeconfig))
        let result = RealAPIServer(kubeconfig: kubeconfig, programs: [etcd, server], directory: directory)
        let deadline = Date(timeIntervalSinceNow: 60)
        while try await result.kubectl("get", "--raw", "/readyz", expect: nil).status != 0 {
            if Date() > deadline {
                await result.stop()
                try #require(Bool(false), "kube-apiserver did not become ready: \(server.errors.suffix(2000))")
            }
        }
        return result
    }

    /// Runs kubectl; fails the test unless it exits as expected.
    @discardableResult
    func kubectl(
        _ arguments: String..., input: String? = nil, expect: Int32? = 0, location: SourceLocation = #_sourceLocation
    ) async throws -> (status: Int32, output: String) {
        let kubectl = try #require(Tools.kubectl)
        let result = try await Program.run(kubectl, arguments, environment: ["KUBECONFIG": kubeconfig], input: input)
        if let expect {
            #expect(
                result.status == expect,
                "kubectl \(arguments.joined(separator: " ")): \(result.output)\(result.errors)",
                sourceLocation: location)
        }
        return (result.status, result.output + result.errors)
    }
}
