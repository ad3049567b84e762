import Clocks
import Foundation
import Glibc
import JSON
import KubernetesModel
import Testing

@testable import ProcessNode

/// A machine in virtual time: what its effects lead to is scripted.
private struct Replay {
    /// What becomes of a container that is started.
    enum Fate {
        /// It cannot be started.
        case problem(String)
        /// It ends by itself after a while.
        case ends(after: Duration, ProcessSupervisor.Exit, message: String = "")
        /// It runs until it is asked to end, and heeds that after a while, with that code.
        case runs(untilTerm: Duration?, code: Int = 143)
    }

    private struct Event {
        var time: Duration
        var message: PodMachine.Message
    }

    private(set) var machine: PodMachine
    private let fates: (_ container: String, _ attempt: Int) -> Fate
    private var queue: [Event] = []
    private var time = Duration.zero
    private var pids: [Int32: (index: Int, attempt: Int)] = [:]
    private(set) var statuses: [JSONValue] = []
    private(set) var told: [String] = []
    private(set) var signals: [Int32] = []
    /// Containers as they were started.
    private(set) var starts: [String] = []
    private var pod: NodePod

    private static let begin = Timestamp(seconds: 1_800_000_000)
    private var moment: PodMachine.Moment { .init(wall: Self.begin + time, monotonic: time) }

    init(_ pod: JSONValue, _ fates: @escaping (String, Int) -> Fate) throws {
        self.pod = try NodePod(pod)
        self.fates = fates
        machine = PodMachine(self.pod, at: .init(wall: Self.begin, monotonic: .zero))
        let effects = machine.begin(at: moment)
        for effect in effects { perform(effect) }
    }

    /// A message that comes from outside at that time.
    mutating func post(_ message: PodMachine.Message, at time: Duration) {
        queue.append(Event(time: time, message: message))
    }

    /// Changes the pod's object at that time.
    mutating func change(at time: Duration, _ body: (inout JSONValue) -> Void) throws {
        run(until: time)
        var json = pod.json
        body(&json)
        pod = try NodePod(json)
        post(.pod(pod), at: time)
    }

    /// Goes on until nothing more happens, or that time.
    mutating func run(until limit: Duration = .seconds(100_000)) {
        // In their order where the times are the same.
        while let index = queue.indices.min(by: { (queue[$0].time, $0) < (queue[$1].time, $1) }),
            queue[index].time <= limit
        {
            let event = queue.remove(at: index)
            time = max(time, event.time)
            let effects = machine.take(event.message, at: moment)
            for effect in effects { perform(effect) }
            if machine.hasFinished { return }
        }
        time = max(time, min(limit, time))
    }

    private mutating func soon(_ message: PodMachine.Message, after delay: Duration = .zero) {
        post(message, at: time + delay)
    }

    private mutating func perform(_ effect: PodMachine.Effect) {
        switch effect {
        case .prepare: soon(.prepared(.success([:])))
        case .start(let index):
            let container = machine.containers[index]
            starts.append(container.spec.name)
            let pid = Int32(100 + pids.count)
            switch fates(container.spec.name, container.attempt) {
            case .problem(let reason):
                soon(.started(index, .failure(ContainerProblem(reason: reason, message: "of the script"))))
                return
            case .ends(let delay, let exit, _):
                launch(index, pid)
                soon(.exited(index, exit), after: delay)
            case .runs: launch(index, pid)
            }
        case .signal(let pid, let number):
            signals.append(number)
            guard let (index, attempt) = pids[pid] else { return }
            let container = machine.containers[index]
            if number == SIGKILL {
                soon(.exited(index, .init(code: 137)))
            } else if case .runs(let delay?, let code) = fates(container.spec.name, attempt) {
                soon(.exited(index, .init(code: code)), after: delay)
            }
        case .readMessage(let index, let exit):
            let container = machine.containers[index]
            var message = ""
            if case .ends(_, _, let text) = fates(container.spec.name, container.attempt) { message = text }
            soon(.read(index, exit, message: message))
        case .write(let status, _):
            statuses.append(status)
            soon(.written(status, isSuccess: true))
        case .wake(let delay, let message): soon(message, after: delay)
        case .act(let index, let attempt, let action, _, _, _, _):
            soon(.acted(index, attempt: attempt, action, .success))
        case .measure: soon(.measured(nil))
        case .confirmDeletion:
            soon(.deleted(isSuccess: true))
            soon(.gone)
        case .event(_, let reason, _): told.append(reason)
        case .endAction, .releaseDevices, .log: break
        }
    }

    private mutating func launch(_ index: Int, _ pid: Int32) {
        let container = machine.containers[index]
        pids[pid] = (index, container.attempt)
        var ready = ContainerLaunch.Ready(
            path: "", arguments: [], environment: [], directory: "", log: "", mounts: [])
        ready.care = (try? ContainerCare(container.spec)) ?? ContainerCare()
        soon(.launching(index, ready))
        soon(.started(index, .success(pid)))
    }
}

/// What a node makes of pods, in virtual time, beside what a kubelet made of the same pods (recorded on Kubernetes 1.36).
@Suite struct PodMachineTests {
    /// The states of a recorded pod.
    private static func recording(_ name: String) throws -> [JSONValue] {
        let path = #filePath.replacing(
            "ProcessNodeTests/PodMachineTests.swift", with: "PipelineEngineTests/Resources/pods/\(name).jsonl")
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
            try #require(try JSONValue(parsing: String(line))["object"])
        }
    }

    /// What a kubelet says that does not depend on the time and the machine.
    private static func essence(_ status: JSONValue) -> JSONValue {
        func container(_ json: JSONValue) -> JSONValue {
            var essence: JSONValue = [:]
            for field in ["name", "ready", "started", "restartCount"] { essence[field] = json[field] }
            for (state, content) in json["state"]?.object ?? [:] {
                essence["state"] = .string(state)
                // Runtimes word theirs differently.
                for field in ["exitCode", "reason"] + (content["exitCode"] == 128 ? [] : ["message"]) {
                    essence[field] = content[field]
                }
                if state == "waiting" { essence["message"] = nil }
            }
            return essence
        }
        var essence: JSONValue = [:]
        for field in ["phase", "reason", "message"] { essence[field] = status[field] }
        for field in ["initContainerStatuses", "containerStatuses"] {
            essence[field] = (status[field]?.array).map { .array($0.map(container)) }
        }
        for condition in status["conditions"]?.array ?? [] where condition["type"] != "PodScheduled" {
            var rest: JSONValue = [:]
            for field in ["status", "reason", "message"] { rest[field] = condition[field] }
            essence[condition["type"]?.string ?? ""] = rest
        }
        return essence
    }

    /// The pod as it was bound.
    private static func bound(_ states: [JSONValue]) throws -> JSONValue {
        var pod = try #require(states.first { $0[path: "spec", "nodeName"] != nil })
        pod["status"] = ["phase": "Pending"]
        pod["metadata"]?["deletionTimestamp"] = nil
        return pod
    }

    private typealias Fate = Replay.Fate
    private static func ends(_ code: Int, _ message: String = "", outOfMemory: Bool = false) -> Fate {
        .ends(after: .seconds(1), .init(code: code, isOutOfMemory: outOfMemory), message: message)
    }

    @Test(arguments: [
        "succeeded", "failed-exit-3", "killed-by-signal-9", "oom-killed", "command-not-found",
        "succeeded-termination-message", "two-containers-one-fails", "init-container-failed", "native-sidecar",
        "create-container-config-error",
    ])
    func `A pod ends as a kubelet has it end`(name: String) throws {
        let states = try Self.recording(name)
        let last = try #require(states.last { $0[path: "metadata", "deletionTimestamp"] == nil }?["status"])
        // What became of each container is the script.
        func fate(_ container: String, _ attempt: Int) -> Fate {
            let all = (last["initContainerStatuses"]?.array ?? []) + (last["containerStatuses"]?.array ?? [])
            let state = all.first { $0["name"]?.string == container }?["state"]
            if let reason = state?[path: "waiting", "reason"]?.string { return .problem(reason) }
            guard let end = state?["terminated"] else { return .runs(untilTerm: .zero) }
            if end["exitCode"] == 128 { return .problem("StartError") }
            let isSidecar = states[0][path: "spec", "initContainers"]?.array?.contains {
                $0["name"]?.string == container && $0["restartPolicy"] == "Always"
            }
            let code = Int(end["exitCode"]?.int ?? 0)
            if isSidecar == true { return .runs(untilTerm: .zero, code: code) }
            return Self.ends(code, end["message"]?.string ?? "", outOfMemory: end["reason"] == "OOMKilled")
        }
        var replay = try Replay(try Self.bound(states), fate)
        replay.run(until: .seconds(20))
        let final = try #require(replay.statuses.last)
        #expect(Self.essence(final) == Self.essence(last), "\(Self.essence(final).text)\n\(Self.essence(last).text)")
    }

    /// A pod of containers with these names, and init containers.
    private static func pod(_ main: [String], initial: [JSONValue] = [], _ spec: JSONValue = [:]) -> JSONValue {
        var spec = spec
        spec["containers"] = .array(main.map { ["name": .string($0), "image": "x"] })
        if !initial.isEmpty { spec["initContainers"] = .array(initial) }
        spec["nodeName"] = "local"
        return [
            "metadata": ["name": "p", "namespace": "n", "uid": "u", "generation": 1], "spec": spec,
            "status": ["phase": "Pending"],
        ]
    }

    @Test(arguments: [
        "stopped-by-deadline", "stopped-by-deadline-ignores-term", "stopped-by-deadline-with-native-sidecar",
    ])
    func `E13: A pod that is stopped by its deadline ends as a kubelet has it end`(name: String) throws {
        let states = try Self.recording(name)
        let last = try #require(states.last { $0[path: "metadata", "deletionTimestamp"] == nil }?["status"])
        func fate(_ container: String, _ attempt: Int) -> Fate {
            let all = (last["initContainerStatuses"]?.array ?? []) + (last["containerStatuses"]?.array ?? [])
            let code = all.first { $0["name"]?.string == container }?[path: "state", "terminated", "exitCode"]?.int ?? 0
            // Killed: it has not heeded the signal.
            return code == 137 ? .runs(untilTerm: nil) : .runs(untilTerm: .milliseconds(100), code: Int(code))
        }
        var bound = try Self.bound(states)
        bound["spec"]?["activeDeadlineSeconds"] = nil
        var replay = try Replay(bound, fate)
        try replay.change(at: .seconds(10)) { $0["spec"]?["activeDeadlineSeconds"] = 1 }
        replay.run(until: .seconds(9))
        #expect(replay.signals == [])
        replay.run()
        let final = try #require(replay.statuses.last)
        #expect(Self.essence(final) == Self.essence(last), "\(Self.essence(final).text)\n\(Self.essence(last).text)")
    }

    @Test func `Init containers come one after the other, sidecars stay, and end after the main containers`() throws {
        var replay = try Replay(
            Self.pod(
                ["a", "b"],
                initial: [
                    ["name": "first", "image": "x"], ["name": "side", "image": "x", "restartPolicy": "Always"],
                    ["name": "second", "image": "x"],
                ], ["restartPolicy": "Never"])
        ) { name, _ in name == "side" ? .runs(untilTerm: .zero, code: 0) : Self.ends(0) }
        replay.run(until: .seconds(1))
        #expect(replay.starts == ["first", "side", "second"])
        replay.run(until: .seconds(2))
        #expect(replay.starts == ["first", "side", "second", "a", "b"] && replay.signals == [])
        replay.run()
        #expect(replay.signals.first == SIGTERM)
        #expect(replay.statuses.last?["phase"] == "Succeeded")
    }

    @Test func `An init container that fails for good ends the pod, and no main container starts`() throws {
        var replay = try Replay(
            Self.pod(["a"], initial: [["name": "i", "image": "x"]], ["restartPolicy": "Never"])
        ) { _, _ in Self.ends(3) }
        replay.run()
        #expect(replay.starts == ["i"])
        #expect(replay.statuses.last?["phase"] == "Failed")
    }

    @Test func `A container that fails is started again after a back-off that doubles up to five minutes`() throws {
        var replay = try Replay(Self.pod(["a"], initial: [], ["restartPolicy": "Always"])) { _, attempt in
            attempt < 12 ? Self.ends(1) : .runs(untilTerm: .zero)
        }
        replay.run()
        #expect(replay.starts.count == 13)
        let waits = replay.statuses.compactMap {
            $0[path: "containerStatuses"]?[0]?[path: "state", "waiting", "message"]?.string
        }.filter { $0.hasPrefix("back-off") }.map { $0.split(separator: " ")[1] }
        #expect(waits == ["1s", "2s", "4s", "8s", "16s", "32s", "64s", "128s", "256s", "300s", "300s", "300s"])
        #expect(replay.statuses.last?["containerStatuses"]?[0]?["restartCount"] == 12)
    }

    @Test func `A pod that is deleted is asked, killed after its grace period, and confirmed when nothing is left`()
        throws
    {
        var replay = try Replay(Self.pod(["a", "deaf"], initial: [], ["restartPolicy": "Always"])) { name, _ in
            .runs(untilTerm: name == "deaf" ? nil : .seconds(1), code: 0)
        }
        try replay.change(at: .seconds(10)) {
            $0["metadata"]?["deletionTimestamp"] = "2027-01-15T08:00:10Z"
            $0["metadata"]?["deletionGracePeriodSeconds"] = 5
        }
        replay.run(until: .seconds(14))
        #expect(replay.signals == [SIGTERM, SIGTERM] && !replay.machine.hasFinished)
        replay.run()
        #expect(replay.signals.last == SIGKILL && replay.machine.hasFinished)
        #expect(replay.statuses.last?["containerStatuses"]?[1]?[path: "state", "terminated", "exitCode"] == 137)
        #expect(replay.starts.count == 2, "nothing is started again")
    }

    @Test func `Hooks share the grace period, and probes make a pod ready`() throws {
        var pod = Self.pod([], initial: [], ["restartPolicy": "Never", "terminationGracePeriodSeconds": 7])
        pod["spec"]?["containers"] = [
            [
                "name": "a", "image": "x", "readinessProbe": ["exec": ["command": ["true"]], "initialDelaySeconds": 3],
                "lifecycle": [
                    "postStart": ["exec": ["command": ["true"]]], "preStop": ["exec": ["command": ["true"]]],
                ],
            ]
        ]
        var replay = try Replay(pod) { _, _ in .runs(untilTerm: .zero, code: 0) }
        replay.run(until: .seconds(2))
        func ready(_ status: JSONValue?) -> JSONValue? {
            status?["conditions"]?.array?.first { $0["type"] == "Ready" }?["status"]
        }
        #expect(replay.statuses.last?["phase"] == "Running" && ready(replay.statuses.last) == "False")
        replay.run(until: .seconds(8))
        #expect(ready(replay.statuses.last) == "True")
        try replay.change(at: .seconds(10)) {
            $0["metadata"]?["deletionTimestamp"] = "2027-01-15T08:00:10Z"
            $0["metadata"]?["deletionGracePeriodSeconds"] = 7
        }
        replay.run()
        #expect(replay.signals == [SIGTERM] && replay.machine.hasFinished && replay.told.contains("Killing"))
    }

    @Test func `A disruption of an earlier node is told, and costs nothing that restarts`() throws {
        let running: JSONValue = [
            "phase": "Running", "startTime": "2027-01-15T07:00:00Z",
            "containerStatuses": [
                [
                    "name": "a", "restartCount": 0, "containerID": "process://1-u-0",
                    "state": ["running": ["startedAt": "2027-01-15T07:00:01Z"]],
                ]
            ],
        ]
        var never = Self.pod(["a"], initial: [], ["restartPolicy": "Never"])
        never["status"] = running
        let lost = try Replay(never) { _, _ in Self.ends(0) }
        #expect(lost.statuses.last?["reason"] == "NodeShutdown" && lost.starts == [])
        #expect(lost.statuses.last?["conditions"]?.array?.contains { $0["type"] == "DisruptionTarget" } == true)
        var always = Self.pod(["a"], initial: [], ["restartPolicy": "Always"])
        always["status"] = running
        var again = try Replay(always) { _, _ in .runs(untilTerm: .zero) }
        again.run(until: .seconds(5))
        #expect(again.starts == ["a"])
        #expect(again.statuses.last?["containerStatuses"]?[0]?["restartCount"] == 1)
    }
}
