import JSON

extension FieldType {
    /// The paths of the fields that are not part of this type.
    func unknownFields(in value: JSONValue, path: String = "") -> [String] {
        var found: [String] = []
        collectUnknown(in: value, path: path, into: &found)
        return found
    }

    private func collectUnknown(in value: JSONValue, path: String, into found: inout [String]) {
        switch (resolved, value) {
        case (.object, .object(let fields)), (.map, .object(let fields)):
            for (name, inner) in fields {
                let innerPath = path.isEmpty ? name : "\(path).\(name)"
                if let type = field(name) {
                    type.collectUnknown(in: inner, path: innerPath, into: &found)
                } else {
                    found.append(innerPath)
                }
            }
        case (.list(let element, _), .array(let elements)):
            for (index, inner) in elements.enumerated() {
                element.collectUnknown(in: inner, path: "\(path)[\(index)]", into: &found)
            }
        default: break
        }
    }

    /// Removes the fields that are not part of this type, and nulls, which mean "not set".
    func dropUnknownFields(in value: inout JSONValue) {
        switch (resolved, value) {
        case (.object, .object(let fields)), (.map, .object(let fields)):
            var kept = JSONObject()
            for (name, inner) in fields where !inner.isNull {
                guard let type = field(name) else { continue }
                var inner = inner
                type.dropUnknownFields(in: &inner)
                kept[name] = inner
            }
            value = .object(kept)
        case (.list(let element, _), .array(let elements)):
            value = .array(
                elements.map { inner in
                    var inner = inner
                    element.dropUnknownFields(in: &inner)
                    return inner
                })
        default: break
        }
    }

    /// The first place where the value does not have this type, in the words of Go's JSON decoder.
    func typeError(in value: JSONValue, path: String = "") -> (path: String, found: String, expected: String)? {
        if value.isNull { return nil }
        func mismatch(_ expected: String) -> (String, String, String) { (path, value.goKind, expected) }
        switch (resolved, value) {
        case (.scalar(.string), .string), (.scalar(.time), .string), (.scalar(.bytes), .string),
            (.scalar(.quantity), .string), (.scalar(.quantity), .int), (.scalar(.quantity), .double),
            (.scalar(.int), .int), (.scalar(.number), .int), (.scalar(.number), .double), (.scalar(.bool), .bool),
            (.scalar(.intOrString), .int), (.scalar(.intOrString), .string), (.any, _):
            return nil
        case (.scalar(.int), .double(let number)):
            return Int64(exactly: number) == nil ? (path, "number", "int64") : nil
        case (.scalar(let scalar), _): return mismatch(scalar.goName)
        case (.object, .object(let fields)), (.map, .object(let fields)):
            for (name, inner) in fields {
                if let error = field(name)?.typeError(in: inner, path: path.isEmpty ? name : "\(path).\(name)") {
                    return error
                }
            }
            return nil
        case (.list(let element, _), .array(let elements)):
            for inner in elements {
                if let error = element.typeError(in: inner, path: path) { return error }
            }
            return nil
        case (.object, _): return mismatch("struct")
        case (.map, _): return mismatch("map[string]string")
        case (.list, _): return mismatch("[]interface {}")
        case (.atomic, _), (.builtin, _): return nil  // resolved: cannot be
        }
    }
}

extension FieldType.Scalar {
    fileprivate var goName: String {
        switch self {
        case .string, .time, .bytes, .quantity, .intOrString: "string"
        case .int: "int64"
        case .number: "float64"
        case .bool: "bool"
        }
    }
}

extension JSONValue {
    /// The kind of the value as Go's JSON decoder calls it.
    var goKind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .int, .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
