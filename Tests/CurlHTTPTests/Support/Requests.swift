import CurlHTTP
import Foundation
import Testing

extension HTTPClient {
    /// A client that uses no proxy.
    static func plain(_ change: (inout Configuration) -> Void = { _ in }) throws -> HTTPClient {
        var configuration = Configuration()
        configuration.proxy = .none
        change(&configuration)
        return try HTTPClient(configuration: configuration)
    }

    func echo(_ request: HTTPRequest) async throws -> TestServer.Echo {
        let response = try await send(request)
        #expect(response.status == 200)
        return try JSONDecoder().decode(TestServer.Echo.self, from: Data(response.body))
    }
}

/// The error that `body` throws, or a recorded issue.
func httpError(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> HTTPError {
    try #require(
        await #expect(throws: HTTPError.self, sourceLocation: sourceLocation) { try await body() },
        sourceLocation: sourceLocation)
}
