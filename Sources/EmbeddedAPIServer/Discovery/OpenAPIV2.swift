import HTTPServing
import JSON

/// The OpenAPI v2 document, with the schemas of version 3 in the words of version 2. Current clients use version 3;
/// `kubectl explain -o plaintext-openapiv2` and older ones need this.
struct OpenAPIV2: Sendable {
    let registry: ResourceRegistry

    /// Answers in protobuf when the client asks for it, else in JSON.
    func respond(to request: InboundRequest) -> InboundResponse {
        if request.accept.contains("proto-openapi.spec.v2") {
            return InboundResponse(
                contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", body: .bytes(protobuf))
        }
        return InboundResponse([
            "swagger": "2.0", "info": ["title": "Kubernetes", "version": .string(Discovery.kubernetesVersion.git)],
            "paths": [:], "definitions": .object(definitions),
        ])
    }

    private var definitions: JSONObject {
        JSONObject(OpenAPIV3(registry: registry).schemas.map { ($0.key, Self.converted($0.value)) })
    }

    /// A schema in the words of version 2, which has no alternatives and no null.
    private static func converted(_ schema: JSONValue) -> JSONValue {
        var result = JSONObject()
        result["description"] = schema["description"]
        if let reference = (schema["$ref"] ?? schema["allOf"]?[0]?["$ref"])?.string {
            result["$ref"] = .string("#/definitions/" + (reference.split(separator: "/").last ?? ""))
            return .object(result)
        }
        for (name, value) in schema.object ?? [:] {
            switch name {
            case "type", "format", "required": result[name] = value
            case "items", "additionalProperties": result[name] = value.object == nil ? value : converted(value)
            case "properties":
                result[name] = .object(JSONObject((value.object ?? [:]).map { ($0.key, converted($0.value)) }))
            case _ where name.hasPrefix("x-kubernetes-"): result[name] = value
            default: break
            }
        }
        if schema["format"] == "int-or-string" { result["type"] = "string" }
        return .object(result)
    }

    // MARK: Protobuf

    /// The document as a `Document` of gnostic's OpenAPIv2.proto.
    private var protobuf: [UInt8] {
        let info =
            Self.field(1, Array("Kubernetes".utf8)) + Self.field(2, Array(Discovery.kubernetesVersion.git.utf8))
        let named = definitions.flatMap { Self.field(1, Self.named($0.key, Self.message($0.value))) }
        return Self.field(1, Array("2.0".utf8)) + Self.field(2, info) + Self.field(9, named)
    }

    /// A field with a length: a string or a message.
    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for var value in [number << 3 | 2, bytes.count] {
            while value > 0x7F {
                result.append(UInt8(value & 0x7F | 0x80))
                value >>= 7
            }
            result.append(UInt8(value))
        }
        return result + bytes
    }

    private static func text(_ number: Int, _ value: JSONValue?) -> [UInt8] {
        value?.string.map { field(number, Array($0.utf8)) } ?? []
    }

    private static func named(_ name: String, _ value: [UInt8]) -> [UInt8] {
        field(1, Array(name.utf8)) + field(2, value)
    }

    /// A converted schema as a `Schema`.
    private static func message(_ schema: JSONValue) -> [UInt8] {
        var bytes = text(1, schema["$ref"]) + text(2, schema["format"]) + text(4, schema["description"])
        for name in schema["required"]?.array ?? [] { bytes += text(19, name) }
        if let values = schema["additionalProperties"] {
            // A message, or the boolean in field 2.
            bytes += field(21, values.bool.map { [2 << 3, $0 ? 1 : 0] } ?? field(1, message(values)))
        }
        if schema["type"] != nil { bytes += field(22, text(1, schema["type"])) }
        if let items = schema["items"] { bytes += field(23, field(1, message(items))) }
        if let properties = schema["properties"]?.object {
            bytes += field(25, properties.flatMap { field(1, named($0.key, message($0.value))) })
        }
        for (name, value) in schema.object ?? [:] where name.hasPrefix("x-kubernetes-") {
            // Any value as YAML, which JSON is.
            bytes += field(31, named(name, field(2, value.bytes)))
        }
        return bytes
    }
}
