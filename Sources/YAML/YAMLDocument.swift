public import JSON
public import KubernetesModel

/// A position in a text.
public struct SourcePosition: Sendable, Hashable, Comparable {
    /// The line, from 1.
    public var line: Int
    /// The column, from 1, in Unicode scalars.
    public var column: Int

    /// Creates a position.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One document of a YAML text, with the position of every value.
public struct YAMLDocument: Sendable {
    /// The value as Kubernetes reads it (like sigs.k8s.io/yaml, by way of JSON).
    public let value: JSONValue
    /// The name of the file for messages, as it was passed to the reader.
    public let file: String?
    private let places: SourcePlaces

    init(value: JSONValue, file: String?, places: SourcePlaces) {
        self.value = value
        self.file = file
        self.places = places
    }

    /// The position at which the document begins.
    public var start: SourcePosition { places.position }

    /// The position of the value at a path; for a field, the position of its name. A value that came through an alias
    /// has the position of its anchor. If the path leads to nothing, the result is the position of the last value on
    /// it. O(length of the path x log of the number of fields).
    public func position(of path: FieldPath) -> SourcePosition {
        var value = value
        var places = places
        for step in path.steps {
            let index: Int?
            switch step {
            case .field(let name): index = value.object.flatMap { Self.index(of: name, in: $0) }
            case .index(let number): index = value.array.flatMap { $0.indices.contains(number) ? number : nil }
            }
            guard let index, places.children.indices.contains(index) else { break }
            places = places.children[index]
            switch step {
            case .field: value = value.object.map { $0[$0.startIndex + index].value } ?? .null
            case .index: value = value[index] ?? .null
            }
        }
        return places.position
    }

    private static func index(of name: String, in object: JSONObject) -> Int? {
        var low = object.startIndex
        var high = object.endIndex
        while low < high {
            let middle = (low + high) / 2
            if object[middle].key < name { low = middle + 1 } else { high = middle }
        }
        return low < object.endIndex && object[low].key == name ? low - object.startIndex : nil
    }
}

/// The position of a value and of all values in it; children in the order of `JSONObject` or of the array.
struct SourcePlaces: Sendable {
    var position: SourcePosition
    var children: [SourcePlaces] = []
}

extension YAMLDocument {
    /// An object of Kubernetes in a document.
    public struct Object: Sendable {
        public let value: JSONValue
        /// Where in the document it is.
        public let path: FieldPath
    }

    /// The document itself, or the items of a `List`, as kubectl takes it apart.
    public var objects: [Object] {
        guard value["apiVersion"] == "v1", value["kind"] == "List", let items = value["items"]?.array else {
            return [Object(value: value, path: FieldPath())]
        }
        return items.enumerated().map { Object(value: $1, path: FieldPath().field("items").index($0)) }
    }
}
