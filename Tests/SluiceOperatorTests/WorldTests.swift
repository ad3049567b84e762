import Foundation
import KubernetesModel
import Testing

/// The operator in worlds as rough as real ones, drawn by a seed.
///
///     SLUICE_OPERATOR_SEEDS=5000 swift test --filter WorldTests     so many seeds
///     SLUICE_SEED=17 swift test --filter WorldTests                 that one, with its story
@Suite struct WorldTests {
    /// Seeds that once failed, and why.
    static let permanent: [(seed: UInt64, why: String)] = []

    private static var environment: [String: String] { ProcessInfo.processInfo.environment }

    private static var seeds: [UInt64] {
        if let one = environment["SLUICE_SEED"].flatMap({ UInt64($0) }) { return [one] }
        let count = environment["SLUICE_OPERATOR_SEEDS"].flatMap { UInt64($0) } ?? 200
        let first = environment["SLUICE_FIRST_SEED"].flatMap { UInt64($0) } ?? 0
        return permanent.map(\.seed) + Array(first..<first + count)
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
