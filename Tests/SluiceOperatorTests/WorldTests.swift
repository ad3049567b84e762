import Foundation
import KubernetesModel
import Testing

/// The operator in worlds as rough as real ones, drawn by a seed.
///
///     SLUICE_OPERATOR_SEEDS=5000 swift test --filter WorldTests     so many seeds
///     SLUICE_FIRST_SEED=1000                                        from that one on
///     SLUICE_SEED=17 swift test --filter WorldTests                 that one, with its story
///
/// Together with SWIFT_DETERMINISTIC_HASHING=1 a seed gives the same run each time.
@Suite struct WorldTests {
    /// Seeds that once failed, and why.
    static let permanent: [(seed: UInt64, why: String)] = [
        (
            29,
            "a release that came with a status write was forgotten when the write failed, and the pod was held for ever"
        ),
        (135, "the same, by 503 alone"),
        (4276, "a pod of a deleted run, made after another run of its name had begun, was held for ever"),
        (4479, "a pod with a sidecar that was deleted by force after its main container had ended well ran once more"),
        (
            111_737,
            "a pod that a lost create brought about late, after its run had ended, was taken for the one before it: asked for "
                + "already, and never looked at again"
        ),
        (
            201_002,
            "an attempt that asked again in the look in which it was withdrawn was dropped by the queue, and waited for ever"
        ),
        (201_329, "with a queue: an attempt of a run whose engine was made anew was admitted with nobody to take it"),
        (
            27581,
            "a create that was refused as too large failed its attempt though the operator before had made that pod, of which the "
                + "watch had not told: the next attempt ran beside it"
        ),
        (6344, "a gang whose leader had a sidecar was stopped by our own delete, which then counted as its failure"),
    ]

    /// What the operator does not hold yet, so that the rules pass over it, with seeds that show it without that.
    static let limits: [(seed: UInt64, what: String)] = [
        (
            2372,
            "a create without an answer that has its effect while the watch of pods is more than the 60 s of unansweredGrace "
                + "behind: the cache says that there is no pod, and the next attempt starts beside it"
        ),
        (
            1667,
            "a create without an answer that has its effect after it was repeated, and after that pod was deleted and let "
                + "go: the name is free, and an attempt that is over runs once more until it is deleted"
        ),
        (
            4490,
            "a create without an answer of an operator that was killed: the next one does not know of it, and does not wait "
                + "for what it may still bring into being"
        ),
    ]

    private static var environment: [String: String] { ProcessInfo.processInfo.environment }

    private static var seeds: [UInt64] {
        if let one = environment["SLUICE_SEED"].flatMap({ UInt64($0) }) { return [one] }
        let count = environment["SLUICE_OPERATOR_SEEDS"].flatMap { UInt64($0) } ?? 200
        let first = environment["SLUICE_FIRST_SEED"].flatMap { UInt64($0) } ?? 0
        let nested = first == 0 ? WorldScenario.firstNestedSeed..<WorldScenario.firstNestedSeed + count / 2 : 0..<0
        let queued = first == 0 ? WorldScenario.firstQueuedSeed..<WorldScenario.firstQueuedSeed + count / 2 : 0..<0
        let whole = first == 0 ? WorldScenario.firstWholeSeed..<WorldScenario.firstWholeSeed + count / 2 : 0..<0
        return permanent.map(\.seed) + Array(first..<first + count) + Array(nested) + Array(queued) + Array(whole)
    }

    @Test
    func `E4, E7, E13 and E14: whatever a world does, runs end as they should and nothing is doubled, lost or kept`() {
        for seed in Self.seeds {
            var world = World(seed: seed, tellsStory: Self.environment["SLUICE_SEED"] != nil)
            let problems = world.run()
            #expect(problems.isEmpty, "seed \(seed) (\(world.profile.text)): \(problems.joined(separator: "; "))")
        }
    }
}
