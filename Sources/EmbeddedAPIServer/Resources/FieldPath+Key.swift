import KubernetesModel

extension FieldPath {
    /// The path of an entry of the map here, with the key in brackets as Kubernetes writes it: `data[ca.crt]`.
    func key(_ key: String) -> FieldPath {
        guard case .field(let name)? = steps.last else { return field("[\(key)]") }
        return parent.field("\(name)[\(key)]")
    }
}
