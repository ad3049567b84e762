/// An amount of every resource, by the numbers of a ``ResourceTable``; beyond the end everything is 0.
struct ResourceVector: Sendable, Hashable {
    /// Never ends with 0, so that equal amounts are equal vectors.
    private(set) var amounts: [Int64] = []

    var count: Int { amounts.count }
    var isZero: Bool { amounts.isEmpty }

    subscript(resource: Int) -> Int64 {
        get { resource < amounts.count ? amounts[resource] : 0 }
        set {
            if resource >= amounts.count {
                guard newValue != 0 else { return }
                amounts.append(contentsOf: repeatElement(0, count: resource + 1 - amounts.count))
            }
            amounts[resource] = newValue
            trim()
        }
    }

    private mutating func trim() {
        while amounts.last == 0 { amounts.removeLast() }
    }

    /// Adds that vector so many times.
    mutating func add(_ other: ResourceVector, times: Int64 = 1) {
        if other.amounts.count > amounts.count {
            amounts.append(contentsOf: repeatElement(0, count: other.amounts.count - amounts.count))
        }
        for resource in other.amounts.indices { amounts[resource] += other.amounts[resource] * times }
        trim()
    }

    /// The same with 0 for what is negative.
    var atLeastZero: ResourceVector {
        var result = ResourceVector()
        for resource in amounts.indices.reversed() { result[resource] = max(0, amounts[resource]) }
        return result
    }

    /// Whether no amount is above the other's.
    func fits(in other: ResourceVector) -> Bool {
        for resource in amounts.indices where amounts[resource] > other[resource] { return false }
        return true
    }
}
