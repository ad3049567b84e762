import JSON
import KubernetesModel
import PipelineEngine
import SeededRandom
import SluiceAPI

/// An API server with its kubelets and people, in virtual time: holds pods, moves them towards their fates, and says what changed.
struct World {
    struct Member {
        var pod: Pod
        var identity: PodIdentity
        var fate: PodFate
        /// When the next thing happens to it, and which.
        var next: (time: Timestamp, step: Step)?
    }

    enum Step { case bind, start, fate, end, deadline }

    enum Change {
        case observed(Pod)
        case gone(name: String, uid: String)
    }

    let scenario: Scenario
    var now: Timestamp
    var pods: [String: Member] = [:]
    /// The last state of every pod that ever was.
    var history: [String: (identity: PodIdentity, pod: Pod)] = [:]
    /// What the watch has not told yet, oldest first, by pod.
    var untold: [String: [Change]] = [:]
    private var version = 0

    init(_ scenario: Scenario, now: Timestamp) {
        self.scenario = scenario
        self.now = now
    }

    /// nil: there is one of that name.
    mutating func create(_ identity: PodIdentity, _ name: String, _ manifest: JSONValue) throws -> Pod? {
        guard pods[name] == nil, let spec = scenario.place(identity.path)?.spec else { return nil }
        var pod = Pod()
        pod.metadata = try ObjectMeta(manifest["metadata"] ?? [:])
        pod.metadata.uid = "\(name)/\(version)"
        pod.metadata.creationTimestamp = now
        let fate = scenario.fate(spec, identity.path, attempt: identity.attempt, replica: identity.replica)
        let bind = fate == .unschedulable ? nil : (now + .seconds(1), Step.bind)
        pods[name] = Member(pod: pod, identity: identity, fate: fate, next: bind)
        if fate == .unschedulable { pods[name]?.pod.beUnschedulable("no node") }
        tell(name)
        return pods[name]?.pod
    }

    mutating func delete(_ name: String, uid: String) {
        guard var member = pods[name], member.pod.metadata.uid == uid else { return }
        guard !member.pod.metadata.isBeingDeleted else { return }
        member.pod.markDeleted(at: now, grace: member.pod.isLive ? 30 : 0)
        if !member.pod.nodeName.isEmpty, member.pod.isLive {
            var random = SeededGenerator(mixing: scenario.seed, UInt64(version))
            member.next = (now + .seconds(Int64(random.pick(0...8))), .end)
        } else {
            member.next = nil
        }
        pods[name] = member
        tell(name)
    }

    mutating func stop(_ name: String, uid: String) {
        guard var member = pods[name], member.pod.metadata.uid == uid else { return }
        member.pod.activeDeadlineSeconds = 1
        var random = SeededGenerator(mixing: scenario.seed, UInt64(version), 5)
        // Now and then a kubelet does not do it: its node hangs.
        if member.pod.isLive, !member.pod.metadata.isBeingDeleted, !random.chance(0.1) {
            member.next = (now + .seconds(Int64(random.pick(0...8))), .deadline)
        }
        pods[name] = member
        tell(name)
    }

    mutating func removeFinalizer(_ name: String, uid: String) {
        guard pods[name]?.pod.metadata.uid == uid else { return }
        pods[name]?.pod.metadata.finalizers = []
        tell(name)
    }

    private mutating func tell(_ name: String) {
        guard var member = pods[name] else { return }
        version += 1
        member.pod.metadata.resourceVersion = String(version)
        pods[name] = member
        history[name] = (member.identity, member.pod)
        untold[name, default: []].append(.observed(member.pod))
        if member.pod.metadata.isBeingDeleted, !member.pod.isLive, member.pod.metadata.finalizers.isEmpty {
            pods[name] = nil
            untold[name, default: []].append(.gone(name: name, uid: member.pod.metadata.uid))
        }
    }

    var nextTime: Timestamp? { pods.values.compactMap(\.next?.time).min() }

    /// Lets everything happen that is due by then.
    mutating func advance(to time: Timestamp) {
        while let due = pods.filter({ ($0.value.next?.time).map { $0 <= time } ?? false })
            .min(by: { ($0.value.next?.time ?? now, $0.key) < ($1.value.next?.time ?? now, $1.key) })
        {
            now = max(now, due.value.next?.time ?? now)
            move(due.key, due.value)
        }
        now = max(now, time)
    }

    private mutating func move(_ name: String, _ member: Member) {
        var member = member
        let step = member.next?.step
        member.next = nil
        switch step {
        case .bind:
            member.pod.bind()
            member.next = (now + .seconds(1), .start)
        case .start:
            switch member.fate {
            case .badImage: member.pod.wait(reason: "InvalidImageName", message: "not a name")
            case .pullStuck: member.pod.wait(reason: "ImagePullBackOff", message: "no registry")
            case .hang, .unschedulable:
                member.pod.run(at: now)
                // Calm scenarios have time-outs for these; in the others even they end some day.
                if !scenario.isCalm { member.next = (now + .seconds(3000), .end) }
            case .succeed(let after), .exit(_, let after), .oom(let after), .evicted(let after), .nodeLost(let after),
                .deleted(let after):
                member.pod.run(at: now)
                member.next = (now + .seconds(after), .fate)
            }
        case .fate:
            switch member.fate {
            case .succeed:
                let identity = member.identity
                let declares = scenario.place(identity.path)?.spec.results.isEmpty == false
                let results = JSONValue.object(scenario.results(identity.path, attempt: identity.attempt))
                member.pod.end(code: 0, at: now, message: declares ? results.text : "")
            case .exit(let code, _): member.pod.end(code: code, at: now)
            case .oom: member.pod.end(code: 137, at: now, reason: "OOMKilled")
            case .evicted:
                member.pod.beDisrupted("EvictionByEvictionAPI", at: now)
                member.next = (now + .seconds(3), .end)
            case .nodeLost: member.pod.loseNode(at: now)
            case .deleted:
                member.pod.markDeleted(at: now)
                member.next = (now + .seconds(2), .end)
            default: break
            }
        case .end: member.pod.end(code: 143, at: now)
        case .deadline: member.pod.endByDeadline(code: 143, at: now)
        case nil: break
        }
        pods[name] = member
        tell(name)
    }
}
