public import JSON

/// A selector of objects by their labels, as Kubernetes has it. An empty one selects everything.
public struct LabelSelector: Sendable, Hashable {
    /// One entry of `matchExpressions`.
    public struct Requirement: Sendable, Hashable {
        /// How a label has to stand to the values.
        public enum Operator: String, Sendable, Hashable, CaseIterable {
            case isIn = "In"
            case isNotIn = "NotIn"
            case exists = "Exists"
            case doesNotExist = "DoesNotExist"

            /// Whether it compares with values; the others take none.
            public var takesValues: Bool { self == .isIn || self == .isNotIn }
        }

        public var key: String
        public var `operator`: Operator
        public var values: [String]

        /// Creates a requirement.
        public init(_ key: String, _ operator: Operator, _ values: [String] = []) {
            self.key = key
            self.operator = `operator`
            self.values = values
        }

        /// Whether labels are as required. NotIn holds for a label that is not there.
        public func matches(_ labels: [String: String]) -> Bool {
            switch `operator` {
            case .isIn: labels[key].map(values.contains) ?? false
            case .isNotIn: labels[key].map { !values.contains($0) } ?? true
            case .exists: labels[key] != nil
            case .doesNotExist: labels[key] == nil
            }
        }
    }

    public var matchLabels: [String: String]
    public var matchExpressions: [Requirement]

    /// Creates a selector.
    public init(matchLabels: [String: String] = [:], matchExpressions: [Requirement] = []) {
        self.matchLabels = matchLabels
        self.matchExpressions = matchExpressions
    }

    /// Whether it selects an object with those labels: all that it says has to hold.
    public func matches(_ labels: [String: String]) -> Bool {
        matchLabels.allSatisfy { labels[$0.key] == $0.value } && matchExpressions.allSatisfy { $0.matches(labels) }
    }
}

extension LabelSelector {
    /// Reads what validation has passed. A requirement that cannot be read selects nothing, so that a mistake never widens it.
    public init(validated json: JSONValue) {
        self.init(
            matchLabels: json["matchLabels"]?.stringMap ?? [:],
            matchExpressions: (json["matchExpressions"]?.array ?? []).map { entry in
                guard let key = entry["key"]?.string,
                    let found = entry["operator"]?.string.flatMap(Requirement.Operator.init(rawValue:))
                else { return Requirement("", .isIn) }
                return Requirement(key, found, entry["values"]?.strings ?? [])
            })
    }
}
