import JSON
import PipelineEngine
import SeededRandom
import SluiceAPI

/// A queue that admits, delays, takes back and gives reasons as it pleases, and keeps count as the real one does.
struct SimulatedQueue {
    enum Answer {
        case admitted, revoked
        case waiting(String)
    }

    var waiting: Set<AttemptKey> = []
    var admitted: Set<AttemptKey> = []
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
            // Of one that lost its admission before there was a pod, the same attempt may ask again.
            queue.revoked.remove(key)
        }
        for key in effects.held.map(\.key) {
            note("hold \(key)")
            guard queue.known.insert(key).inserted else { throw Broken(description: "Q9: holds \(key) twice") }
            queue.drop(key)
            queue.admitted.insert(key)
            queue.asked.insert(key)
            queue.answers.append((key, .admitted))
        }
        for key in effects.enqueued.map(\.key) {
            note("ask \(key)")
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
                queue.answers.append((key, .admitted))
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
    }

    /// The run hears of what was decided.
    mutating func hearAdmissions() {
        while !queue.answers.isEmpty, roughness.lateAnswer == 0 || random.chance(0.5) {
            let (key, answer) = queue.answers.removeFirst()
            note("\(answer) \(key)")
            switch answer {
            case .admitted:
                if queue.asked.contains(key) { queue.known.insert(key) }
                driver.admitted(key, now: world.now)
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
        guard !queue.revoked.contains(key) else {
            throw Broken(description: "Q7: a pod of \(key), whose admission was taken back")
        }
    }
}
