import KubernetesModel

/// Apply configurations in YAML.
enum ApplyYAML {
    /// Parses one document. Throws 400 for what is no YAML.
    static func parse(_ bytes: [UInt8]) throws -> JSONValue {
        throw APIStatus.badRequest("error decoding YAML: only JSON is understood")
    }
}
