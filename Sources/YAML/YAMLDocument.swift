public import JSON
public import KubernetesModel

/// A place in a text.
public struct SourcePosition: Sendable, Hashable, Comparable {
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int

    /// A place.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One document of a YAML text, with the place of every value.
public struct YAMLDocument: Sendable {
    /// The value as Kubernetes reads it (sigs.k8s.io/yaml: by way of JSON).
    public let value: JSONValue
    public let file: String?
    private let places: SourcePlaces

    init(value: JSONValue, file: String?, places: SourcePlaces) {
        self.value = value
        self.file = file
        self.places = places
    }

    /// Where the document begins.
    public var start: SourcePosition { places.position }

    /// Where the value at a path stands, a field where its name does. A value that came by an alias stands at its
    /// anchor. For a path that leads to nothing: where the last value on the way stands. O(length of the path x log).
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

/// The places of a value and of what is inside, children in the order of `JSONObject` or of the array.
struct SourcePlaces: Sendable {
    var position: SourcePosition
    var children: [SourcePlaces] = []
}
