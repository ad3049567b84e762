import CurlHTTP
public import JSON

/// The events of a watch, in batches. Each element contains the events that one arrival of bytes has completed, and is
/// never empty.
///
/// It has a single reader. The stream ends when the server ends the watch, when the last reference to it is dropped,
/// and when the task is cancelled.
public struct WatchStream<Object: JSONReadable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = [WatchEvent<Object>]

    private let stream: HTTPStream
    private let decoder: WatchDecoder<Object>
    private let url: String

    init(_ stream: HTTPStream, decoder: WatchDecoder<Object>, url: String) {
        self.stream = stream
        self.decoder = decoder
        self.url = url
    }

    /// Ends the watch. A reader gets `CancellationError`.
    public func cancel() { stream.cancel() }

    public func makeAsyncIterator() -> Iterator { Iterator(stream: stream, decoder: decoder, url: url) }

    /// Steps through the batches.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: HTTPStream
        var decoder: WatchDecoder<Object>
        let url: String
        var failure: (any Error)?
        var isFinished = false

        init(stream: HTTPStream, decoder: WatchDecoder<Object>, url: String) {
            self.stream = stream
            self.decoder = decoder
            self.url = url
        }

        /// Returns the next batch, or nil when the server has ended the watch. Throws ``KubernetesClientError`` when
        /// the watch broke or cannot be decoded, and `CancellationError`.
        public mutating func next() async throws -> [WatchEvent<Object>]? {
            while true {
                if let failure {
                    stream.cancel()
                    throw KubernetesClientError(
                        .unexpectedBody, "the rest of the watch cannot be read: \(failure)", method: "GET", url: url)
                }
                if isFinished { return nil }
                let bytes: [UInt8]?
                do {
                    bytes = try await stream.next()
                } catch let error as HTTPError {
                    throw KubernetesClientError(.transport, error.message, method: "GET", url: url, transport: error)
                }
                let events: [WatchEvent<Object>]
                if let bytes {
                    (events, failure) = decoder.feed(bytes)
                } else {
                    isFinished = true
                    (events, failure) = decoder.finish()
                }
                if !events.isEmpty { return events }
            }
        }
    }
}
