import GangQueue
import JSON
import SeededRandom
import Testing

@testable import PipelineEngine
@testable import Queueing

struct AntichainTests {
    /// The heaviest set by trying all of them.
    private static func heaviest(_ weights: [Int128], _ before: [[Int]]) -> Int128 {
        var ancestors = before.map { Set($0) }
        for node in ancestors.indices {
            for other in before[node] { ancestors[node].formUnion(ancestors[other]) }
        }
        var best: Int128 = 0
        for set in 0..<(1 << weights.count) {
            let nodes = weights.indices.filter { set & (1 << $0) != 0 }
            guard nodes.allSatisfy({ ancestors[$0].isDisjoint(with: nodes) }) else { continue }
            best = max(best, nodes.reduce(0) { $0 + weights[$1] })
        }
        return best
    }

    @Test func `Q1: it is the heaviest of all sets of which none comes before another`() {
        var random = SeededGenerator(seed: 17)
        for _ in 0..<600 {
            let count = Int.random(in: 0...9, using: &random)
            let density = Int.random(in: 1...6, using: &random)
            let weights = (0..<count).map { _ in Int128(Int.random(in: 0...6, using: &random)) }
            let before = (0..<count).map { node in
                (0..<node).filter { _ in Int.random(in: 0..<7, using: &random) < density }
            }
            let found = Antichain(weights: weights, before: before)
            #expect(found.weight == Self.heaviest(weights, before), "\(weights) \(before)")
            // What it says it is made of is such a set.
            let kept = weights.indices.map { found.nodes.contains($0) ? weights[$0] : 0 }
            #expect(Self.heaviest(kept, before) == found.weight, "\(weights) \(before) \(found.nodes)")
        }
    }

    @Test func `It is found in deep and in wide graphs of ten thousand nodes`() {
        let count = 10_000
        let chain = Antichain(
            weights: (0..<count).map { Int128($0 % 7) }, before: (0..<count).map { $0 == 0 ? [] : [$0 - 1] })
        #expect(chain.weight == 6 && chain.nodes.count == 1)
        let wide = Antichain(
            weights: Array(repeating: 2, count: count),
            before: (0..<count).map { $0 == 0 || $0 == count - 1 ? [] : [0] })
        #expect(wide.weight == Int128(2 * (count - 1)))
        let layers = Antichain(
            weights: Array(repeating: 1, count: count),
            before: (0..<count).map { node in
                node < 100 ? [] : [node - 100, node - node % 100 - 100 + (node + 1) % 100]
            })
        #expect(layers.weight == 100)
    }
}

struct PeakDemandTests {
    typealias Node = RunDemand.Node

    /// Pods of each of these requests, by index.
    private static func demand(
        _ requests: [JSONValue], _ main: [Node], finally: [Node] = [], parallelism: Int? = nil
    ) -> RunDemand {
        var demand = RunDemand()
        demand.templates = requests.map { request in
            ["spec": ["containers": [["name": "main", "resources": ["requests": request]]]]]
        }
        demand.root = RunDemand.Graph(main: main, finally: finally)
        demand.parallelism = parallelism
        return demand
    }

    private static func pods(_ template: Int, _ replicas: Int = 1, times: Int = 1, after: [Int] = []) -> Node {
        Node(work: .pods(template: template, replicas: replicas), times: times, dependencies: after)
    }

    private static func text(_ demand: RunDemand) -> [String] {
        PeakDemand(demand).slots.map { slot in
            "\(slot.count) x " + slot.group.requests.entries.map { "\($0.name) \($0.amount)" }.joined(separator: " ")
        }.sorted()
    }

    @Test func `Q1: the peak is that of the tasks that can run side by side, not of all nor of a level`() {
        let cores: [JSONValue] = [["cpu": 1], ["cpu": 4], ["cpu": 2], ["cpu": 3]]
        // A diamond: b and c between a and d.
        let diamond = [Self.pods(0), Self.pods(1, after: [0]), Self.pods(2, after: [0]), Self.pods(0, after: [1, 2])]
        #expect(Self.text(Self.demand(cores, diamond)) == ["1 x cpu 2000", "1 x cpu 4000"])
        // c, of the second level, may still run beside d, of the third.
        let uneven = [
            Self.pods(0), Self.pods(0, after: [0]), Self.pods(2, after: [0]), Self.pods(1, after: [1]),
        ]
        #expect(Self.text(Self.demand(cores, uneven)) == ["1 x cpu 2000", "1 x cpu 4000"])
        let chain = [Self.pods(0, 9), Self.pods(1, 2, after: [0]), Self.pods(3, after: [1])]
        #expect(Self.text(Self.demand(cores, chain)) == ["9 x cpu 1000"])
    }

    @Test func `E6: finally comes when all others have ended`() {
        let cores: [JSONValue] = [["cpu": 1], ["cpu": 4]]
        #expect(Self.text(Self.demand(cores, [Self.pods(0)], finally: [Self.pods(1)])) == ["1 x cpu 4000"])
        #expect(Self.text(Self.demand(cores, [Self.pods(1)], finally: [Self.pods(0)])) == ["1 x cpu 4000"])
    }

    @Test func `E10, E11: instances count as often as they run at once, a sub-pipeline with its own peak`() {
        let cores: [JSONValue] = [["cpu": 1], ["cpu": 4], ["cpu": 2]]
        let inner = RunDemand.Graph(
            main: [Self.pods(1), Self.pods(2, after: [0]), Self.pods(2, after: [0])], finally: [Self.pods(0)])
        let nodes = [
            Self.pods(0, 2, times: 3), Node(work: .graph(inner), times: 2, dependencies: []),
            Self.pods(1, 5, after: [0]),
        ]
        // 2 x 3 of 1 core before 5 of 4 cores; beside them twice 4 (or twice 2 and 2) cores, which are more pods.
        #expect(Self.text(Self.demand(cores, nodes)) == ["3 x ", "7 x cpu 4000"])
    }

    @Test func `What the run's parallelism does not let run at once is not kept`() {
        let cores: [JSONValue] = [["cpu": 1], ["cpu": 4], ["cpu": 2]]
        let wide = [Self.pods(0, times: 50), Self.pods(1), Self.pods(2, times: 3)]
        #expect(Self.text(Self.demand(cores, wide, parallelism: 1)) == ["1 x cpu 4000"])
        #expect(Self.text(Self.demand(cores, wide, parallelism: 3)) == ["1 x cpu 4000", "2 x cpu 2000"])
        #expect(
            Self.text(Self.demand(cores, wide, parallelism: 100))
                == ["1 x cpu 4000", "3 x cpu 2000", "50 x cpu 1000"])
        let chain = [Self.pods(0), Self.pods(0, after: [0]), Self.pods(0, after: [1])]
        #expect(Self.text(Self.demand(cores, chain, parallelism: 2)) == ["1 x cpu 1000"])
    }

    @Test func `Of each resource exactly the most that is asked for at once is kept`() {
        let pods: [JSONValue] = [
            ["nvidia.com/gpu": 1, "cpu": 1], ["cpu": 64, "memory": "8Gi"], ["cpu": 2], [:],
        ]
        let gib: Int64 = 8 << 30
        // Eight GPU pods of one core each, then one pod of 64 cores.
        let demand = Self.demand(pods, [Self.pods(0, 8), Self.pods(1, after: [0])])
        let total = PeakDemand(demand).total
        #expect(total["nvidia.com/gpu"] == 8 && total["cpu"] == 64_000 && total["memory"] == gib)
        #expect(PeakDemand(demand).slots.reduce(0) { $0 + $1.count } == 8)
        // One GPU pod, then many of cores: more pods than those of the GPUs.
        let many = PeakDemand(Self.demand(pods, [Self.pods(0), Self.pods(2, 5, after: [0])])).total
        #expect(many["nvidia.com/gpu"] == 1 && many["cpu"] == 10_000)
        #expect(Self.text(Self.demand(pods, [Self.pods(3, 4)])) == ["4 x "])
        #expect(PeakDemand(Self.demand(pods, [])).isEmpty)
    }

    @Test func `Of two sets that weigh the same the one of larger pods is kept`() {
        let gpus: [JSONValue] = [["nvidia.com/gpu": 8], ["nvidia.com/gpu": 1]]
        let late = [Self.pods(1, 8), Self.pods(0, after: [0])]
        let early = [Self.pods(0), Self.pods(1, 8, after: [0])]
        for nodes in [late, early] {
            #expect(Self.text(Self.demand(gpus, nodes)) == ["1 x nvidia.com/gpu 8", "7 x "])
        }
    }
}
