import HTTPTypes
import HummingbirdCore
import KubernetesModel
import Logging
import NIOCore
import NIOPosix
import TLSServer

/// The socket before the API server: HTTPS on loopback, the token, and Hummingbird's requests turned into ours.
struct HTTPFront: Sendable {
    let access: AccessControl
    let maximumBodySize: Int
    let respond: @Sendable (APIRequest) async -> APIResponse

    /// Serves until the task is cancelled. `onListening` gets the port.
    func run(
        port: Int, provider: TLSContextProvider, logger: Logger, onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        let hangUps = HangUps()
        // The server takes its own cancellation for an error worth a line.
        var frontLogger = logger
        if frontLogger.logLevel > .debug { frontLogger.logLevel = .critical }
        let channel = HTTP1Channel(
            responder: { request, writer, channel in try await answer(request, writer, channel, hangUps) },
            configuration: .init(additionalChannelHandlers: [hangUps.makeHandler()]))
        let server = Server(
            childChannelSetup: OpenSSLChannel(channel, provider: provider),
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? port) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: frontLogger)
        try await withTaskCancellationHandler {
            try await server.run()
        } onCancel: {
            Task {
                do {
                    try await server.shutdownGracefully()
                } catch {
                    logger.debug("the server's end: \(error)")
                }
            }
        }
    }

    private func answer(
        _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel, _ hangUps: HangUps
    ) async throws {
        let headers = request.headers
        // HTTP/1.1's Host header is the authority here.
        let response: APIResponse
        if let refusal = access.refusal(
            host: request.head.authority, origin: headers[.origin],
            authorization: headers[.authorization])
        {
            response = APIResponse(refusal)
        } else {
            response = await self.response(to: request)
        }
        var head = HTTPResponse(status: .init(code: response.status))
        head.headerFields[.contentType] = response.contentType
        head.headerFields[.cacheControl] = "no-cache, private"
        for (name, value) in response.headers {
            if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
        }
        switch response.body {
        case .bytes(let bytes):
            head.headerFields[.contentLength] = String(bytes.count)
            if request.method == .head {
                try await writer.writeResponse(head)
            } else {
                try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            }
        case .stream(let produce):
            let output = Output(try await writer.writeHead(head))
            try await hangUps.cancelling(channel) {
                try await produce { bytes in
                    if !bytes.isEmpty { try await output.writer.write(ByteBuffer(bytes: bytes)) }
                }
                try await output.writer.finish(nil)
            }
        }
    }

    private func response(to request: Request) async -> APIResponse {
        let headers = request.headers
        do {
            let body = try await request.body.collect(upTo: maximumBodySize)
            let api = APIRequest(
                request.method.rawValue, request.head.path ?? "/", accept: headers[.accept] ?? "",
                contentType: headers[.contentType] ?? "", userAgent: headers[.userAgent] ?? "",
                body: Array(body.readableBytesView))
            return await respond(api)
        } catch is NIOTooManyBytesError {
            return APIResponse(
                APIStatus(
                    code: 413, reason: "RequestEntityTooLarge",
                    message: "Request entity too large: limit is \(maximumBodySize)"))
        } catch {
            return APIResponse(.badRequest("the request's body could not be read: \(error)"))
        }
    }
}

/// The writer of a running response, handed to the task that produces its body.
private final class Output: @unchecked Sendable {
    // @unchecked: the task that makes the response waits while the one task that it started uses this.
    var writer: any ResponseBodyWriter

    init(_ writer: some ResponseBodyWriter) { self.writer = writer }
}
