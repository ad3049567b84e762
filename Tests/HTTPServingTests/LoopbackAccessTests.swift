import Testing

@testable import HTTPServing

@Suite struct LoopbackAccessTests {
    @Test(arguments: ["127.0.0.1", "127.0.0.1:1", "localhost", "LOCALHOST:65535", "[::1]", "[::1]:8443"])
    func `Loopback names are good hosts`(_ host: String) { #expect(LoopbackAccess.isLoopback(host)) }

    @Test(arguments: [
        "", "127.0.0.2", "localhost.", "localhost:", "localhost:x", "127.0.0.1:1:2", "::1", "[::1]x", "10.0.0.1",
    ])
    func `Other names are not`(_ host: String) { #expect(!LoopbackAccess.isLoopback(host)) }

    private func request(_ headers: [(name: String, value: String)], host: String? = "localhost:1") -> ServerRequest {
        ServerRequest(method: "GET", target: "/", authority: host, headers: headers)
    }

    @Test func `The token is asked for last, so that a stranger learns nothing from it`() {
        let access = LoopbackAccess(token: "secret")
        let good = ("authorization", "Bearer secret")
        #expect(access.refusal(of: request([good])) == nil)
        #expect(access.refusal(of: request([("authorization", "bearer  secret")])) == nil)
        #expect(access.refusal(of: request([good], host: nil)) == .foreignHost(""))
        #expect(access.refusal(of: request([good], host: "evil.example")) == .foreignHost("evil.example"))
        #expect(access.refusal(of: request([good, ("origin", "null")])) == .webPage)
        for wrong in ["Bearer secre", "Bearer secretx", "Bearer", "Basic secret", ""] {
            #expect(access.refusal(of: request([("authorization", wrong)])) == .unauthenticated)
        }
        #expect(access.refusal(of: request([])) == .unauthenticated)
    }
}
