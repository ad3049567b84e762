import Foundation
import GangQueue
import JSON
import KubernetesModel

/// What a decision on a full cluster costs: 5,000 nodes, 1,000 queues in a tree of three levels, gangs of ten shapes in line; then Kueue's
/// published load in virtual time.
enum GangQueueing {
    /// What the queues have to do beside finding no room.
    enum Mix: String, CaseIterable {
        /// Nothing may be evicted yet and nobody has waited long.
        case calm
        /// Half of the queues have taken all, and the others take back what they deserve.
        case reclaim
        /// The first of every queue has waited long enough for a reservation.
        case starving
    }

    static func run() throws -> JSONValue {
        var figures: JSONValue = [:]
        for mix in Mix.allCases { figures[mix.rawValue] = measure(100_000, mix) }
        figures["kueue"] = KueueLoad(cohorts: 5, queues: 6, nominal: 20, divisor: 1).run()
        figures["kueueLarge"] = KueueLoad(cohorts: 10, queues: 100, nominal: 20, divisor: 10).run()
        return figures
    }

    private static func gang(_ index: Int, queue: Int, at: Int64 = 0) -> Workload {
        let shape = index % 10
        return Workload(
            "gang-\(index)", queue: "q\(queue / 100)-\(queue / 10 % 10)-\(queue % 10)", run: "run-\(index)",
            priority: 0, arrival: Timestamp(seconds: 1_000_000 + at + Int64(index / 1000)), timeLimit: 3_600_000_000,
            pods: [PodGroup(["cpu": 4_000, "memory": 1 << 33, "gpu": Int64(1 + shape % 8)], count: 1 + shape)])
    }

    static func measure(_ waiting: Int, _ mix: Mix) -> JSONValue {
        var queue = GangQueue()
        for node in 0..<5_000 {
            queue.setNode(
                NodeSpec("node-\(node)", allocatable: ["cpu": 64_000, "memory": 1 << 38, "gpu": 8, "pods": 110]))
        }
        for one in 0..<10 {
            queue.setQueue(QueuePolicy("q\(one)", weight: Int64(1 + one % 3)))
            for two in 0..<10 {
                queue.setQueue(QueuePolicy("q\(one)-\(two)", parent: "q\(one)"))
                for three in 0..<10 { queue.setQueue(QueuePolicy("q\(one)-\(two)-\(three)", parent: "q\(one)-\(two)")) }
            }
        }
        var now = Timestamp(seconds: 1_000_130)
        let clock = ContinuousClock()
        func timed(_ body: () -> Void) -> Double {
            let begin = clock.now
            body()
            return (clock.now - begin).milliseconds
        }
        // The cluster is filled first, then the others come.
        var running: [String] = []
        for index in 0..<20_000 {
            queue.submit(gang(index, queue: mix == .reclaim ? index % 1_000 / 2 * 2 : index % 1_000))
        }
        var admitted = 0
        var evicted = 0
        func decide() {
            let decisions = queue.cycle(now: now)
            admitted += decisions.admissions.count
            evicted += decisions.evictions.count
            for eviction in decisions.evictions { ended.append((eviction.key, eviction.pods)) }
            running += decisions.admissions.map(\.key)
        }
        var ended: [(String, [PodPlacement])] = []
        let fill = timed(decide)
        let filled = admitted
        now = Timestamp(seconds: 1_000_200 + (mix == .starving ? 900 : 0))
        let before = residentBytes()
        for index in 20_000..<20_000 + waiting {
            queue.submit(gang(index, queue: index * 7 % 1_000, at: mix == .calm ? 70 : 0))
        }
        let perGang = (residentBytes() - before) / waiting
        let first = timed(decide)
        let evictedAtFirst = evicted
        // All is looked at again: a queue was edited.
        queue.setQueue(QueuePolicy("q0", weight: 5))
        let full = timed(decide)
        // The same with nothing to do.
        queue.setQueue(QueuePolicy("q0", weight: 6))
        let again = timed(decide)
        let edited = evicted - evictedAtFirst
        var arrivals: [Double] = []
        var ends: [Double] = []
        for step in 0..<200 {
            now = Timestamp(microseconds: now.microseconds + 1_000)
            arrivals.append(
                timed {
                    queue.submit(gang(500_000 + step, queue: step * 13 % 1_000, at: 200))
                    decide()
                })
            if let (key, pods) = ended.popLast() {
                ends.append(
                    timed {
                        queue.podsGone(key, pods)
                        decide()
                    })
            }
            let key = running[step * 17 % running.count]
            ends.append(
                timed {
                    queue.remove(key)
                    decide()
                })
        }
        func middle(_ values: [Double]) -> JSONValue { .double(rounded(median(values))) }
        func worst(_ values: [Double]) -> JSONValue { .double(rounded(values.max() ?? 0)) }
        return [
            "fillMilliseconds": .double(rounded(fill)), "admittedByFill": .int(Int64(filled)),
            "firstCycleMilliseconds": .double(rounded(first)), "evictionsOfFirst": .int(Int64(evictedAtFirst)),
            "fullCycleMilliseconds": .double(rounded(full)), "fullCycleAgainMilliseconds": .double(rounded(again)),
            "evictionsOfFull": .int(Int64(edited)),
            "arrivalMilliseconds": middle(arrivals), "arrivalWorstMilliseconds": worst(arrivals),
            "endMilliseconds": middle(ends), "endWorstMilliseconds": worst(ends),
            "bytesPerWaitingGang": .int(Int64(perGang)), "admitted": .int(Int64(admitted)),
            "evicted": .int(Int64(evicted)),
        ]
    }
}

/// The load of Kueue's published performance test, in virtual time: per queue 350 small, 100 medium and 50 large jobs, of which each runs for
/// its time; a queue deserves its nominal units and may borrow a hundred more.
struct KueueLoad {
    struct Job {
        var name: String
        var units: Int64
        var milliseconds: Int64
        var priority: Int64
        var every: Int64
        var count: Int
    }

    static let jobs = [
        Job(name: "small", units: 1, milliseconds: 200, priority: 50, every: 100, count: 350),
        Job(name: "medium", units: 5, milliseconds: 500, priority: 100, every: 500, count: 100),
        Job(name: "large", units: 20, milliseconds: 1_000, priority: 200, every: 1_200, count: 50),
    ]

    var cohorts: Int
    var queues: Int
    var nominal: Int64
    /// Of the jobs of each queue.
    var divisor: Int

    func run() -> JSONValue {
        var queue = GangQueue()
        let units = Int64(cohorts * queues) * nominal
        queue.setNode(NodeSpec("node", allocatable: ["unit": units, "pods": units]))
        for cohort in 0..<cohorts {
            let cohortUnits = Int64(queues) * nominal
            queue.setQueue(QueuePolicy("c\(cohort)", deserved: ["unit": cohortUnits]))
            for index in 0..<queues {
                queue.setQueue(
                    QueuePolicy(
                        "c\(cohort)-\(index)", parent: "c\(cohort)", deserved: ["unit": nominal],
                        capability: ["unit": nominal + 100]))
            }
        }
        // Instants in milliseconds with what arrives or ends then.
        var arrivals: [Int64: [(Workload, Job)]] = [:]
        var work: Int64 = 0
        for cohort in 0..<cohorts {
            for index in 0..<queues {
                for job in Self.jobs {
                    for number in 0..<job.count / divisor {
                        let at = Int64(number + 1) * job.every
                        let workload = Workload(
                            "\(job.name)-\(cohort)-\(index)-\(number)", queue: "c\(cohort)-\(index)",
                            priority: job.priority,
                            arrival: Timestamp(microseconds: at * 1000), pods: [PodGroup(["unit": job.units])])
                        arrivals[at, default: []].append((workload, job))
                        work += job.units * job.milliseconds
                    }
                }
            }
        }
        var known: [String: (job: Job, at: Int64)] = [:]
        var ends: [Int64: [String]] = [:]
        var waits: [String: (sum: Int64, count: Int64)] = [:]
        var makespan: Int64 = 0
        var evictions = 0
        var instants = Set(arrivals.keys)
        var before = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &before)
        while let now = instants.min() {
            instants.remove(now)
            for key in ends.removeValue(forKey: now) ?? [] {
                queue.remove(key)
                makespan = now
            }
            for (workload, job) in arrivals[now] ?? [] {
                known[workload.key] = (job, now)
                queue.submit(workload)
            }
            let decisions = queue.cycle(now: Timestamp(microseconds: now * 1000))
            evictions += decisions.evictions.count
            for admission in decisions.admissions {
                guard let (job, at) = known[admission.key] else { continue }
                ends[now + job.milliseconds, default: []].append(admission.key)
                instants.insert(now + job.milliseconds)
                waits[job.name, default: (0, 0)].sum += now - at
                waits[job.name, default: (0, 0)].count += 1
            }
        }
        var after = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &after)
        let started = waits.values.reduce(0) { $0 + $1.count }
        var figures: JSONValue = [
            "jobs": .int(started), "evictions": .int(Int64(evictions)),
            "makespanSeconds": .double(Double(makespan) / 1000),
            "workBoundSeconds": .double(rounded(Double(work) / Double(units) / 1000)),
            "utilisation": .double(rounded(Double(work) / Double(units) / Double(makespan))),
            "cpuSeconds": .double(rounded(after.cpuSeconds - before.cpuSeconds)),
            "peakMegabytes": .double(rounded(Double(after.ru_maxrss) / 1024)),
        ]
        for (name, wait) in waits.sorted(by: { $0.key < $1.key }) {
            figures["\(name)MeanWaitSeconds"] = .double(rounded(Double(wait.sum) / Double(max(1, wait.count)) / 1000))
        }
        return figures
    }
}
