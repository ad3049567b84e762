import CLibcurl

extension HTTPError {
    /// Translates curl's result. `text` is curl's own message, `requestBytes` the number of bytes that have been sent.
    init(_ result: CURLcode, text: String, requestBytes: Int, of request: HTTPRequest) {
        let code: Code =
            switch result {
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT: .invalidRequest
            case CURLE_COULDNT_RESOLVE_HOST: .resolve
            case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy
            case CURLE_COULDNT_CONNECT: .connect
            // Connecting is the only time-out that curl is given; the others are in `TransferLoop`.
            case CURLE_OPERATION_TIMEDOUT: .connectTimeout
            case CURLE_SSL_CONNECT_ERROR: .handshake
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ISSUER_ERROR,
                CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
                .tls
            case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_HTTP2,
                CURLE_HTTP2_STREAM:
                .connectionLost
            default: .other
            }
        let isBeforeSending =
            switch code {
            case .invalidRequest, .resolve, .connect, .connectTimeout, .handshake, .tls, .proxy: requestBytes == 0
            default: false
            }
        let general = String(cString: curl_easy_strerror(result))
        self.init(
            code, text.isEmpty ? general : text, method: request.method, url: request.url,
            mayHaveBeenSent: !isBeforeSending)
    }
}
