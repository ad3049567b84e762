import JSON
import KubernetesModel
import YAML

/// Reads apply configurations in YAML.
enum ApplyYAML {
    /// Parses one document. Throws `APIStatus` 400 when it is not valid YAML.
    static func parse(_ bytes: [UInt8]) throws -> JSONValue {
        do {
            let documents = try YAMLReader.parse(bytes: bytes)
            guard documents.count == 1, let document = documents.first else {
                throw APIStatus.badRequest("error decoding YAML: expected one document, found \(documents.count)")
            }
            return document.value
        } catch let error as YAMLError {
            throw APIStatus.badRequest("error decoding YAML: \(error)")
        }
    }
}
