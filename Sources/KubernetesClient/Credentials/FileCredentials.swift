import CurlHTTP
import Synchronization

/// Credentials in files that other programs replace: a service account's token, renewed certificates.
///
/// The files are checked before every request and read again when they have changed. If a file cannot be read, or holds
/// nothing that can be used, for example while it is being written, its last content is used.
final class FileCredentials: CredentialSource {
    private let token: WatchedFile?
    private let certificate: WatchedFile?
    private let key: WatchedFile?
    private let fixed: Credentials

    /// Creates a source of credentials from the given files, and from `fixed` for the rest.
    init(
        tokenFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        fixed: Credentials = Credentials()
    ) {
        token = tokenFile.map { WatchedFile($0, what: "token file") { Self.words($0).count == 1 } }
        certificate = certificateFile.map {
            WatchedFile($0, what: "client certificate", isUsable: WatchedFile.isCompletePEM)
        }
        key = keyFile.map { WatchedFile($0, what: "client key", isUsable: WatchedFile.isCompletePEM) }
        self.fixed = fixed
    }

    func credentials() async throws -> Credentials {
        var result = fixed
        if let token {
            let trimmed = Self.words(try token.contents())
            guard trimmed.count == 1 else {
                throw CredentialError("the token file \(token.path) must contain one token, found \(trimmed.count)")
            }
            result.authorization = "Bearer \(trimmed[0])"
        }
        if certificate != nil || key != nil {
            let identity = result.identity
            result.identity = TLSConfiguration.Identity(
                certificate: try certificate?.contents() ?? identity?.certificate ?? [],
                key: try key?.contents() ?? identity?.key ?? [])
        }
        return result
    }

    private static func words(_ bytes: [UInt8]) -> [Substring] {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    }

    func refresh(after refused: Credentials) async -> Bool {
        // If they can no longer be read, the server's refusal is the better error to report.
        guard let now = try? await credentials() else { return false }
        return now != refused
    }
}

/// A file that is read again when it has changed.
final class WatchedFile: Sendable {
    let path: String
    private let what: String
    private let isUsable: @Sendable ([UInt8]) -> Bool
    private let last = Mutex<(identity: FileContents.Identity, bytes: [UInt8])?>(nil)

    /// Creates a file of which nothing has been read. `isUsable` tells a content from one that is still being written.
    init(_ path: String, what: String, isUsable: @escaping @Sendable ([UInt8]) -> Bool) {
        self.path = path
        self.what = what
        self.isUsable = isUsable
    }

    /// Whether the last block that begins also ends.
    static func isCompletePEM(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        let (begins, ends) = (text.ranges(of: "-----BEGIN "), text.ranges(of: "-----END "))
        return !begins.isEmpty && begins.count == ends.count
    }

    /// Returns the content of the file, or the last content if it cannot be read or used now. Throws
    /// ``CredentialError`` when it has never been read.
    func contents() throws -> [UInt8] {
        try last.withLock { last in
            do {
                let identity = try FileContents.identity(of: path)
                if let last, last.identity == identity { return last.bytes }
                let bytes = try FileContents.read(path)
                // Not noted, so that the rest is read when it is there, even if the file's time stays the same.
                if !isUsable(bytes) { return last?.bytes ?? bytes }
                last = (identity, bytes)
                return bytes
            } catch let error as FileContents.Failure {
                if let last { return last.bytes }
                throw CredentialError("the \(what) \(error)")
            }
        }
    }
}
