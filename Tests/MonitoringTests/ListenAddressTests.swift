import Monitoring
import Testing

@Suite struct ListenAddressTests {
    @Test(
        arguments: [
            (":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:65535", "::1", 65535),
            ("localhost:80", "localhost", 80),
        ] as [(String, String, Int)])
    func `An address is a host, in brackets where it has colons, and a port`(text: String, host: String, port: Int)
        throws
    {
        let address = try #require(try ListenAddress.parse(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test func `0 is no address`() throws { #expect(try ListenAddress.parse("0") == nil) }

    @Test(
        arguments: [
            "", "8080", ":", "host", "host:", ":65536", ":-1", ":+1", ":8080x", "::1:80", "[host]:80", "http://a:1",
            ":99999999999999999999",
        ])
    func `What is no address is refused with one sentence`(text: String) {
        let error = #expect(throws: ListenAddress.Malformed.self) { try ListenAddress.parse(text) }
        #expect(
            error?.description
                == "\"\(text)\" is no address to listen on: expected HOST:PORT, :PORT for all addresses, or 0 for none")
    }
}
