/// The fields of a JSON object, ordered by name.
///
/// The fixed order makes equal objects compare equal field by field and gives them the same text. A look-up is a binary
/// search, O(log n); adding a field in the middle is O(n). Of a repeated name the last value is kept, as in Go's
/// decoder.
public struct JSONObject: Sendable, Hashable {
    @usableFromInline var fields: [Field]

    /// One field.
    @usableFromInline struct Field: Sendable, Hashable {
        @usableFromInline var key: String
        @usableFromInline var value: JSONValue

        @usableFromInline init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// Creates an object without fields.
    public init() { fields = [] }

    /// Creates an object with these fields; of a repeated name the last one wins. O(n log n), or O(n) when already in
    /// order.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init(unordered: pairs.map { Field(key: $0.0, value: $0.1) })
    }

    init(unordered: [Field]) {
        var isOrdered = true
        for index in unordered.indices.dropFirst() where !(unordered[index - 1].key < unordered[index].key) {
            isOrdered = false
            break
        }
        guard !isOrdered else {
            fields = unordered
            return
        }
        // Sorted by name and then by position, so that the last of equal names is the last of its group.
        let order = unordered.indices.sorted {
            (unordered[$0].key, $0) < (unordered[$1].key, $1)
        }
        fields = []
        fields.reserveCapacity(unordered.count)
        for index in order {
            if let last = fields.last, last.key == unordered[index].key {
                fields[fields.count - 1] = unordered[index]
            } else {
                fields.append(unordered[index])
            }
        }
    }

    func index(of key: String) -> (index: Int, found: Bool) {
        var low = 0
        var high = fields.count
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < fields.count && fields[low].key == key)
    }

    /// The value of a field. Setting nil removes the field. O(log n) to read, O(n) to add or remove.
    public subscript(key: String) -> JSONValue? {
        get {
            let (index, found) = index(of: key)
            return found ? fields[index].value : nil
        }
        set {
            let (index, found) = index(of: key)
            switch (found, newValue) {
            case (true, let value?): fields[index].value = value
            case (true, nil): fields.remove(at: index)
            case (false, let value?): fields.insert(Field(key: key, value: value), at: index)
            case (false, nil): break
            }
        }
    }

    /// Whether there is a field of this name. O(log n).
    public func contains(_ key: String) -> Bool { index(of: key).found }

    /// The names of the fields, in order.
    public var keys: [String] { fields.map(\.key) }

    /// Changes every value in place. O(n). Throws what `transform` throws.
    public mutating func mapValues(_ transform: (_ key: String, _ value: inout JSONValue) throws -> Void) rethrows {
        for index in fields.indices { try transform(fields[index].key, &fields[index].value) }
    }

    /// Removes the fields for which `isRemoved` returns true. O(n). Throws what `isRemoved` throws.
    public mutating func removeAll(where isRemoved: (_ key: String, _ value: JSONValue) throws -> Bool) rethrows {
        try fields.removeAll { try isRemoved($0.key, $0.value) }
    }
}

extension JSONObject: RandomAccessCollection {
    /// A field: its name and value.
    public typealias Element = (key: String, value: JSONValue)
    public var startIndex: Int { 0 }
    public var endIndex: Int { fields.count }
    public subscript(position: Int) -> Element { (fields[position].key, fields[position].value) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
