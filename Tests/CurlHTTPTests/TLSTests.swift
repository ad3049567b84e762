import CurlHTTP
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
    private let certificates: TestCertificates

    init() throws { certificates = try TestCertificates.shared.get() }

    @Test func `Only a server of the given authority is trusted`() async throws {
        let server = try await TestServer(certificates.serverArguments("local"))
        let client = try HTTPClient.plain()
        let good = TLSConfiguration(certificateAuthorities: try certificates.bytes("ca.crt"))
        #expect(try await client.echo(HTTPRequest(url: server.url("/echo"), tls: good)).method == "GET")
        for tls in [
            TLSConfiguration(certificateAuthorities: try certificates.bytes("other.crt")), TLSConfiguration(),
            TLSConfiguration(certificateAuthorities: Array("-----BEGIN CERTIFICATE-----\nno\n".utf8)),
        ] {
            let error = try await httpError {
                _ = try await client.send(HTTPRequest(url: server.url("/echo"), tls: tls))
            }
            #expect(error.code == .tls && !error.mayHaveBeenSent)
        }
    }

    @Test func `Any server is taken when that is asked for, and only then`() async throws {
        let server = try await TestServer(certificates.serverArguments("local"))
        let client = try HTTPClient.plain()
        let insecure = TLSConfiguration(verifiesServer: false)
        _ = try await client.echo(HTTPRequest(url: server.url("/echo"), tls: insecure))
        // A connection opened without verification is not used for a request with verification.
        let error = try await httpError { _ = try await client.send(HTTPRequest(url: server.url("/echo"))) }
        #expect(error.code == .tls)
    }

    @Test func `A server name over the URL's host is asked for and verified, the Host header stays`() async throws {
        let server = try await TestServer(certificates.serverArguments("named"))
        let client = try HTTPClient.plain()
        var tls = TLSConfiguration(certificateAuthorities: try certificates.bytes("ca.crt"))
        let mismatch = try await httpError { [tls] in
            _ = try await client.send(HTTPRequest(url: server.url("/echo"), tls: tls))
        }
        #expect(mismatch.code == .tls)
        tls.serverName = "cluster.test"
        let echo = try await client.echo(HTTPRequest(url: server.url("/echo?a=b"), tls: tls))
        #expect(echo.serverName == "cluster.test")
        #expect(echo.headers["host"] == "127.0.0.1:\(server.port)")
        #expect(echo.path == "/echo?a=b")
        tls.serverName = "another.test"
        let wrong = try await httpError { [tls] in
            _ = try await client.send(HTTPRequest(url: server.url("/echo"), tls: tls))
        }
        #expect(wrong.code == .tls)
    }

    @Test func `A client certificate and key come from memory, and connections are not shared across them`()
        async throws
    {
        let server = try await TestServer(certificates.serverArguments("local", clientAuthority: true))
        let client = try HTTPClient.plain()
        var tls = TLSConfiguration(certificateAuthorities: try certificates.bytes("ca.crt"))
        tls.identity = try certificates.identity()
        #expect(try await client.echo(HTTPRequest(url: server.url("/echo"), tls: tls)).client == "client")
        tls.identity = nil
        _ = try await httpError { [tls] in _ = try await client.send(HTTPRequest(url: server.url("/echo"), tls: tls)) }
        tls.identity = .init(
            certificate: try certificates.bytes("client.crt"), key: try certificates.bytes("local.key"))
        let error = try await httpError { [tls] in
            _ = try await HTTPClient.plain().send(HTTPRequest(url: server.url("/echo"), tls: tls))
        }
        #expect(error.code == .tls && !error.mayHaveBeenSent)
    }
}
