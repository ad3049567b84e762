import CLibcurl

/// The URL for curl, changed so that a server name other than the URL's host can be used.
///
/// curl takes the name for SNI and verification from the URL. For another name, the URL gets that name, CONNECT_TO
/// directs the connection to the real host, and the Host header (HTTP/2: `:authority`) names the real host.
struct RequestTarget {
    let url: String
    let scheme: String
    let host: String
    let port: Int
    let connectTo: String?
    let hostHeader: String?

    init(_ request: HTTPRequest, serverName: String?) throws {
        func invalid(_ code: CURLUcode) -> HTTPError {
            HTTPError(
                .invalidRequest, "not a valid URL: \(String(cString: curl_url_strerror(code)))",
                method: request.method, url: request.url, mayHaveBeenSent: false)
        }
        guard let parts = curl_url() else { throw invalid(CURLUE_OUT_OF_MEMORY) }
        defer { curl_url_cleanup(parts) }
        let flags = UInt32(CURLU_PATH_AS_IS)
        let code = curl_url_set(parts, CURLUPART_URL, request.url, flags)
        guard code == CURLUE_OK else { throw invalid(code) }
        func part(_ part: CURLUPart, _ flags: Int32 = 0) throws -> String {
            var text: UnsafeMutablePointer<CChar>?
            let code = curl_url_get(parts, part, &text, UInt32(flags))
            guard code == CURLUE_OK, let text else { throw invalid(code) }
            defer { curl_free(text) }
            return String(cString: text)
        }
        scheme = try part(CURLUPART_SCHEME).lowercased()
        guard scheme == "http" || scheme == "https" else { throw invalid(CURLUE_UNSUPPORTED_SCHEME) }
        host = try part(CURLUPART_HOST)
        let portText = try part(CURLUPART_PORT, CURLU_DEFAULT_PORT)
        port = Int(portText) ?? 0
        guard let serverName, !serverName.isEmpty, serverName != host, scheme == "https" else {
            url = request.url
            connectTo = nil
            hostHeader = nil
            return
        }
        let isDefaultPort = scheme == "https" && port == 443
        hostHeader = isDefaultPort ? host : "\(host):\(port)"
        connectTo = "::\(host):\(port)"
        let setCode = curl_url_set(parts, CURLUPART_HOST, serverName, 0)
        guard setCode == CURLUE_OK else { throw invalid(setCode) }
        url = try part(CURLUPART_URL)
    }
}
