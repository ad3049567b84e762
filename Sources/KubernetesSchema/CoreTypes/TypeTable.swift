/// The structs of the Kubernetes API: their fields, and how lists and maps in them are merged.
///
/// This is the one place where they are written down. Schemas of pod templates, field ownership and strategic merge
/// come from it.
public struct TypeTable: Sendable {
    /// What a field holds.
    public indirect enum Shape: Sendable, Hashable {
        /// A string; one of `allowed`, unless that is empty.
        case string(allowed: [String])
        case boolean, int32, int64, quantity, intOrString, time, bytes, anything
        case list(Shape)
        case map(Shape)
        /// A struct of the table.
        case type(String)
    }

    /// One field of a struct.
    public struct Field: Sendable, Hashable {
        public var name: String
        public var isRequired: Bool
        public var shape: Shape
        /// `x-kubernetes-list-type`: how server-side apply tells the elements of a list apart.
        public var listType = StructuralSchema.ListType.atomic
        /// `x-kubernetes-list-map-keys`
        public var listMapKeys: [String] = []
        /// How a strategic merge patch changes a list.
        public var listPatch = ListPatch.replace
        /// Whether the field has one owner, whatever is in it (`x-kubernetes-map-type: atomic`).
        public var isAtomic = false
    }

    /// A struct.
    public struct Struct: Sendable, Hashable {
        public var fields: [Field] = []
        /// Whether a value has one owner, whatever is in it.
        public var isAtomic = false

        /// The field of that name.
        public func field(_ name: String) -> Field? { fields.first { $0.name == name } }
    }

    /// The structs by their names.
    public private(set) var types: [String: Struct] = [:]
    /// What is wrong with the text, in words.
    public private(set) var problems: [String] = []

    /// The structs of the built-in kinds.
    public static let kubernetes = TypeTable(podTypes + "\n" + objectTypes)

    /// Reads a text of structs, one after the other: `Name = field:type field:type`, over as many lines as it takes.
    ///
    /// - `Name!` is atomic; `+Name` stands for the fields of a struct that was before.
    /// - `field!` is required.
    /// - Types are `s` string, `b` boolean, `i` and `l` integers of 32 and 64 bits, `q` quantity, `p` integer or
    ///   string, `t` time, `y` bytes, `*` anything, `[x]` list, `{x}` map, or the name of a struct. `s(A|B)` allows
    ///   two values.
    /// - `{x}!` is atomic, and so is `[x]`. `[x]$` is a set, `[x]@a,b` a list map with these keys. A strategic merge
    ///   patch replaces the first, adds to a set, and merges a list map by the first key, unless `/` says otherwise:
    ///   `/key` merges by that key, `/` alone replaces.
    public init(_ text: String) {
        var name = ""
        for line in text.split(separator: "\n") {
            var words = line.split(separator: " ")
            if words.count > 1, words[1] == "=" {
                let isAtomic = words[0].last == "!"
                name = String(isAtomic ? words[0].dropLast() : words[0])
                words.removeFirst(2)
                if types[name] != nil { problems.append("\(name) is there twice") }
                types[name] = Struct(isAtomic: isAtomic)
            }
            for word in words { add(word, to: name) }
        }
        for (name, type) in types {
            for field in type.fields {
                guard let missing = field.shape.structName, types[missing] == nil else { continue }
                problems.append("\(name).\(field.name): there is no \(missing)")
            }
        }
    }

    private mutating func add(_ word: Substring, to name: String) {
        let fields: [Field]
        if word.first == "+" {
            fields = types[String(word.dropFirst())]?.fields ?? []
        } else {
            fields = Field(word).map { [$0] } ?? []
        }
        if fields.isEmpty { problems.append("\(name): expected a field, not \(word)") }
        for field in fields {
            if types[name]?.field(field.name) != nil { problems.append("\(name).\(field.name) is there twice") }
            types[name, default: Struct()].fields.append(field)
        }
    }
}

extension TypeTable.Field {
    /// Reads `name!:type`; nil when it is malformed.
    fileprivate init?(_ word: Substring) {
        guard let colon = word.firstIndex(of: ":"), colon > word.startIndex else { return nil }
        isRequired = word[..<colon].last == "!"
        name = String(isRequired ? word[..<colon].dropLast() : word[..<colon])
        var rest = word[word.index(after: colon)...]
        guard let shape = TypeTable.Shape(&rest) else { return nil }
        self.shape = shape
        if rest == "!" {
            isAtomic = true
            return
        }
        guard !rest.isEmpty else { return }
        guard case .list = shape else { return nil }
        let mark = rest.prefix { $0 != "/" }
        if mark == "$" {
            listType = .set
            listPatch = .add
        } else if mark.first == "@", mark.count > 1 {
            listType = .map
            listMapKeys = mark.dropFirst().split(separator: ",").map { String($0) }
            listPatch = .merge(key: listMapKeys[0])
        } else if !mark.isEmpty {
            return nil
        }
        if mark.endIndex < rest.endIndex {
            let key = rest[mark.endIndex...].dropFirst()
            listPatch = key.isEmpty ? .replace : .merge(key: String(key))
        }
    }
}

extension TypeTable.Shape {
    /// The struct at the bottom of lists and maps.
    fileprivate var structName: String? {
        switch self {
        case .type(let name): name
        case .list(let inner), .map(let inner): inner.structName
        default: nil
        }
    }

    /// Takes a type off the text; nil when it is malformed.
    fileprivate init?(_ text: inout Substring) {
        guard let first = text.popFirst() else { return nil }
        switch first {
        case "*": self = .anything
        case "[", "{":
            guard let inner = Self(&text), text.popFirst() == (first == "[" ? "]" : "}") else { return nil }
            self = first == "[" ? .list(inner) : .map(inner)
        case "s":
            guard text.first == "(" else {
                self = .string(allowed: [])
                return
            }
            guard let close = text.firstIndex(of: ")") else { return nil }
            self = .string(allowed: text[..<close].dropFirst().split(separator: "|").map { String($0) })
            text = text[close...].dropFirst()
        case "b": self = .boolean
        case "i": self = .int32
        case "l": self = .int64
        case "q": self = .quantity
        case "p": self = .intOrString
        case "t": self = .time
        case "y": self = .bytes
        case "A"..."Z":
            let rest = text.prefix { $0.isLetter || $0.isNumber }
            text = text[rest.endIndex...]
            self = .type(String(first) + rest)
        default: return nil
        }
    }
}
