/// Where a server listens: `HOST:PORT`, or `:PORT` for all addresses of the machine.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address; empty for all.
    public var host: String
    /// 0 for any free port.
    public var port: Int

    /// An address.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// A text that is no address.
    public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        public let text: String
        /// One sentence for people.
        public var description: String {
            "\"\(text)\" is no address to listen on: expected HOST:PORT, :PORT for all addresses, or 0 for none"
        }
    }

    /// Reads an address; nil for `0`, which means none. An address of IPv6 is in brackets.
    public static func parse(_ text: String) throws(Malformed) -> ListenAddress? {
        if text == "0" { return nil }
        guard let colon = text.lastIndex(of: ":") else { throw Malformed(text: text) }
        let digits = text[text.index(after: colon)...]
        var host = text[..<colon]
        guard !digits.isEmpty, digits.count <= 5, digits.allSatisfy({ ("0"..."9").contains($0) }),
            let port = Int(digits), port <= 65535
        else { throw Malformed(text: text) }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { throw Malformed(text: text) }
        } else if host.contains(where: { ":[]/ ".contains($0) }) {
            throw Malformed(text: text)
        }
        return ListenAddress(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
