import CLibcurl

/// A curl easy handle with the buffer for curl's error messages; reused for one transfer after another.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    let message: UnsafeMutablePointer<CChar>

    init?() {
        guard let pointer = curl_easy_init() else { return nil }
        self.pointer = pointer
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message[0] = 0
    }

    deinit {
        curl_easy_cleanup(pointer)
        message.deallocate()
    }

    /// Resets the options of the last transfer. Connections are kept, since they belong to the multi handle.
    func reset() {
        curl_easy_reset(pointer)
        message[0] = 0
    }
}

/// What is known of one connection, which transfers may share.
final class ConnectionLife {
    /// When bytes came on it last.
    var lastArrival: ContinuousClock.Instant?
    /// The last HTTP/2 stream that the server has looked at, once it has said so by GOAWAY.
    var lastStream: Int?
}

/// A running transfer. It lives on the loop thread, which makes all calls of curl for it.
final class Transfer {
    let order: TransferOrder
    let easy: EasyHandle
    var isRunning = false
    /// Why the transfer was ended, when curl did not end it.
    var failure: HTTPError?
    /// When the response, or a stream's head, must have arrived.
    var deadline: ContinuousClock.Instant?
    /// When the last bytes of a stream arrived.
    var lastArrival = ContinuousClock.now
    var isPaused = false
    /// When the request was given to its connection; nil before.
    private(set) var sentAt: ContinuousClock.Instant?
    private var connection: ConnectionLife?
    private let lives: (Int32) -> ConnectionLife
    /// The number of its HTTP/2 stream.
    private var stream: Int?

    private var timesSent = 0
    private var status = 0
    private var headers: [HTTPHeader] = []
    private var body: [UInt8] = []
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    /// `lives` gives what is known of the connection with that local port.
    init(_ order: TransferOrder, easy: EasyHandle, lives: @escaping (Int32) -> ConnectionLife) {
        self.order = order
        self.easy = easy
        self.lives = lives
    }

    deinit { for list in lists { curl_slist_free_all(list) } }

    // MARK: Setting up

    /// Sets all options. Throws ``HTTPError`` for a request that curl refuses.
    func configure(_ configuration: HTTPClient.Configuration) throws {
        let request = order.request
        let handle = easy.pointer
        let tls = request.tls ?? configuration.tls
        let target = try RequestTarget(request, serverName: tls.serverName)
        var results: [CURLcode] = []
        func set(_ option: CURLoption, _ value: Int) { results.append(clibcurl_set_long(handle, option, value)) }
        func set(_ option: CURLoption, _ value: String?) { results.append(clibcurl_set_string(handle, option, value)) }
        func set(_ option: CURLoption, _ bytes: [UInt8]) {
            results.append(bytes.withUnsafeBytes { clibcurl_set_blob(handle, option, $0.baseAddress, $0.count) })
        }
        func set(_ option: CURLoption, _ pointer: UnsafeRawPointer) {
            results.append(clibcurl_set_pointer(handle, option, pointer))
        }

        set(CURLOPT_ERRORBUFFER, UnsafeRawPointer(easy.message))
        let context = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
        set(CURLOPT_PRIVATE, context)
        set(CURLOPT_WRITEDATA, context)
        set(CURLOPT_HEADERDATA, context)
        results.append(clibcurl_set_receiver(handle, CURLOPT_WRITEFUNCTION, receiveBody))
        results.append(clibcurl_set_receiver(handle, CURLOPT_HEADERFUNCTION, receiveHeader))
        results.append(clibcurl_set_prerequest(handle, beforeSending))
        set(CURLOPT_PREREQDATA, context)
        results.append(clibcurl_set_socket_tuning(handle))
        if configuration.usesHTTP2 {
            // Only curl's messages tell of GOAWAY, and so whether a request that got no answer was looked at.
            results.append(clibcurl_set_debug(handle, listen))
            set(CURLOPT_DEBUGDATA, context)
            set(CURLOPT_VERBOSE, 1)
        }

        set(CURLOPT_URL, target.url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_USERAGENT, configuration.userAgent)
        set(CURLOPT_HTTP_VERSION, configuration.usesHTTP2 ? Int(CURL_HTTP_VERSION_2TLS) : Int(CURL_HTTP_VERSION_1_1))
        // Without this, each request of a first burst opens its own connection.
        set(CURLOPT_PIPEWAIT, configuration.usesHTTP2 ? 1 : 0)
        if request.acceptsCompression { set(CURLOPT_ACCEPT_ENCODING, "gzip") }
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 30)
        set(CURLOPT_TCP_KEEPINTVL, 10)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(clamping: request.timeouts.connect.wholeMilliseconds)))
        if request.needsNewConnection { set(CURLOPT_FRESH_CONNECT, 1) }

        // An empty proxy keeps curl from reading the environment itself.
        let proxy = configuration.proxy.proxy(scheme: target.scheme, host: target.host, port: target.port)
        set(CURLOPT_PROXY, proxy ?? "")
        set(CURLOPT_NOPROXY, "")
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)

        set(CURLOPT_SSL_VERIFYPEER, tls.verifiesServer ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, tls.verifiesServer ? 2 : 0)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let authorities = tls.certificateAuthorities {
            // The default path is compiled into curl and would be trusted in addition to the blob.
            set(CURLOPT_CAPATH, nil as String?)
            set(CURLOPT_CAINFO_BLOB, authorities)
        }
        if let identity = tls.identity {
            set(CURLOPT_SSLCERT_BLOB, identity.certificate)
            set(CURLOPT_SSLCERTTYPE, "PEM")
            set(CURLOPT_SSLKEY_BLOB, identity.key)
            set(CURLOPT_SSLKEYTYPE, "PEM")
        }

        if let body = request.body {
            results.append(clibcurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            results.append(
                body.withUnsafeBytes { bytes in
                    // For an empty body curl would take the null pointer to mean "read from a callback".
                    guard let address = bytes.baseAddress, !bytes.isEmpty else {
                        return clibcurl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "")
                    }
                    return clibcurl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, address)
                })
            set(CURLOPT_CUSTOMREQUEST, request.method)
        } else if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        } else if request.method != "GET" {
            set(CURLOPT_CUSTOMREQUEST, request.method)
        }
        if let list = try headerList(host: target.hostHeader) { set(CURLOPT_HTTPHEADER, UnsafeRawPointer(list)) }
        if let connectTo = target.connectTo {
            let list = try appending(connectTo, to: nil)
            lists.append(list)
            set(CURLOPT_CONNECT_TO, UnsafeRawPointer(list))
        }
        if let failed = results.first(where: { $0 != CURLE_OK }) {
            throw HTTPError(failed, text: String(cString: easy.message), requestBytes: 0, of: request)
        }
    }

    private func headerList(host: String?) throws -> UnsafeMutablePointer<curl_slist>? {
        let request = order.request
        // By default curl waits a second for a 100 before it sends a large body, and labels any body a form.
        var lines = ["Expect:"]
        if request.body != nil, request.headers.firstValue(of: "Content-Type") == nil { lines.append("Content-Type:") }
        if let host { lines.append("Host: \(host)") }
        for header in request.headers {
            // A line break in a value could inject further headers.
            let isSafe = (header.name + header.value).utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
            guard isSafe, !header.name.isEmpty, !header.name.utf8.contains(UInt8(ascii: ":")) else {
                throw HTTPError(
                    .invalidRequest, "the header \(header.name) contains a character that is not allowed in a header",
                    method: request.method, url: request.url, mayHaveBeenSent: false)
            }
            // This is how curl expects a header without a value.
            lines.append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        var list: UnsafeMutablePointer<curl_slist>?
        do {
            for line in lines { list = try appending(line, to: list) }
        } catch {
            curl_slist_free_all(list)
            throw error
        }
        if let list { lists.append(list) }
        return list
    }

    private func appending(
        _ line: String, to list: UnsafeMutablePointer<curl_slist>?
    ) throws -> UnsafeMutablePointer<curl_slist> {
        guard let longer = curl_slist_append(list, line) else {
            throw HTTPError(
                .other, "out of memory", method: order.request.method, url: order.request.url, mayHaveBeenSent: false)
        }
        return longer
    }

    /// Whether the request may be sent on the connection that curl has chosen; asked each time.
    func prepareToSend(localPort: Int32) -> Bool {
        // What the server has not looked at is not sent a second time.
        if isCertainlyUnseen { timesSent -= 1 }
        stream = nil
        connection = lives(localPort)
        sentAt = .now
        timesSent += 1
        guard timesSent > 1, !order.request.isRepeatable else { return true }
        failure = HTTPError(
            .connectionLost, "the connection broke before a response arrived", method: order.request.method,
            url: order.request.url)
        return false
    }

    /// Accepts one of curl's messages. What it does not know it leaves alone, so that the worst that another version of
    /// curl can do is that requests are not sent again.
    func receive(message: UnsafeRawBufferPointer) {
        // Most messages are others: headers, certificates.
        guard message.count < 200 else { return }
        let text = String(decoding: message, as: UTF8.self)
        func number(after prefix: String) -> Int? {
            guard let start = text.firstRange(of: prefix)?.upperBound else { return nil }
            return Int(text[start...].prefix { $0.isNumber })
        }
        if text.hasPrefix("Using Stream ID: ") {
            stream = number(after: "ID: ")  // curl 7
        } else if text.contains("] OPENED stream") {
            stream = number(after: "[HTTP/2] [")  // curl 8
        } else if text.contains("GOAWAY"), let last = number(after: "last_stream=") {
            // It may come on another transfer of the same connection, and more than once.
            connection?.lastStream = min(last, connection?.lastStream ?? last)
        }
    }

    /// Whether the server has said that it has not looked at this request.
    private var isCertainlyUnseen: Bool {
        guard let stream, let last = connection?.lastStream else { return false }
        return stream > last
    }

    /// Since when nothing has come on the connection though this transfer waits for it; nil when it does not.
    var silentSince: ContinuousClock.Instant? {
        guard let sentAt, !isPaused else { return nil }
        return connection?.lastArrival.map { max($0, sentAt) } ?? sentAt
    }

    /// Whether nothing at all has come on the connection since the request was sent.
    var isUnheard: Bool { sentAt != nil && silentSince == sentAt }

    // MARK: What arrives

    private func noteArrival() {
        lastArrival = .now
        connection?.lastArrival = lastArrival
    }

    /// Accepts one header line. The head of an interim response (1xx) is dropped.
    func receive(headerLine line: UnsafeRawBufferPointer) {
        noteArrival()
        var text = Substring(String(decoding: line, as: UTF8.self))
        while let last = text.unicodeScalars.last, last == "\r" || last == "\n" { text.unicodeScalars.removeLast() }
        if text.hasPrefix("HTTP/") {
            let parts = text.split(separator: " ", maxSplits: 2)
            status = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
            headers = []
        } else if text.isEmpty {
            guard status >= 200, case .stream(let buffer) = order.receiver else { return }
            deadline = nil
            buffer.deliver(ResponseHead(status: status, headers: headers))
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append(HTTPHeader(String(text[..<colon]), String(value)))
        }
    }

    /// Accepts bytes of the body. Returns the result for curl's write callback.
    func receive(body bytes: UnsafeRawBufferPointer) -> Int {
        noteArrival()
        switch order.receiver {
        case .stream(let buffer):
            guard buffer.append(bytes) else {
                isPaused = true
                return Int(CURL_WRITEFUNC_PAUSE)
            }
        case .whole:
            guard body.count + bytes.count <= order.request.maximumBodyBytes else {
                failure = HTTPError(
                    .bodyTooLarge, "the answer is larger than \(order.request.maximumBodyBytes) bytes",
                    method: order.request.method, url: order.request.url)
                return -1
            }
            body.append(contentsOf: bytes)
        }
        return bytes.count
    }

    // MARK: The end

    /// Reports the result to the receiver.
    func finish(_ result: CURLcode) {
        if result == CURLE_OK {
            switch order.receiver {
            case .whole(let continuation):
                continuation.resume(returning: HTTPResponse(status: status, headers: headers, body: body))
            case .stream(let buffer):
                // For a protocol that sent no empty line; otherwise this does nothing.
                buffer.deliver(ResponseHead(status: status, headers: headers))
                buffer.end()
            }
            return
        }
        var sent = 0
        clibcurl_get_long(easy.pointer, CURLINFO_REQUEST_SIZE, &sent)
        var error =
            failure ?? HTTPError(result, text: String(cString: easy.message), requestBytes: sent, of: order.request)
        if isCertainlyUnseen, error.code == .connectionLost { error.mayHaveBeenSent = false }
        order.fail(error)
    }
}

extension Duration {
    /// Whole milliseconds, rounded down; saturates.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        return product &+ attoseconds / 1_000_000_000_000_000
    }
}

private func beforeSending(
    _ context: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<CChar>?, _: UnsafeMutablePointer<CChar>?, _: Int32,
    _ localPort: Int32
) -> Int32 {
    guard let context else { return CURL_PREREQFUNC_ABORT }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.prepareToSend(localPort: localPort) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

private func listen(
    _: UnsafeMutableRawPointer?, _ kind: curl_infotype, _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard kind == CURLINFO_TEXT, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.receive(message: UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context else { return -1 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
}

private func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context else { return -1 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.receive(headerLine: UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}
