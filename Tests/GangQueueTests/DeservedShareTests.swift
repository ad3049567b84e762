import KubernetesModel
import SeededRandom
import Testing

@testable import GangQueue

private func ask(
    _ weight: Int64 = 1, guarantee: Int64 = 0, deserved: Int64? = nil, capability: Int64 = .max, demand: Int64 = 1000
) -> ShareAsk {
    ShareAsk(weight: weight, guarantee: guarantee, deserved: deserved, capability: capability, demand: demand)
}

struct DeservedShareTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var available: Int64
        var asks: [ShareAsk]
        var shares: [Int64]
    }

    static let cases = [
        Case(testDescription: "by weight", available: 60, asks: [ask(1), ask(2), ask(3)], shares: [10, 20, 30]),
        Case(
            testDescription: "what one does not ask for flows to the others by weight", available: 60,
            asks: [ask(1), ask(2, demand: 8), ask(3)], shares: [13, 8, 39]),
        Case(
            testDescription: "all are content", available: 60, asks: [ask(demand: 5), ask(demand: 7)], shares: [5, 7]),
        Case(
            testDescription: "a capability is a ceiling", available: 60, asks: [ask(capability: 10), ask()],
            shares: [10, 50]),
        Case(
            testDescription: "a guarantee is kept for one who asks for nothing", available: 60,
            asks: [ask(guarantee: 40, demand: 0), ask(), ask()], shares: [40, 10, 10]),
        Case(
            testDescription: "a guarantee counts into the share by weight", available: 60,
            asks: [ask(guarantee: 25), ask(), ask()], shares: [25, 17, 17]),
        Case(
            testDescription: "capability beats guarantee", available: 60,
            asks: [ask(guarantee: 40, capability: 5), ask()],
            shares: [5, 55]),
        Case(
            testDescription: "guarantees that are too much shrink in proportion", available: 30,
            asks: [ask(guarantee: 40), ask(guarantee: 20), ask()], shares: [20, 10, 0]),
        Case(
            testDescription: "an explicit share comes before weights", available: 10,
            asks: [ask(deserved: 8), ask(deserved: 2), ask()], shares: [8, 2, 0]),
        Case(
            testDescription: "only what is asked of explicit shares counts", available: 10,
            asks: [ask(deserved: 8, demand: 3), ask(deserved: 2), ask()], shares: [3, 2, 5]),
        Case(
            testDescription: "explicit shares that are too much shrink in proportion, above guarantees", available: 12,
            asks: [ask(guarantee: 4, deserved: 12), ask(deserved: 8), ask(guarantee: 2)], shares: [7, 3, 2]),
        Case(
            testDescription: "thirds are rounded down", available: 10, asks: [ask(), ask(), ask()], shares: [3, 3, 3]),
        Case(testDescription: "nothing to share", available: 0, asks: [ask(guarantee: 3), ask()], shares: [0, 0]),
    ]

    @Test(arguments: cases)
    func `Q3: shares are filled like water between guarantee and capability`(_ example: Case) {
        #expect(ShareAsk.shares(of: example.available, among: example.asks) == example.shares)
    }

    @Test func `Q3: amounts near the limit do not overflow`() {
        let asks = (0..<1000).map { _ in
            ask(Int64(Int32.max), guarantee: 1, capability: Resources.limit, demand: Int64.max)
        }
        let shares = ShareAsk.shares(of: Resources.limit, among: asks)
        #expect(shares.allSatisfy { $0 == Resources.limit / 1000 })
    }

    /// The largest level whatsoever, sought among all fractions that can be it.
    private func naive(_ available: Int64, _ asks: [ShareAsk]) -> [Int64] {
        func share(_ ask: ShareAsk, _ level: (over: Int64, under: Int64)) -> Int64 {
            max(
                min(ask.guarantee, ask.capability),
                min(level.over * ask.weight / level.under, ask.capability, ask.demand))
        }
        func exact(_ ask: ShareAsk, _ level: (over: Int64, under: Int64)) -> Int64 {
            max(
                min(ask.guarantee, ask.capability) * level.under,
                min(level.over * ask.weight, min(ask.capability, ask.demand) * level.under))
        }
        var best: (over: Int64, under: Int64) = (0, 1)
        for under in 1...asks.reduce(0, { $0 + $1.weight }) {
            for over in 0...(50 * under) where asks.reduce(0, { $0 + exact($1, (over, under)) }) <= available * under {
                if over * best.under > best.over * under { best = (over, under) }
            }
        }
        return asks.map { share($0, best) }
    }

    @Test func `Q3: a naive search for the level finds the same shares`() {
        for seed in 0..<150 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let asks = (0..<random.pick(1...4)).map { _ in
                ask(
                    Int64(random.pick(1...3)), guarantee: Int64(random.pick(0...3)),
                    capability: random.chance(0.5) ? 100 : Int64(random.pick(0...20)),
                    demand: Int64(random.pick(0...20)))
            }
            let guarantees = asks.reduce(0) { $0 + min($1.guarantee, $1.capability) }
            let available = guarantees + Int64(random.pick(0...20))
            #expect(ShareAsk.shares(of: available, among: asks) == naive(available, asks), "seed \(seed)")
        }
    }

    @Test func `Q3: shares never add up to more than there is, and never pass a ceiling`() {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let asks = (0..<random.pick(1...12)).map { _ in
                ask(
                    Int64(random.pick(1...9)), guarantee: Int64(random.pick(0...9)),
                    deserved: random.chance(0.3) ? Int64(random.pick(0...40)) : nil,
                    capability: random.chance(0.5) ? .max : Int64(random.pick(0...40)),
                    demand: Int64(random.pick(0...60)))
            }
            let available = Int64(random.pick(0...120))
            let shares = ShareAsk.shares(of: available, among: asks)
            #expect(shares.reduce(0, +) <= available, "seed \(seed)")
            for (ask, share) in zip(asks, shares) { #expect(share <= ask.capability && share >= 0, "seed \(seed)") }
        }
    }
}

struct QueueTreeTests {
    private func tree(_ specs: [QueuePolicy], waiting: [String: Int64], gpus: Int64) -> [String: Int64] {
        var table = ResourceTable()
        let gpu = table.index(of: "gpu")
        var tree = QueueTree(specs, &table)
        for (name, amount) in waiting.sorted(by: { $0.key < $1.key }) {
            tree.wait(table.vector(["gpu": amount]), times: 1, in: tree.indices[name] ?? 0)
        }
        tree.share(capacity: table.vector(["gpu": gpus]), resources: table.count)
        return tree.indices.mapValues { tree.queues[$0].deserved[gpu] }
    }

    @Test func `Q3: a parent shares among its children what it deserves itself`() {
        let specs = [
            QueuePolicy("a", weight: 2), QueuePolicy("a1", parent: "a"), QueuePolicy("a2", parent: "a", weight: 3),
            QueuePolicy("b"),
        ]
        let shares = tree(specs, waiting: ["a1": 100, "a2": 100, "b": 100], gpus: 12)
        #expect(shares == ["a": 8, "a1": 2, "a2": 6, "b": 4])
    }

    @Test func `Q3: the demand of a parent is what its children can use below their own ceilings`() {
        let specs = [
            QueuePolicy("a"), QueuePolicy("a1", parent: "a", capability: ["gpu": 2]), QueuePolicy("b"),
        ]
        #expect(tree(specs, waiting: ["a1": 100, "b": 100], gpus: 12) == ["a": 2, "a1": 2, "b": 10])
    }

    @Test func `Q3: a child's guarantee is kept by its parents too`() {
        let specs = [QueuePolicy("a"), QueuePolicy("a1", parent: "a", guarantee: ["gpu": 5]), QueuePolicy("b")]
        #expect(tree(specs, waiting: ["b": 100], gpus: 12) == ["a": 5, "a1": 5, "b": 7])
    }

    @Test func `Q3: a queue below itself or below nothing has a problem and hangs below the root`() {
        var table = ResourceTable()
        let tree = QueueTree(
            [
                QueuePolicy("a", parent: "b"), QueuePolicy("b", parent: "a"), QueuePolicy("c", parent: "x"),
                QueuePolicy("d", parent: "c"),
            ],
            &table)
        #expect(tree.queues[1].problem == "its parent b is below itself")
        #expect(tree.queues[3].problem == "its parent x does not exist")
        #expect(tree.queues[4].problem == nil && tree.queues[4].depth == 2)
        #expect(tree.parentsFirst.count == 5)
    }

    @Test func `Q3: amounts are whole, requests rounded up and capacity down`() throws {
        #expect(
            Resources(["cpu": .init(milli: 1500), "memory": .init(milli: 1500)], rounding: .up) == [
                "cpu": 1500, "memory": 2,
            ])
        #expect(
            Resources(["cpu": .init(milli: 1500), "memory": .init(milli: 1500)], rounding: .down) == [
                "cpu": 1500, "memory": 1,
            ])
    }
}
