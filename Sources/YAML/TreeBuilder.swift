import JSON
import Yams

/// Converts the nodes of one document to JSON.
struct TreeBuilder {
    let file: String?
    /// How many more values may be built. Without aliases a text has fewer values than bytes; aliases may add as many
    /// again.
    var budget: Int
    private var depth = 0
    private var last = SourcePosition(line: 1, column: 1)

    init(file: String?, budget: Int) {
        self.file = file
        self.budget = budget
    }

    private func error(_ message: String, at position: SourcePosition) -> YAMLError {
        YAMLError(file: file, line: position.line, column: position.column, message: message)
    }

    private mutating func position(of node: Node) -> SourcePosition {
        guard let mark = node.mark else { return last }
        last = SourcePosition(line: max(mark.line, 1), column: max(mark.column, 1))
        return last
    }

    mutating func build(_ node: Node) throws -> (JSONValue, SourcePlaces) {
        let position = position(of: node)
        budget -= 1
        guard budget >= 0 else { throw error("the aliases make the document too large", at: position) }
        depth += 1
        defer { depth -= 1 }
        guard depth <= JSONReader.maximumDepth else {
            throw error("nested deeper than \(JSONReader.maximumDepth) levels", at: position)
        }
        switch node {
        case .scalar(let scalar):
            return (try value(of: scalar, at: position), SourcePlaces(position: position))
        case .sequence(let sequence):
            try checkTag(sequence.tag, "seq", at: position)
            var elements: [JSONValue] = []
            var places = SourcePlaces(position: position)
            for element in sequence {
                let (value, place) = try build(element)
                elements.append(value)
                places.children.append(place)
            }
            return (.array(elements), places)
        case .mapping(let mapping):
            try checkTag(mapping.tag, "map", at: position)
            var fields = try fields(of: mapping)
            // The order of JSONObject.
            fields.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return (
                .object(JSONObject(fields.map { ($0.key, $0.value) })),
                SourcePlaces(position: position, children: fields.map(\.places))
            )
        case .alias: throw error("an alias of an anchor that is not defined before", at: position)
        }
    }

    private struct Field {
        var key: String
        var value: JSONValue
        var places: SourcePlaces
    }

    /// Returns the fields of a mapping, including merged ones. As in goyaml.v2, and so in kubectl, a later field wins:
    /// a `<<` after a key replaces its value, although YAML's specification of merging says otherwise.
    private mutating func fields(of mapping: Node.Mapping) throws -> [Field] {
        var fields: [Field] = []
        // By their bytes: as strings, keys that only look the same would be equal.
        var indexes: [[UInt8]: Int] = [:]
        var known: Set<[UInt8]> = []
        func set(_ field: Field) {
            let bytes = Array(field.key.utf8)
            if let index = indexes[bytes] {
                fields[index] = field
            } else {
                indexes[bytes] = fields.count
                fields.append(field)
            }
        }
        for (keyNode, valueNode) in mapping {
            let position = position(of: keyNode)
            if case .scalar(let scalar) = keyNode, scalar.string == "<<", scalar.style == .plain {
                for field in try merged(valueNode) { set(field) }
                continue
            }
            let key = try key(of: keyNode, at: position)
            guard known.insert(Array(key.utf8)).inserted else {
                throw error("the key \(JSONValue.string(key).text) is given twice in one mapping", at: position)
            }
            var (value, places) = try build(valueNode)
            places.position = position
            set(Field(key: key, value: value, places: places))
        }
        return fields
    }

    /// Returns the fields that `<<` merges in. Of a list of mappings the first comes last, so that it wins.
    private mutating func merged(_ node: Node) throws -> [Field] {
        depth += 1
        defer { depth -= 1 }
        let sources: [Node] = if case .sequence(let list) = node { list.reversed() } else { [node] }
        var result: [Field] = []
        for source in sources {
            guard case .mapping(let mapping) = source else {
                throw error("<< takes a mapping or a list of mappings", at: position(of: source))
            }
            guard depth <= JSONReader.maximumDepth else {
                throw error("nested deeper than \(JSONReader.maximumDepth) levels", at: position(of: source))
            }
            result += try fields(of: mapping)
        }
        return result
    }

    private func key(of node: Node, at position: SourcePosition) throws -> String {
        guard case .scalar(let scalar) = node else { throw error("a key must be a scalar", at: position) }
        // Yams has resolved the tags of keys while it looked for duplicates: a plain key has the tag `!!str` by now.
        let key =
            scalar.style == .plain ? try resolve(scalar.string, at: position) : try value(of: scalar, at: position)
        switch key {
        case .string(let string): return string
        case .null: throw error("a key must not be null", at: position)
        case let other: return other.text
        }
    }

    // MARK: Scalars

    private func checkTag(_ tag: Tag, _ allowed: String, at position: SourcePosition) throws {
        let name = tag.description
        guard name.isEmpty || name == "!" || name == "tag:yaml.org,2002:\(allowed)" else {
            throw error("the tag \(name) is not supported", at: position)
        }
    }

    private func value(of scalar: Node.Scalar, at position: SourcePosition) throws -> JSONValue {
        let tag = scalar.tag.description
        let prefix = "tag:yaml.org,2002:"
        switch tag {
        case "", "!":
            guard scalar.style == .plain || scalar.style == .any, tag.isEmpty else { return .string(scalar.string) }
            return try resolve(scalar.string, at: position)
        case prefix + "str": return .string(scalar.string)
        case prefix + "int", prefix + "float", prefix + "bool", prefix + "null":
            let value = try resolve(scalar.string, at: position)
            let kind = tag.dropFirst(prefix.count)
            let matches =
                switch value {
                case .null: kind == "null"
                case .bool: kind == "bool"
                case .int: kind == "int" || kind == "float"
                case .double: kind == "float"
                default: false
                }
            guard matches else {
                throw error("\(JSONValue.string(scalar.string).text) is not a valid \(kind)", at: position)
            }
            return value
        default: throw error("the tag \(tag) is not supported", at: position)
        }
    }

    private func resolve(_ text: String, at position: SourcePosition) throws -> JSONValue {
        switch PlainScalar.resolve(text) {
        case .value(let value): return value
        case .notFinite: throw error("\(text) is not a number that JSON can represent", at: position)
        }
    }
}
