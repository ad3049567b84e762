import FoundationEssentials
import JSON
import KubernetesModel

/// A value in a kubeconfig together with its place, for error messages.
struct KubeconfigField: Sendable {
    let value: JSONValue
    let file: String
    let path: String

    func error(_ message: String, at key: String? = nil) -> ConfigurationError {
        ConfigurationError(message, file: file, path: key.map(below) ?? (path.isEmpty ? nil : path))
    }

    private func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The field of a mapping; nil if it is missing or null. Throws ``ConfigurationError`` if this is not a mapping.
    func field(_ key: String) throws -> KubeconfigField? {
        guard value.object != nil else { throw error("expected a mapping, found \(value.kindName)") }
        guard let child = value[key], !child.isNull else { return nil }
        return KubeconfigField(value: child, file: file, path: below(key))
    }

    /// A string; nil if it is missing, null or empty. Throws ``ConfigurationError`` for any other value.
    func string(_ key: String) throws -> String? {
        guard let field = try field(key) else { return nil }
        guard let text = field.value.string else {
            throw field.error("expected a string, found \(field.value.kindName)")
        }
        return text.isEmpty ? nil : text
    }

    func bool(_ key: String) throws -> Bool {
        guard let field = try field(key) else { return false }
        guard let flag = field.value.bool else {
            throw field.error("expected true or false, found \(field.value.kindName)")
        }
        return flag
    }

    /// The elements of a list; none if it is missing or null. Throws ``ConfigurationError`` for any other value.
    func elements(_ key: String) throws -> [KubeconfigField] {
        guard let field = try field(key) else { return [] }
        guard let array = field.value.array else { throw field.error("expected a list, found \(field.value.kindName)") }
        return array.enumerated().map {
            KubeconfigField(value: $1, file: file, path: "\(field.path)[\($0)]")
        }
    }

    func strings(_ key: String) throws -> [String] {
        try elements(key).map { element in
            guard let text = element.value.string else {
                throw element.error("expected a string, found \(element.value.kindName)")
            }
            return text
        }
    }

    /// Bytes from base64. Throws ``ConfigurationError`` for any other value.
    func data(_ key: String) throws -> [UInt8]? {
        guard let text = try string(key) else { return nil }
        let plain = text.filter { !$0.isWhitespace }
        guard let bytes = Base64.decode(plain), !bytes.isEmpty else { throw error("expected base64", at: key) }
        return bytes
    }

    /// PEM, from base64 in one field or from the file that another field names. Throws ``ConfigurationError``.
    func pem(_ dataKey: String, _ fileKey: String) throws -> [UInt8]? {
        let (bytes, key): ([UInt8], String)
        if let data = try data(dataKey) {
            (bytes, key) = (data, dataKey)
        } else if let path = try filePath(fileKey) {
            do {
                (bytes, key) = (try FileContents.read(path), fileKey)
            } catch let failure as FileContents.Failure {
                throw error("the file \(failure)", at: fileKey)
            }
        } else {
            return nil
        }
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else {
            throw error("expected PEM (a block that begins with -----BEGIN)", at: key)
        }
        return bytes
    }

    /// An absolute path. Relative ones are resolved against the kubeconfig's directory. Throws ``ConfigurationError``
    /// if it is not a string.
    func filePath(_ key: String) throws -> String? { try string(key).map(resolve) }

    /// Resolves a path against the kubeconfig's directory.
    func resolve(_ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}
