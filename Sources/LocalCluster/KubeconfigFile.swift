import JSON
import YAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file into which a running cluster writes its kubeconfig.
///
/// The cluster that wrote it last holds a lock on it until its process ends, however that ends, so that another one does
/// not take it away. A file that holds anything but the kubeconfig of an embedded cluster is never replaced.
public final class KubeconfigFile: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Throws ``FileFailure`` when ``publish(_:at:)`` would refuse to write there.
    public static func check(_ path: String) throws {
        if let old = try Existing(path) { close(old.descriptor) }
    }

    /// Writes the kubeconfig, whole or not at all, and keeps others from replacing it while the result is alive. Throws
    /// ``FileFailure``.
    public static func publish(_ kubeconfig: String, at path: String) throws -> KubeconfigFile {
        let (temporary, descriptor) = try PrivateFile.create(Array(kubeconfig.utf8), beside: path)
        let file = KubeconfigFile(descriptor)
        defer { unlink(temporary) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw FileFailure.system("cannot lock the new \(path)") }
        for _ in 0..<100 {
            if let old = try Existing(path) {
                defer { close(old.descriptor) }
                // Another process may have replaced the file before it was locked.
                guard old.isStill(at: path) else { continue }
                guard rename(temporary, path) == 0 else { throw FileFailure.system("cannot write \(path)") }
                return file
            }
            if link(temporary, path) == 0 { return file }
            if errno == EEXIST { continue }
            // Some file systems have no links.
            guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno), rename(temporary, path) == 0 else {
                throw FileFailure.system("cannot write \(path)")
            }
            return file
        }
        throw FileFailure("cannot write \(path): others keep replacing it")
    }

    /// A kubeconfig that may be replaced, open and locked.
    private struct Existing {
        let descriptor: Int32

        /// nil when there is no file.
        init?(_ path: String) throws {
            let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else {
                // A link to nowhere is not replaced: its author may have meant something by it.
                var status = stat()
                if errno == ENOENT, lstat(path, &status) != 0 { return nil }
                throw FileFailure.system("cannot read \(path)")
            }
            self.descriptor = descriptor
            do {
                let bytes = try PrivateFile.read(descriptor, path)
                guard KubeconfigFile.isReplaceable(bytes) else {
                    throw FileFailure(
                        "\(path) holds a kubeconfig or something else that Sluice has not written, and is not replaced:"
                            + " give another file with --kubeconfig")
                }
                guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                    throw FileFailure(
                        "\(path) is the kubeconfig of another sluice up, which still runs: stop that one, or give another"
                            + " file with --kubeconfig")
                }
            } catch {
                close(descriptor)
                throw error
            }
        }

        func isStill(at path: String) -> Bool {
            var (mine, there) = (stat(), stat())
            return fstat(descriptor, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev
                && mine.st_ino == there.st_ino
        }
    }

    /// Whether a file is empty or names nothing but embedded clusters, on loopback. kubectl may have changed it since
    /// it was written, so its text is not compared.
    static func isReplaceable(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.allSatisfy(\.isWhitespace) { return true }
        guard let documents = try? YAMLReader.parse(text, file: nil), documents.count == 1,
            let config = documents.first?.value, config["kind"] == "Config",
            let clusters = config["clusters"]?.array, let users = config["users"]?.array, !clusters.isEmpty
        else { return false }
        return clusters.allSatisfy {
            $0["name"] == "sluice" && $0["cluster"]?["server"]?.string?.hasPrefix("https://127.0.0.1:") == true
        } && users.allSatisfy { $0["name"] == "sluice" }
    }
}
