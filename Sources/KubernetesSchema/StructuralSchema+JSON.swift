public import JSON
public import KubernetesModel

/// Why a JSON tree is not a valid structural schema.
public struct SchemaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The place in the schema.
    public var path: FieldPath
    public var message: String

    public var description: String { path.steps.isEmpty ? message : "\(path): \(message)" }
}

extension StructuralSchema: JSONWritable {
    /// Reads the `openAPIV3Schema` of a CustomResourceDefinition. Throws ``SchemaError`` with the place in the schema
    /// when it is not a valid structural schema.
    public init(openAPI json: JSONValue, at path: FieldPath = .root) throws {
        guard let members = json.object else { throw SchemaError(path: path, message: "a schema must be an object") }
        guard path.steps.count < JSONReader.maximumDepth else {
            throw SchemaError(path: path, message: "the schema is nested too deep")
        }
        var fields = Fields()
        for (key, value) in members {
            let member = MemberReader(key: key, value: value, path: path.field(key))
            try Self.read(member, into: &fields)
        }
        self.init(fields)
    }

    private static func read(_ member: MemberReader, into fields: inout Fields) throws {
        switch member.key {
        case "type":
            guard let type = ValueType(rawValue: try member.string()) else {
                throw member.error("must be one of object, array, string, integer, number, boolean")
            }
            fields.type = type
        case "description": fields.description = try member.string()
        case "format": fields.format = try member.string()
        case "nullable": fields.isNullable = try member.bool()
        case "default": fields.defaultValue = member.value
        case "enum": fields.allowedValues = try member.array()
        case "properties": fields.properties = try member.schemas()
        case "required": fields.required = try member.strings()
        case "additionalProperties":
            if let flag = member.value.bool {
                fields.additionalProperties = .allowed(flag)
            } else {
                fields.additionalProperties = .schema(try member.schema())
            }
        case "minProperties": fields.minimumProperties = try member.count()
        case "maxProperties": fields.maximumProperties = try member.count()
        case "items": fields.items = try member.schema()
        case "minItems": fields.minimumItems = try member.count()
        case "maxItems": fields.maximumItems = try member.count()
        case "uniqueItems": fields.hasUniqueItems = try member.bool()
        case "minimum": fields.minimum = try member.number()
        case "maximum": fields.maximum = try member.number()
        case "exclusiveMinimum": fields.isMinimumExclusive = try member.bool()
        case "exclusiveMaximum": fields.isMaximumExclusive = try member.bool()
        case "multipleOf": fields.multipleOf = try member.number()
        case "minLength": fields.minimumLength = try member.count()
        case "maxLength": fields.maximumLength = try member.count()
        case "pattern":
            do {
                fields.pattern = try Pattern(try member.string())
            } catch let error as PatternError {
                throw member.error(error.description)
            }
        case "allOf": fields.allOf = try member.schemaList()
        case "anyOf": fields.anyOf = try member.schemaList()
        case "oneOf": fields.oneOf = try member.schemaList()
        case "not": fields.not = try member.schema()
        case "x-kubernetes-int-or-string": fields.isIntOrString = try member.bool()
        case "x-kubernetes-preserve-unknown-fields": fields.preservesUnknownFields = try member.bool()
        case "x-kubernetes-embedded-resource": fields.isEmbeddedResource = try member.bool()
        case "x-kubernetes-list-type":
            guard let type = ListType(rawValue: try member.string()) else {
                throw member.error("must be one of atomic, set, map")
            }
            fields.listType = type
        case "x-kubernetes-list-map-keys": fields.listMapKeys = try member.strings()
        case "x-kubernetes-map-type": fields.mapType = try member.string()
        case "x-kubernetes-validations":
            fields.rules = try member.array().map { rule in
                guard var others = rule.object, let text = others["rule"]?.string else {
                    throw member.error("each entry must be an object with a rule")
                }
                let message = others["message"]?.string
                others["rule"] = nil
                others["message"] = nil
                return ValidationRule(text, message: message, others: others)
            }
        default: fields.others[member.key] = member.value
        }
    }

    /// The schema as it is written in a CustomResourceDefinition.
    public var json: JSONValue {
        let fields = self.fields
        var members = fields.others
        func set(_ key: String, _ value: JSONValue?) { if let value { members[key] = value } }
        func set(_ key: String, _ flag: Bool) { if flag { members[key] = true } }
        func set(_ key: String, _ count: Int?) { if let count { members[key] = .int(Int64(count)) } }
        func set(_ key: String, _ number: Double?) {
            if let number { members[key] = Int64(exactly: number).map(JSONValue.int) ?? .double(number) }
        }
        func set(_ key: String, _ strings: [String]) { if !strings.isEmpty { members[key] = JSONValue(strings) } }
        func set(_ key: String, _ schemas: [StructuralSchema]) {
            if !schemas.isEmpty { members[key] = .array(schemas.map(\.json)) }
        }
        set("type", fields.type.map { .string($0.rawValue) })
        set("description", fields.description.map(JSONValue.string))
        set("format", fields.format.map(JSONValue.string))
        set("nullable", fields.isNullable)
        set("default", fields.defaultValue)
        if !fields.allowedValues.isEmpty { members["enum"] = .array(fields.allowedValues) }
        if !fields.properties.isEmpty {
            members["properties"] = .object(JSONObject(fields.properties.map { ($0.key, $0.value.json) }))
        }
        set("required", fields.required)
        switch fields.additionalProperties {
        case .allowed(let flag): members["additionalProperties"] = .bool(flag)
        case .schema(let schema): members["additionalProperties"] = schema.json
        case nil: break
        }
        set("minProperties", fields.minimumProperties)
        set("maxProperties", fields.maximumProperties)
        set("items", fields.items?.json)
        set("minItems", fields.minimumItems)
        set("maxItems", fields.maximumItems)
        set("uniqueItems", fields.hasUniqueItems)
        set("minimum", fields.minimum)
        set("maximum", fields.maximum)
        set("exclusiveMinimum", fields.isMinimumExclusive)
        set("exclusiveMaximum", fields.isMaximumExclusive)
        set("multipleOf", fields.multipleOf)
        set("minLength", fields.minimumLength)
        set("maxLength", fields.maximumLength)
        set("pattern", fields.pattern.map { .string($0.text) })
        set("allOf", fields.allOf)
        set("anyOf", fields.anyOf)
        set("oneOf", fields.oneOf)
        set("not", fields.not?.json)
        set("x-kubernetes-int-or-string", fields.isIntOrString)
        set("x-kubernetes-preserve-unknown-fields", fields.preservesUnknownFields)
        set("x-kubernetes-embedded-resource", fields.isEmbeddedResource)
        set("x-kubernetes-list-type", fields.listType.map { .string($0.rawValue) })
        set("x-kubernetes-list-map-keys", fields.listMapKeys)
        set("x-kubernetes-map-type", fields.mapType.map(JSONValue.string))
        if !fields.rules.isEmpty {
            members["x-kubernetes-validations"] = .array(
                fields.rules.map { rule in
                    var entry = rule.others
                    entry["rule"] = .string(rule.rule)
                    entry["message"] = rule.message.map(JSONValue.string)
                    return .object(entry)
                })
        }
        return .object(members)
    }
}

/// Reads one member of a schema into ``StructuralSchema/Fields``.
private struct MemberReader {
    var key: String
    var value: JSONValue
    var path: FieldPath

    func error(_ message: String) -> SchemaError { SchemaError(path: path, message: message) }

    private func need<Value>(_ value: Value?, _ what: String) throws -> Value {
        guard let value else { throw error("must be \(what)") }
        return value
    }

    func string() throws -> String { try need(value.string, "a string") }
    func bool() throws -> Bool { try need(value.bool, "a boolean") }
    func number() throws -> Double { try need(value.double, "a number") }
    func count() throws -> Int { try need(value.int.flatMap { $0 >= 0 ? Int($0) : nil }, "a whole number, 0 or more") }
    func array() throws -> [JSONValue] { try need(value.array, "an array") }
    func strings() throws -> [String] { try need(value.strings, "an array of strings") }
    func schema() throws -> StructuralSchema { try StructuralSchema(openAPI: value, at: path) }

    func schemaList() throws -> [StructuralSchema] {
        try array().enumerated().map { try StructuralSchema(openAPI: $0.element, at: path.index($0.offset)) }
    }

    func schemas() throws -> [String: StructuralSchema] {
        var result: [String: StructuralSchema] = [:]
        for (name, json) in try need(value.object, "an object") {
            result[name] = try StructuralSchema(openAPI: json, at: path.field(name))
        }
        return result
    }
}
