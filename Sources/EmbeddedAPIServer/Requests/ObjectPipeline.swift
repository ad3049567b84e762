import JSON
import KubernetesModel
import KubernetesSchema

/// The steps between the body of a request and the store. All are pure functions but for random names.
struct ObjectPipeline: Sendable {
    let resource: ResourceDefinition
    let now: Timestamp

    /// `Strict`, `Warn` (the default) or `Ignore`.
    enum FieldValidation: String, Sendable { case strict = "Strict", warn = "Warn", ignore = "Ignore" }

    private var strategy: any ResourceStrategy { resource.strategy }

    /// The `fieldValidation` parameter. Throws `APIStatus` 422 for an unknown value.
    static func fieldValidation(_ request: InboundRequest) throws -> FieldValidation {
        guard let text = request.nonEmptyParameter("fieldValidation") else { return .warn }
        guard let value = FieldValidation(rawValue: text) else {
            throw APIStatus.invalid(
                kind: "CreateOptions", group: "meta.k8s.io", name: "",
                [.notSupported("fieldValidation", .string(text), ["", "Ignore", "Strict", "Warn"])])
        }
        return value
    }

    /// Checks kind and types, drops unknown fields and sets defaults. Returns warnings for the client. Throws
    /// `APIStatus` 400, and 422 for a custom resource of another kind.
    func decode(_ object: inout JSONValue, _ validation: FieldValidation) throws -> [String] {
        guard object.object != nil else {
            throw APIStatus.badRequest(
                "the object provided is unrecognized (must be of type \(resource.kind)): couldn't get version/kind;"
                    + " json parse error: the body is not an object")
        }
        try checkKind(&object)
        let unknown = strategy.unknownFields(in: object).map { "unknown field \"\($0)\"" }
        if validation == .strict, !unknown.isEmpty {
            throw APIStatus.badRequest(
                "\(resource.kind) in version \"\(resource.version)\" cannot be handled as a \(resource.kind): strict"
                    + " decoding error: \(unknown.joined(separator: ", "))")
        }
        let shape: FieldType =
            strategy.isCustom ? .object(BuiltinTypes.fields(of: "Object"), rest: .any) : strategy.type
        if let error = shape.typeError(in: object) {
            throw APIStatus.badRequest(
                "\(resource.kind) in version \"\(resource.version)\" cannot be handled as a \(resource.kind): json: cannot"
                    + " unmarshal \(error.found) into Go struct field \(resource.kind).\(error.path) of type"
                    + " \(error.expected)")
        }
        strategy.applyDefaults(&object)
        Self.normalizeMetadata(&object)
        return validation == .ignore ? [] : unknown
    }

    private func checkKind(_ object: inout JSONValue) throws {
        let kind = object["kind"]?.string ?? ""
        let apiVersion = object["apiVersion"]?.string ?? ""
        if strategy.isCustom {
            var errors: [FieldError] = []
            if kind != resource.kind {
                if kind.isEmpty {
                    throw APIStatus.badRequest(
                        "the object provided is unrecognized (must be of type \(resource.kind)): Object 'Kind' is missing in"
                            + " '\(object.text.prefix(200))'")
                }
                errors.append(.invalid("kind", .string(kind), "must be \(resource.kind)"))
            }
            if apiVersion != resource.apiVersion {
                errors.append(.invalid("apiVersion", .string(apiVersion), "must be \(resource.apiVersion)"))
            }
            if !errors.isEmpty {
                throw APIStatus.invalid(
                    kind: kind, group: resource.group, name: object["metadata"]?["name"]?.string ?? "", errors)
            }
            return
        }
        if !kind.isEmpty, kind != resource.kind || (!apiVersion.isEmpty && apiVersion != resource.apiVersion) {
            throw APIStatus.badRequest(
                "\(kind) in version \"\(apiVersion.split(separator: "/").last ?? "")\" cannot be handled as a"
                    + " \(resource.kind): no kind \"\(kind)\" is registered for version \"\(apiVersion)\"")
        }
        object["kind"] = .string(resource.kind)
        object["apiVersion"] = .string(resource.apiVersion)
    }

    /// Drops empty maps, lists and strings from the metadata, as Go does when it writes them.
    static func normalizeMetadata(_ object: inout JSONValue) {
        var metadata = object["metadata"]?.object ?? JSONObject()
        for name in ["labels", "annotations", "ownerReferences", "finalizers", "generateName", "selfLink"] {
            switch metadata[name] {
            case .object(let fields)? where fields.isEmpty: metadata[name] = nil
            case .array(let items)? where items.isEmpty: metadata[name] = nil
            case .null?, "": metadata[name] = nil
            default: break
            }
        }
        object["metadata"] = .object(metadata)
    }

    /// The metadata that only the server sets.
    private static let serverFields = [
        "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink",
        "resourceVersion", "managedFields",
    ]

    /// Sets what a new object gets from the server: name, UID, times, generation, status.
    func initialize(_ object: inout JSONValue, namespace: String) {
        var metadata = object["metadata"] ?? [:]
        for field in Self.serverFields { metadata[field] = nil }
        if let generate = metadata["generateName"]?.string, metadata["name"]?.string ?? "" == "" {
            metadata["name"] = .string(generate.prefix(58) + Identity.suffix())
        }
        if resource.isNamespaced { metadata["namespace"] = .string(namespace) } else { metadata["namespace"] = nil }
        metadata["uid"] = .string(Identity.uid())
        metadata["creationTimestamp"] = .string(now.wholeSecond.rfc3339)
        if strategy.tracksGeneration { metadata["generation"] = 1 }
        object["metadata"] = metadata
        if resource.hasStatus, !strategy.keepsStatusAtCreation { object["status"] = strategy.skeleton["status"] }
        strategy.prepareForCreate(&object, now: now)
    }

    /// Restores the fields that this request may not change, and counts up the generation.
    func reconcile(_ object: inout JSONValue, with old: JSONValue, subresource: String?) {
        var metadata = object["metadata"] ?? [:]
        let oldMetadata = old["metadata"] ?? [:]
        for field in Self.serverFields where field != "managedFields" { metadata[field] = oldMetadata[field] }
        if resource.isNamespaced { metadata["namespace"] = oldMetadata["namespace"] }
        object["metadata"] = metadata
        switch subresource {
        case "status":
            // Only the status may change; for built-in kinds also metadata such as labels and annotations.
            var result = old
            result["status"] = object["status"]
            if !strategy.isCustom {
                metadata["ownerReferences"] = oldMetadata["ownerReferences"]
                metadata["finalizers"] = oldMetadata["finalizers"]
                result["metadata"] = metadata
            } else {
                var kept = oldMetadata
                kept["managedFields"] = metadata["managedFields"]
                result["metadata"] = kept
            }
            object = result
        default:
            if resource.hasStatus { object["status"] = old["status"] }
        }
        strategy.prepareForUpdate(&object, old: old, subresource: subresource)
        if strategy.tracksGeneration, subresource != "status", Self.content(object) != Self.content(old) {
            bumpGeneration(&object)
        }
    }

    /// Counts up `metadata.generation`, if the kind has one.
    func bumpGeneration(_ object: inout JSONValue) {
        guard strategy.tracksGeneration else { return }
        var metadata = object["metadata"] ?? [:]
        metadata["generation"] = .int((metadata["generation"]?.int ?? 0) + 1)
        object["metadata"] = metadata
    }

    /// The object without metadata and status.
    private static func content(_ object: JSONValue) -> JSONValue {
        var object = object
        object["metadata"] = nil
        object["status"] = nil
        return object
    }

    /// Validates an object; `old` is nil at creation. Throws `APIStatus` 422 with all errors.
    func validate(_ object: JSONValue, old: JSONValue?, subresource: String? = nil) throws {
        let name = object["metadata"]?["name"]?.string ?? ""
        var errors = MetadataRules.errors(object, old: old, strategy: strategy, isNamespaced: resource.isNamespaced)
        if old != nil, strategy.isCustom { errors += errors }  // Kubernetes checks, and reports, them twice
        errors += strategy.validate(object, old: old, subresource: subresource)
        if !errors.isEmpty { throw APIStatus.invalid(resource, name, errors) }
    }
}

/// Random names and identifiers.
enum Identity {
    /// Five random characters, without vowels so that they do not form words.
    static func suffix() -> String {
        let alphabet = Array("bcdfghjklmnpqrstvwxz2456789")
        return String((0..<5).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
    }

    /// A random UUID (version 4).
    static func uid() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
