/// Names of resources as small numbers. `pods` is always number 0: every pod asks for one.
struct ResourceTable: Sendable {
    static let pods = 0

    private(set) var names = ["pods"]
    private var indices = ["pods": 0]

    /// How many names there are.
    var count: Int { names.count }

    /// The number of that name, a new one for a new name.
    mutating func index(of name: String) -> Int {
        if let index = indices[name] { return index }
        indices[name] = names.count
        names.append(name)
        return names.count - 1
    }

    /// The amounts as a vector.
    mutating func vector(_ resources: Resources) -> ResourceVector {
        var vector = ResourceVector()
        for entry in resources.entries { vector[index(of: entry.name)] = entry.amount }
        return vector
    }

    /// An amount as people write it: `1500m`, `2Gi`, `8`.
    func text(_ amount: Int64, of resource: Int) -> String {
        switch names[resource] {
        case "cpu": return amount % 1000 == 0 ? "\(amount / 1000)" : "\(amount)m"
        case "memory", "ephemeral-storage":
            var rest = amount
            var unit = 0
            while rest >= 1024, rest % 1024 == 0, unit < 4 {
                rest /= 1024
                unit += 1
            }
            return "\(rest)" + ["", "Ki", "Mi", "Gi", "Ti"][unit]
        default: return "\(amount)"
        }
    }
}
