public import JSON
public import KubernetesModel

/// A structural schema: what a CustomResourceDefinition says of the shape of its objects, and what the API server
/// checks, prunes and fills in by it.
///
/// A value: changing a copy changes no other. Reading a field of a schema is one indirection whatever its size. See
/// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
@dynamicMemberLookup
public struct StructuralSchema: Sendable, Hashable {
    /// What a schema can say. Members that are nil, false or empty say nothing.
    public struct Fields: Sendable, Hashable {
        public var type: ValueType?
        public var description: String?
        public var format: String?
        public var isNullable = false
        public var defaultValue: JSONValue?
        public var allowedValues: [JSONValue] = []

        public var properties: [String: StructuralSchema] = [:]
        public var required: [String] = []
        public var additionalProperties: AdditionalProperties?
        public var minimumProperties: Int?
        public var maximumProperties: Int?

        public var items: StructuralSchema?
        public var minimumItems: Int?
        public var maximumItems: Int?
        public var hasUniqueItems = false

        public var minimum: Double?
        public var maximum: Double?
        public var isMinimumExclusive = false
        public var isMaximumExclusive = false
        public var multipleOf: Double?

        public var minimumLength: Int?
        public var maximumLength: Int?
        public var pattern: Pattern?

        public var allOf: [StructuralSchema] = []
        public var anyOf: [StructuralSchema] = []
        public var oneOf: [StructuralSchema] = []
        public var not: StructuralSchema?

        /// `x-kubernetes-int-or-string`
        public var isIntOrString = false
        /// `x-kubernetes-preserve-unknown-fields`
        public var preservesUnknownFields = false
        /// `x-kubernetes-embedded-resource`
        public var isEmbeddedResource = false
        /// `x-kubernetes-list-type`
        public var listType: ListType?
        /// `x-kubernetes-list-map-keys`
        public var listMapKeys: [String] = []
        /// `x-kubernetes-map-type`
        public var mapType: String?
        /// `x-kubernetes-validations`: kept and written, not evaluated here.
        public var rules: [ValidationRule] = []

        /// Members that mean nothing for validation (title, example, externalDocs...), kept as they are.
        public var others = JSONObject()

        /// A schema that allows everything and knows no field.
        public init() {}
    }

    /// `type`.
    public enum ValueType: String, Sendable, Hashable, CaseIterable {
        case object, array, string, integer, number, boolean
    }

    /// `additionalProperties`.
    public enum AdditionalProperties: Sendable, Hashable {
        case allowed(Bool)
        case schema(StructuralSchema)
    }

    /// How the elements of a list are told apart.
    public enum ListType: String, Sendable, Hashable, CaseIterable { case atomic, set, map }

    /// One entry of `x-kubernetes-validations`.
    public struct ValidationRule: Sendable, Hashable {
        /// The CEL expression.
        public var rule: String
        public var message: String?
        /// messageExpression, reason, fieldPath, optionalOldSelf
        public var others: JSONObject

        /// A rule.
        public init(_ rule: String, message: String? = nil, others: JSONObject = JSONObject()) {
            self.rule = rule
            self.message = message
            self.others = others
        }
    }

    /// Shared by copies of a schema until one of them changes.
    private final class Node: Sendable {
        let fields: Fields
        init(_ fields: Fields) { self.fields = fields }
    }

    private var node: Node

    /// A schema that says what `fields` say.
    public init(_ fields: Fields = Fields()) { node = Node(fields) }

    /// Everything that the schema says. Changes are best made here all at once.
    public var fields: Fields {
        get { node.fields }
        set { node = Node(newValue) }
    }

    /// One member of ``fields``.
    public subscript<Value>(dynamicMember member: WritableKeyPath<Fields, Value>) -> Value {
        get { node.fields[keyPath: member] }
        set {
            var fields = node.fields
            fields[keyPath: member] = newValue
            node = Node(fields)
        }
    }

    public static func == (left: StructuralSchema, right: StructuralSchema) -> Bool {
        left.node === right.node || left.fields == right.fields
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(fields) }

    /// The schema of a field: of the property of that name, or else of additional properties; nil for an unknown field.
    public func schema(ofField name: String) -> StructuralSchema? {
        let fields = node.fields
        if let property = fields.properties[name] { return property }
        if case .schema(let schema)? = fields.additionalProperties { return schema }
        return nil
    }

    /// The schema of the value at the end of a path; nil when the schema knows of none.
    public func schema(at path: FieldPath) -> StructuralSchema? {
        var schema = self
        for step in path.steps {
            let next: StructuralSchema? =
                switch step {
                case .field(let name): schema.schema(ofField: name)
                case .index: schema.items
                }
            guard let next else { return nil }
            schema = next
        }
        return schema
    }
}
