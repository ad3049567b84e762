import Glibc

/// Looks whether a port is listened on.
enum TCPProbe {
    /// Connects, and hangs up at once. Returns what went wrong, worded as Go does; nil for nothing. Blocks.
    static func connect(_ host: String, _ port: Int, limit: Duration) -> String? {
        let name = "dial tcp \(host.contains(":") ? "[\(host)]" : host):\(port)"
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let found else { return "\(name): \(String(cString: gai_strerror(code)))" }
        defer { freeaddrinfo(found) }
        let end = ContinuousClock.now + limit
        var problem = "no address"
        var next: UnsafeMutablePointer<addrinfo>? = found
        while let address = next?.pointee {
            guard let code = connect(address, until: end) else { return nil }
            if code == ETIMEDOUT { return "\(name): i/o timeout" }
            problem = String(cString: strerror(code)).lowercased()
            next = address.ai_next
        }
        return "\(name): connect: \(problem)"
    }

    /// Returns the errno of the failure; nil for none.
    private static func connect(_ address: addrinfo, until end: ContinuousClock.Instant) -> Int32? {
        let descriptor = socket(address.ai_family, address.ai_socktype | sockFlags, address.ai_protocol)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return nil }
        guard errno == EINPROGRESS else { return errno }
        while true {
            let left = max(.zero, end - ContinuousClock.now)
            let wait = left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000 + 1
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let count = poll(&polled, 1, Int32(clamping: wait))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? ETIMEDOUT : errno }
            var problem: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 else { return errno }
            return problem == 0 ? nil : problem
        }
    }

    private static var sockFlags: Int32 { Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue) }
}
