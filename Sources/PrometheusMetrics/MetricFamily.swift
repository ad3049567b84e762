/// A metric with its series, as a scrape tells of it.
public struct MetricFamily: Sendable, Hashable {
    /// What the values of a metric are.
    public enum Kind: String, Sendable, Hashable {
        /// A number that only grows, until the process or what it counts begins anew.
        case counter
        /// A number that goes up and down.
        case gauge
    }

    /// The value of one series.
    public struct Sample: Sendable, Hashable {
        public var labels: [MetricLabel]
        public var value: Double

        /// A value under these labels.
        public init(_ value: Double, _ labels: [MetricLabel] = []) {
            self.labels = labels
            self.value = value
        }
    }

    public var name: String
    public var kind: Kind
    /// One sentence on what it counts.
    public var help: String
    public var samples: [Sample]

    /// A metric with its series.
    public init(_ name: String, _ kind: Kind, help: String, samples: [Sample] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }
}

/// The name of a label and its value.
public struct MetricLabel: Sendable, Hashable {
    public var name: String
    public var value: String

    /// A label.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}
