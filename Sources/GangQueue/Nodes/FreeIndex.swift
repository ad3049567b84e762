/// Which nodes have at least so much of a resource free, by powers of two, so that a search looks at few nodes that have too little.
struct FreeIndex: Sendable {
    private static let levels = 62

    private var words = 0
    private var resources = 0
    private var bits: [UInt64] = []

    /// Makes it hold those amounts, so many of each node.
    mutating func build(_ free: [Int64], stride: Int) {
        let nodes = free.count / max(1, stride)
        // Room for some that come later.
        words = (nodes + nodes / 4) / 64 + 1
        resources = stride
        bits = Array(repeating: 0, count: stride * Self.levels * words)
        for at in free.indices { change(node: at / stride, at % stride, from: 0, to: free[at]) }
    }

    /// Whether it has room for a node of that number.
    func holds(_ node: Int) -> Bool { node < words * 64 }

    private static func level(_ amount: Int64) -> Int {
        amount > 0 ? min(levels - 1, 63 - amount.leadingZeroBitCount) : -1
    }

    mutating func change(node: Int, _ resource: Int, from old: Int64, to new: Int64) {
        let before = Self.level(old)
        let after = Self.level(new)
        guard before != after else { return }
        let bit = UInt64(1) << UInt64(node % 64)
        for level in min(before, after) + 1...max(before, after) {
            bits[(resource * Self.levels + level) * words + node / 64] ^= bit
        }
    }

    /// Calls with every node that may have that much of everything, and with some that have less.
    func forEach(_ requests: ResourceVector, _ body: (Int) -> Void) {
        var rows: [Int] = []
        for resource in 0..<requests.count where requests[resource] > 0 {
            guard resource < resources else { return }
            rows.append((resource * Self.levels + Self.level(requests[resource])) * words)
        }
        guard !rows.isEmpty else { return }
        for word in 0..<words {
            var found = UInt64.max
            for row in rows { found &= bits[row + word] }
            while found != 0 {
                body(word * 64 + found.trailingZeroBitCount)
                found &= found - 1
            }
        }
    }
}
