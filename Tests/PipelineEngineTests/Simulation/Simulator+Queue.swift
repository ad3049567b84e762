import JSON
import PipelineEngine
import SeededRandom
import SluiceAPI

/// A queue that admits, delays, takes back and gives reasons as it pleases, and keeps count as the real one does.
struct SimulatedQueue {
    enum Answer {
        case revoked
        case waiting(String)
        /// So many replicas may have pods; one more may; so many are left.
        case admitted(Int)
        case joined(Int)
        case shrunk(Int)
    }

    var waiting: Set<AttemptKey> = []
    var admitted: Set<AttemptKey> = []
    /// What they asked for, and how many of their replicas the queue let in.
    var sizes: [AttemptKey: AdmissionRequest] = [:]
    var joined: [AttemptKey: Int] = [:]
    /// How many the run knows to be let in.
    var knownReplicas: [AttemptKey: Int] = [:]
    /// What the run has not heard yet, in order.
    var answers: [(key: AttemptKey, answer: Answer)] = []
    /// What this engine has asked for or has shown to be its own, and what it knows to be admitted.
    var asked: Set<AttemptKey> = []
    var known: Set<AttemptKey> = []
    /// Whether the run's driver was made anew: it asks anew for all that it needs.
    var isNewDriver = false
    /// What it knows to be taken back.
    var revoked: Set<AttemptKey> = []

    /// Answers that were decided before the attempt asked anew are void.
    mutating func drop(_ key: AttemptKey) {
        waiting.remove(key)
        admitted.remove(key)
        joined[key] = nil
        answers.removeAll { $0.key == key }
    }
}

/// Rules Q1, Q7 and Q9, seen from the run: whatever the queue does, nothing has pods that was not admitted, and nothing that is asked
/// for or held is forgotten.
extension Simulator {
    /// What the run asks of the queue.
    mutating func takeAdmission(_ effects: RunDriver.Effects) throws {
        guard isQueued else {
            guard effects.enqueued.isEmpty, effects.held.isEmpty, effects.withdrawn.isEmpty else {
                throw Broken(description: "Q1: asks a queue that is not there")
            }
            return
        }
        if queue.isNewDriver {
            queue.isNewDriver = false
            let kept = Set((effects.held + effects.enqueued).map(\.key))
            for key in queue.waiting.union(queue.admitted) where !kept.contains(key) { queue.drop(key) }
        }
        for key in effects.withdrawn {
            note("withdraw \(key)")
            queue.drop(key)
            queue.asked.remove(key)
            queue.known.remove(key)
            queue.knownReplicas[key] = nil
            // Of one that lost its admission before there was a pod, the same attempt may ask again.
            queue.revoked.remove(key)
        }
        for request in effects.held {
            let key = request.key
            note("hold \(key)")
            guard queue.known.insert(key).inserted else { throw Broken(description: "Q9: holds \(key) twice") }
            queue.drop(key)
            queue.admitted.insert(key)
            queue.asked.insert(key)
            queue.sizes[key] = request
            let last = world.pods.values.map(\.identity)
                .filter { $0.path == key.path && $0.attempt == key.attempt && $0.replica < request.replicas }
                .map(\.replica).max()
            letIn(key, scenario.isCalm ? request.replicas : max(request.minAvailable, (last ?? 0) + 1))
        }
        for request in effects.enqueued {
            let key = request.key
            note("ask \(key)")
            queue.sizes[key] = request
            guard queue.asked.insert(key).inserted else { throw Broken(description: "Q1: \(key) asks twice") }
            queue.drop(key)
            queue.waiting.insert(key)
        }
    }

    /// The queue decides on some, or on all that wait.
    mutating func decideAdmissions(all: Bool = false) {
        for key in queue.waiting.sorted().shuffled(using: &random) {
            if all || random.chance(0.3) {
                queue.waiting.remove(key)
                queue.admitted.insert(key)
                guard let size = queue.sizes[key] else { continue }
                let isPartly = !scenario.isCalm && random.chance(0.5)
                letIn(key, isPartly ? random.pick(size.minAvailable...size.replicas) : size.replicas)
            } else if random.chance(0.2) {
                queue.answers.append((key, .waiting(random.pick(["WaitingForQuota", "WaitingForNodes"]))))
            }
        }
        // A calm scenario has its end whatever the order, but not whatever the number of attempts.
        guard !scenario.isCalm else { return }
        for key in queue.admitted.sorted() where random.chance(0.02) && revocations < 20 {
            revocations += 1
            queue.admitted.remove(key)
            queue.answers.append((key, .revoked))
        }
        for key in queue.admitted.sorted() {
            guard let joined = queue.joined[key], let size = queue.sizes[key], size.minAvailable < size.replicas else {
                continue
            }
            if joined < size.replicas, random.chance(0.1) {
                queue.joined[key] = joined + 1
                queue.answers.append((key, .joined(joined)))
            } else if joined > size.minAvailable, random.chance(0.05) {
                let left = random.pick(size.minAvailable...joined - 1)
                queue.joined[key] = left
                queue.sizes[key]?.replicas = left
                queue.answers.append((key, .shrunk(left)))
            }
        }
    }

    private mutating func letIn(_ key: AttemptKey, _ replicas: Int) {
        queue.joined[key] = replicas
        queue.answers.append((key, .admitted(replicas)))
    }

    /// The run hears of what was decided.
    mutating func hearAdmissions() {
        while !queue.answers.isEmpty, roughness.lateAnswer == 0 || random.chance(0.5) {
            let (key, answer) = queue.answers.removeFirst()
            note("\(answer) \(key)")
            switch answer {
            case .admitted(let replicas):
                if queue.asked.contains(key) { queue.known.insert(key) }
                queue.knownReplicas[key] = replicas
                driver.admitted(key, replicas: replicas, now: world.now)
            case .joined(let replica):
                queue.knownReplicas[key] = replica + 1
                driver.joined(key, replica: replica, node: nil)
            case .shrunk(let replicas):
                queue.knownReplicas[key] = replicas
                driver.shrunk(key, to: replicas, message: "for another")
            case .waiting(let reason): driver.waiting(key, reason: reason, message: "for \(reason)", queue: "q")
            case .revoked:
                if queue.known.contains(key) { queue.revoked.insert(key) }
                driver.revoked(key, reason: "Preempted", message: "for another", now: world.now)
            }
        }
    }

    /// With nothing under way, what the queue keeps is what the run has need of.
    func checkAdmissions() throws {
        let rows = Rows(driver.status(now: world.now))
        for key in queue.waiting.union(queue.admitted).sorted() {
            let row = rows[key.path]
            guard !row.phase.isFinished, row.attempt == key.attempt,
                isShort || row.phase == .running || queue.waiting.contains(key)
            else {
                throw Broken(description: "Q1: the queue keeps \(key) of \(row.json.text)")
            }
        }
    }

    /// Whether nothing waits, and all that is admitted has a pod that proves it: else a new operator asks again.
    var isAdmissionProved: Bool {
        queue.waiting.isEmpty
            && queue.admitted.allSatisfy { key in
                world.pods.values.contains { $0.identity.path == key.path && $0.identity.attempt == key.attempt }
            }
    }

    /// May the pods of that attempt come into being?
    func checkAdmitted(_ identity: PodIdentity) throws {
        let key = AttemptKey(path: identity.path, attempt: identity.attempt)
        guard !isQueued || queue.known.contains(key) else {
            throw Broken(description: "Q1: a pod of \(key), which is not admitted")
        }
        guard !isQueued || identity.replica < queue.knownReplicas[key] ?? 0 else {
            throw Broken(description: "Q7: replica \(identity.replica) of \(key), which has not joined")
        }
        guard !queue.revoked.contains(key) else {
            throw Broken(description: "Q7: a pod of \(key), whose admission was taken back")
        }
    }
}
