import Testing

@testable import ProcessNode

/// The probes of a container, in virtual time.
@Suite struct ProbeScheduleTests {
    /// A container whose probes answer by a script, in a line of events: `1 r+` is a readiness probe that begins at the first second and
    /// succeeds.
    private struct World {
        var schedule: ProbeSchedule
        /// What each kind answers, one letter a probe: `+`, `-`, or `?` for one that cannot be carried out. The last one goes on.
        var answers: [ProbeSchedule.Kind: String]
        /// How long each takes.
        var duration = Duration.zero
        var log: [String] = []
        var counts: [ProbeSchedule.Kind: Int] = [:]

        private static func letter(_ kind: ProbeSchedule.Kind) -> String { String(kind.rawValue.prefix(1)) }

        /// Goes on until that time, or to the failure of the container.
        mutating func run(until limit: Duration) {
            var now = Duration.zero
            var ends: [(kind: ProbeSchedule.Kind, time: Duration)] = []
            while schedule.failed == nil {
                let next = [schedule.next, ends.map(\.time).min()].compactMap { $0 }.min()
                guard let next, next <= limit else { return }
                now = max(now, next)
                for (kind, time) in ends where time <= now {
                    let script = Array(answers[kind] ?? "+")
                    let answer = script[min((counts[kind] ?? 1) - 1, script.count - 1)]
                    let before = schedule
                    schedule.end(kind, answer == "+" ? .success : answer == "-" ? .failure : .unknown, at: now)
                    if before.isReady != schedule.isReady {
                        log.append("\(now.components.seconds) \(schedule.isReady ? "ready" : "unready")")
                    }
                    if let failed = schedule.failed { log.append("\(now.components.seconds) \(failed) failed") }
                }
                ends.removeAll { $0.time <= now }
                for kind in schedule.begin(at: now) {
                    counts[kind, default: 0] += 1
                    log.append("\(now.components.seconds) \(Self.letter(kind))")
                    ends.append((kind, now + duration))
                }
            }
        }
    }

    private static func timing(
        delay: Int = 0, period: Int = 10, success: Int = 1, failure: Int = 3
    ) -> ProbeSchedule.Timing {
        ProbeSchedule.Timing(
            initialDelay: .seconds(delay), period: .seconds(period), successThreshold: success,
            failureThreshold: failure)
    }

    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var timings: [ProbeSchedule.Kind: ProbeSchedule.Timing]
        var answers: [ProbeSchedule.Kind: String] = [:]
        var duration = 0
        var log: [String]

        init(
            _ name: String, _ timings: [ProbeSchedule.Kind: ProbeSchedule.Timing],
            _ answers: [ProbeSchedule.Kind: String] = [:], duration: Int = 0, _ log: [String]
        ) {
            (testDescription, self.timings, self.answers, self.duration, self.log) = (
                name, timings, answers, duration, log
            )
        }
    }

    @Test(arguments: [
        Case(
            "readiness comes with the first success", [.readiness: timing()], [.readiness: "+"],
            [
                "0 r", "0 ready", "10 r", "20 r", "30 r",
            ]),
        Case(
            "it goes with the third failure and comes back", [.readiness: timing(period: 4)],
            [.readiness: "+--+---+"],
            ["0 r", "0 ready", "4 r", "8 r", "12 r", "16 r", "20 r", "24 r", "24 unready", "28 r", "28 ready", "32 r"]),
        Case(
            "failures count in a row", [.readiness: timing(period: 4, failure: 2)], [.readiness: "+-+--+"],
            [
                "0 r", "0 ready", "4 r", "8 r", "12 r", "16 r", "16 unready", "20 r", "20 ready", "24 r", "28 r",
                "32 r",
            ]),
        Case(
            "so do successes", [.readiness: timing(success: 3)], [.readiness: "++"],
            [
                "0 r", "10 r", "20 r", "20 ready", "30 r",
            ]),
        Case(
            "one that cannot be carried out does not count", [.liveness: timing(failure: 2)],
            [.liveness: "-?-"], ["0 l", "10 l", "20 l", "20 liveness failed"]),
        Case(
            "the first one waits for the delay", [.liveness: timing(delay: 7, failure: 2)], [.liveness: "-"],
            [
                "7 l", "17 l", "17 liveness failed",
            ]),
        Case(
            "the start-up probe holds back the others, and is over with its success",
            [.startup: timing(), .readiness: timing(), .liveness: timing(delay: 25)],
            [.startup: "-+", .readiness: "+"],
            ["0 s", "10 s", "10 r", "10 ready", "20 r", "25 l", "30 r"]),
        Case(
            "a container without a readiness probe is ready when it has started", [.startup: timing(period: 3)],
            [.startup: "--+"], ["0 s", "3 s", "6 s", "6 ready"]),
        Case(
            "a start-up probe that fails ends the container", [.startup: timing(period: 2), .readiness: timing()],
            [.startup: "-"], ["0 s", "2 s", "4 s", "4 startup failed"]),
        Case(
            "a probe that takes longer than the period is followed at once, never joined by another",
            [.readiness: timing(period: 5)], [.readiness: "+"], duration: 8,
            ["0 r", "8 ready", "8 r", "16 r", "24 r", "32 r"]),
        Case(
            "one that is shorter does not move the next", [.readiness: timing(period: 10)], [.readiness: "+"],
            duration: 3, ["0 r", "3 ready", "10 r", "20 r", "30 r"]),
    ])
    func `Probes are due, and count, as with a kubelet`(_ one: Case) {
        var world = World(
            schedule: ProbeSchedule(one.timings), answers: one.answers, duration: .seconds(one.duration))
        world.run(until: .seconds(32))
        #expect(world.log == one.log)
    }

    @Test func `Without probes a container has started and is ready, and nothing is due`() {
        var schedule = ProbeSchedule([:])
        #expect(schedule.isStarted && schedule.isReady && schedule.next == nil)
        #expect(schedule.begin(at: .seconds(100)) == [])
    }

    @Test func `A container that is being ended is only asked whether it is ready`() {
        var schedule = ProbeSchedule([.readiness: Self.timing(), .liveness: Self.timing(failure: 1)])
        #expect(schedule.begin(at: .zero) == [.readiness, .liveness])
        schedule.stop()
        schedule.end(.readiness, .success, at: .seconds(1))
        schedule.end(.liveness, .failure, at: .seconds(1))
        #expect(schedule.failed == nil && schedule.isReady)
        #expect(schedule.begin(at: .seconds(50)) == [.readiness])
    }
}
