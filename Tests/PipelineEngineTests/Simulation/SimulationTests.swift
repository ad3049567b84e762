import Foundation
import JSON
import SeededRandom
import SluiceAPI
import Synchronization
import Testing

/// E1 to E14 over generated runs in a rough world. `SLUICE_SIMULATION_SEEDS` sets how many seeds, `SLUICE_FIRST_SEED` where they begin,
/// `SLUICE_SEED` runs one alone and makes it smaller where it fails, `SLUICE_HUNT` goes on after a failure and tells it in one line.
struct SimulationTests {
    static let environment = ProcessInfo.processInfo.environment

    /// Seeds that once found a fault.
    static let regressions: [UInt64] = [
        12, 42, 129, 142, 177, 210, 294, 363, 467, 490, 526, 590, 622, 826, 864, 936, 968, 977, 1166, 1279, 1584, 2025,
        2449, 3269,
    ]

    static var seeds: [UInt64] {
        if let seed = number("SLUICE_SEED") { return [seed] }
        let first = number("SLUICE_FIRST_SEED") ?? 0
        let count = number("SLUICE_SIMULATION_SEEDS") ?? 50
        return Array(first..<first + count) + regressions.filter { $0 >= first + count }
    }

    /// Steps of the engine in all tests together, told once at the end of a hunt.
    private static let steps = Mutex((sum: 0, tests: 0))

    private static func count(_ sum: Int) {
        let total = steps.withLock { steps in
            steps = (steps.sum + sum, steps.tests + 1)
            return steps.tests == 2 ? steps.sum : nil
        }
        if let total, environment["SLUICE_HUNT"] != nil { print("\(seeds.count) seeds, \(total) steps") }
    }

    private static func number(_ name: String) -> UInt64? { environment[name].flatMap { UInt64($0) } }

    private static func roughness(_ seed: UInt64, calm: Bool) -> Simulator.Roughness {
        var random = SeededGenerator(mixing: seed, 7)
        return Simulator.Roughness(
            crash: random.pick([0, 0.01, 0.05, 0.2]), requestFails: random.pick([0, 0.05, 0.3]),
            duplicate: random.pick([0, 0.3]), skip: random.pick([0, 0.5]), lateAnswer: random.pick([0, 0.5]),
            lag: calm ? 0 : random.pick([0, 0.2]), slowWrites: random.pick([0, 0.5, 0.9]))
    }

    private struct Played {
        var problem: String?
        var phase: RunPhase
        var steps: Int
    }

    private func play(_ scenario: Scenario, world: UInt64, log: Simulator.Log? = nil) -> Played {
        let isCalm = scenario.isCalm
        let roughness =
            isCalm && world == 0
            ? .none : Self.roughness(scenario.seed * (isCalm ? 4 : 3) + world, calm: isCalm)
        var simulator = Simulator(scenario, roughness, seed: world)
        simulator.log = log
        var played = Played(phase: .pending, steps: 0)
        do {
            let status = try simulator.run()
            played.phase = status.phase
            if isCalm { played.problem = Oracle(scenario: scenario).difference(status) }
        } catch {
            played.problem = "\(error)"
        }
        played.steps = simulator.steps
        return played
    }

    /// Plays the scenario in several worlds; reports what is broken, with what is needed to have it again. False where that ends the test.
    private func play(_ scenario: Scenario, worlds: UInt64, _ played: (Played) -> Void) -> Bool {
        for world in 0..<worlds {
            let result = play(scenario, world: world)
            played(result)
            guard let problem = result.problem else { continue }
            let name = "SLUICE_SEED=\(scenario.seed) (\(scenario.isCalm ? "calm " : "")world \(world))"
            if Self.environment["SLUICE_HUNT"] != nil {
                print("FAULT \(name): \(problem.prefix(300))")
                return true
            }
            let small = Self.environment["SLUICE_SEED"] == nil ? scenario : smaller(scenario, world)
            let log = Simulator.Log()
            let again = play(small, world: world, log: log).problem ?? problem
            Issue.record("\(name): \(again)\n\(small.text)")
            if Self.environment["SLUICE_SEED"] != nil { print(log.lines.joined(separator: "\n")) }
            return false
        }
        return true
    }

    /// A scenario of fewer parts that is broken as well.
    private func smaller(_ scenario: Scenario, _ world: UInt64) -> Scenario {
        var best = scenario
        var tries = 0
        var hasChanged = true
        let kind = play(scenario, world: world).problem?.prefix(8)
        while hasChanged {
            hasChanged = false
            for candidate in best.smaller {
                tries += 1
                guard tries < 3000 else { return best }
                if let problem = play(candidate, world: world).problem, problem.prefix(8) == kind {
                    best = candidate
                    hasChanged = true
                    break
                }
            }
        }
        return best
    }

    @Test func `E14: a run whose end is determined comes to that end in every world`() {
        var steps = 0
        for seed in Self.seeds {
            guard play(Scenario(seed: seed, isCalm: true), worlds: 4, { steps += $0.steps }) else { return }
        }
        #expect(steps > 0)
        Self.count(steps)
    }

    @Test func `E1 to E14 hold whatever users, pods and the API server do`() {
        var steps = 0
        var phases: [RunPhase: Int] = [:]
        for seed in Self.seeds {
            let goesOn = play(Scenario(seed: seed, isCalm: false), worlds: 3) {
                steps += $0.steps
                phases[$0.phase, default: 0] += 1
            }
            guard goesOn else { return }
        }
        // The generator must reach every kind of end.
        if Self.seeds.count >= 100 { #expect(phases.count >= 3) }
        Self.count(steps)
    }
}
