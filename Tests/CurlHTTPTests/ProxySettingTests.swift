import Testing

@testable import CurlHTTP

@Suite struct ProxySettingTests {
    struct Row: Sendable {
        var noProxy: String
        var host: String
        var port = 443
        var isProxied: Bool
    }

    @Test(arguments: [
        Row(noProxy: "", host: "example.org", isProxied: true),
        Row(noProxy: "", host: "localhost", isProxied: false),
        Row(noProxy: "", host: "127.9.8.7", isProxied: false),
        Row(noProxy: "", host: "[::1]", isProxied: false),
        Row(noProxy: "*", host: "example.org", isProxied: false),
        Row(noProxy: "example.org", host: "EXAMPLE.org.", isProxied: false),
        Row(noProxy: "example.org", host: "a.example.org", isProxied: false),
        Row(noProxy: "example.org", host: "notexample.org", isProxied: true),
        Row(noProxy: ".example.org", host: "a.example.org", isProxied: false),
        Row(noProxy: ".example.org", host: "example.org", isProxied: true),
        Row(noProxy: "*.example.org", host: "a.example.org", isProxied: false),
        Row(noProxy: "a.test, example.org:443", host: "example.org", isProxied: false),
        Row(noProxy: "example.org:444", host: "example.org", isProxied: true),
        Row(noProxy: "10.0.0.0/8", host: "10.200.3.4", isProxied: false),
        Row(noProxy: "10.0.0.0/9", host: "10.200.3.4", isProxied: true),
        Row(noProxy: "10.0.0.0/99", host: "10.200.3.4", isProxied: true),
        Row(noProxy: "fd00::/8", host: "[fd12::1]", isProxied: false),
        Row(noProxy: "10.1.2.3", host: "10.1.2.3", isProxied: false),
        Row(noProxy: "10.1.2.3", host: "10.1.2.30", isProxied: true),
        Row(noProxy: "[fd12::1]:443", host: "fd12::1", isProxied: false),
    ])
    func `NO_PROXY is read as Go reads it`(row: Row) {
        let variables = ProxyVariables { ["HTTPS_PROXY": "http://proxy:1", "NO_PROXY": row.noProxy][$0] }
        let proxy = ProxySetting.variables(variables).proxy(scheme: "https", host: row.host, port: row.port)
        #expect(proxy == (row.isProxied ? "http://proxy:1" : nil))
    }

    @Test func `Each scheme has its variable, and a CGI program does not trust HTTP_PROXY`() {
        let both = ["https_proxy": "http://s:1", "HTTP_PROXY": "http://p:1"]
        let plain = ProxySetting.variables(ProxyVariables { both[$0] })
        #expect(plain.proxy(scheme: "https", host: "a.test", port: 443) == "http://s:1")
        #expect(plain.proxy(scheme: "http", host: "a.test", port: 80) == "http://p:1")
        let gateway = ProxySetting.variables(
            ProxyVariables { both.merging(["REQUEST_METHOD": "GET"]) { $1 }[$0] })
        #expect(gateway.proxy(scheme: "http", host: "a.test", port: 80) == nil)
        #expect(ProxySetting.none.proxy(scheme: "https", host: "a.test", port: 443) == nil)
    }
}
