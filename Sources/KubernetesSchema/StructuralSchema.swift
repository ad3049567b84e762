public import JSON
public import KubernetesModel

/// A structural schema: the shape of a CustomResourceDefinition's objects, by which the API server validates, prunes
/// and applies defaults.
///
/// It is a value: changing a copy leaves the original as it is. Reading a member takes one indirection, whatever the
/// size of the schema. See
/// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
@dynamicMemberLookup
public struct StructuralSchema: Sendable, Hashable {
    /// The members of a schema. Those that are nil, false or empty have no effect.
    public struct Fields: Sendable, Hashable {
        public var type: ValueType?
        public var description: String?
        public var format: String?
        /// `nullable`
        public var isNullable = false
        /// `default`
        public var defaultValue: JSONValue?
        /// `enum`; empty allows every value.
        public var allowedValues: [JSONValue] = []

        public var properties: [String: StructuralSchema] = [:]
        public var required: [String] = []
        public var additionalProperties: AdditionalProperties?
        /// `minProperties`
        public var minimumProperties: Int?
        /// `maxProperties`
        public var maximumProperties: Int?

        public var items: StructuralSchema?
        /// `minItems`
        public var minimumItems: Int?
        /// `maxItems`
        public var maximumItems: Int?
        /// `uniqueItems`
        public var hasUniqueItems = false

        public var minimum: Double?
        public var maximum: Double?
        /// `exclusiveMinimum`
        public var isMinimumExclusive = false
        /// `exclusiveMaximum`
        public var isMaximumExclusive = false
        public var multipleOf: Double?

        /// `minLength`, in characters.
        public var minimumLength: Int?
        /// `maxLength`, in characters.
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

        /// Members without effect on validation (title, example, externalDocs...), kept as they are.
        public var others = JSONObject()

        /// Creates members without effect: everything is allowed, and no field is known.
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

    /// How the elements of a list are identified.
    public enum ListType: String, Sendable, Hashable, CaseIterable { case atomic, set, map }

    /// One entry of `x-kubernetes-validations`.
    public struct ValidationRule: Sendable, Hashable {
        /// The CEL expression.
        public var rule: String
        public var message: String?
        /// Further members: messageExpression, reason, fieldPath, optionalOldSelf.
        public var others: JSONObject

        /// Creates a rule.
        public init(_ rule: String, message: String? = nil, others: JSONObject = JSONObject()) {
            self.rule = rule
            self.message = message
            self.others = others
        }
    }

    /// The members, shared by copies of a schema until one of them changes.
    private final class Node: Sendable {
        let fields: Fields
        init(_ fields: Fields) { self.fields = fields }
    }

    private var node: Node

    /// Creates a schema of these members.
    public init(_ fields: Fields = Fields()) { node = Node(fields) }

    /// The members of the schema. To change several, change them all at once.
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

    /// The schema of the field called `name`: its property, or else the additional properties; nil for an unknown
    /// field.
    public func schema(ofField name: String) -> StructuralSchema? {
        let fields = node.fields
        if let property = fields.properties[name] { return property }
        if case .schema(let schema)? = fields.additionalProperties { return schema }
        return nil
    }

    /// The schema of the value at the end of a path; nil when the schema does not describe it.
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
