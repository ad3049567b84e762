import JSON
import KubernetesSchema

/// Types of core/v1, read from ``CoreTypeTable``.
enum CoreTypes {
    /// What a field holds.
    indirect enum Shape: Sendable {
        case string(allowed: [String])
        case boolean, int32, int64, quantity, intOrString, anything
        case list(Shape)
        case map(Shape)
        case type(String)
    }

    /// One field of a type.
    struct Field: Sendable {
        var name: String
        var isRequired: Bool
        var shape: Shape
    }

    /// The fields of every type, by its name.
    static let types: [String: [Field]] = {
        var result: [String: [Field]] = [:]
        var current = ""
        for line in CoreTypeTable.text.split(separator: "\n") {
            var words = line.split(separator: " ")
            if words.count > 1, words[1] == "=" {
                current = String(words[0])
                words.removeFirst(2)
            }
            result[current, default: []] += words.compactMap(field)
        }
        return result
    }()

    private static func field(_ word: Substring) -> Field? {
        guard let colon = word.firstIndex(of: ":") else { return nil }
        let name = word[..<colon]
        let isRequired = name.last == "!"
        return Field(
            name: String(isRequired ? name.dropLast() : name), isRequired: isRequired,
            shape: shape(word[word.index(after: colon)...]))
    }

    private static func shape(_ text: Substring) -> Shape {
        switch text {
        case "s": return .string(allowed: [])
        case "b": return .boolean
        case "i": return .int32
        case "l": return .int64
        case "q": return .quantity
        case "p": return .intOrString
        case "*": return .anything
        default: break
        }
        switch text.first {
        case "[": return .list(shape(text.dropFirst().dropLast()))
        case "{": return .map(shape(text.dropFirst().dropLast()))
        default:
            guard text.hasPrefix("s(") else { return .type(String(text)) }
            return .string(allowed: text.dropFirst(2).dropLast().split(separator: "|").map { String($0) })
        }
    }

    /// The elements of these lists have names that must differ.
    private static let namedLists: Set<String> = ["containers", "initContainers", "volumes"]

    /// The schema of a type. The table has no type inside of itself.
    static func schema(of type: String, without omitted: Set<String> = []) -> StructuralSchema {
        var schema = StructuralSchema.Fields()
        schema.type = .object
        for field in types[type] ?? [] where !omitted.contains(field.name) {
            var property = self.schema(of: field.shape)
            if namedLists.contains(field.name) {
                property.listType = .map
                property.listMapKeys = ["name"]
            }
            schema.properties[field.name] = property
            if field.isRequired { schema.required.append(field.name) }
        }
        return StructuralSchema(schema)
    }

    private static func schema(of shape: Shape) -> StructuralSchema {
        switch shape {
        // Allowed values are checked in code: a reference stands where one of them is expected.
        case .string: .string()
        case .boolean: .boolean()
        case .int32: .integer(format: "int32")
        case .int64: .integer(format: "int64")
        case .quantity, .intOrString: .intOrString()
        case .anything: .object(preservingUnknownFields: true)
        case .list(let element): .list(of: schema(of: element))
        case .map(let value): .map(of: schema(of: value))
        case .type(let name): schema(of: name)
        }
    }
}
