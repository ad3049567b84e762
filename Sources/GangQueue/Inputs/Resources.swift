public import KubernetesModel

/// Amounts of resources by name, as whole numbers: `cpu` in thousandths of a core, everything else in its own unit (bytes,
/// devices, pods), as the kube-scheduler counts.
public struct Resources: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One resource and how much of it.
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var amount: Int64

        /// Creates an entry.
        public init(_ name: String, _ amount: Int64) {
            self.name = name
            self.amount = amount
        }
    }

    /// Which way a fraction of a unit goes.
    public enum Rounding: Sendable {
        /// What is asked for: never less than was written.
        case up
        /// What there is: never more than was written.
        case down
    }

    /// No amount is larger, so that sums of a node and of a gang stay within 64 bits.
    public static let limit: Int64 = 1 << 60

    /// The entries by name; each name once, amounts from 0 to ``limit``.
    public private(set) var entries: [Entry]

    /// Creates amounts; a name that comes twice adds up, a negative amount is 0.
    public init(_ entries: [Entry]) {
        var merged: [Entry] = []
        for entry in entries.sorted(by: { $0.name < $1.name }) {
            let amount = min(max(entry.amount, 0), Self.limit)
            if let last = merged.last, last.name == entry.name {
                merged[merged.count - 1].amount = min(last.amount + amount, Self.limit)
            } else {
                merged.append(Entry(entry.name, amount))
            }
        }
        self.entries = merged
    }

    /// Creates amounts from what a manifest says.
    public init(_ quantities: [String: Quantity], rounding: Rounding) {
        self.init(
            quantities.map { name, quantity in
                let unit: Int128 = name == "cpu" ? 1_000_000 : 1_000_000_000
                let nano = max(quantity.nanoUnits, 0)
                let whole = rounding == .up ? (nano + unit - 1) / unit : nano / unit
                return Entry(name, Int64(clamping: whole))
            })
    }

    public init(dictionaryLiteral elements: (String, Int64)...) {
        self.init(elements.map { Entry($0.0, $0.1) })
    }

    /// The amount of that name; nil where it is not named.
    public subscript(name: String) -> Int64? { entries.first { $0.name == name }?.amount }
}
