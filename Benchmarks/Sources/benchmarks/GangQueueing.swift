import GangQueue
import JSON
import KubernetesModel

/// What a decision on a full cluster costs, while nobody has waited long enough for a reservation: 5,000 nodes, 1,000 queues in a tree of three levels, gangs of ten shapes in line.
enum GangQueueing {
    static func run() throws -> JSONValue {
        var figures: JSONValue = [:]
        for waiting in [1_000, 10_000, 100_000] { figures["\(waiting)"] = measure(waiting) }
        return figures
    }

    private static func gang(_ index: Int, queue: Int) -> Workload {
        let shape = index % 10
        return Workload(
            "gang-\(index)", queue: "q\(queue / 100)-\(queue / 10 % 10)-\(queue % 10)", run: "run-\(index)",
            priority: 0,
            arrival: Timestamp(seconds: 1_000_000 + Int64(index / 1000)), timeLimit: 3_600_000_000,
            pods: [PodGroup(["cpu": 4_000, "memory": 1 << 33, "gpu": Int64(1 + shape % 8)], count: 1 + shape)])
    }

    private static func measure(_ waiting: Int) -> JSONValue {
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
        for index in 0..<20_000 { queue.submit(gang(index, queue: index % 1_000)) }
        let fill = timed { running = queue.cycle(now: now).admissions.map(\.key) }
        let before = residentBytes()
        for index in 20_000..<20_000 + waiting { queue.submit(gang(index, queue: index * 7 % 1_000)) }
        let perGang = (residentBytes() - before) / waiting
        let first = timed { _ = queue.cycle(now: now) }
        // All is looked at again: a queue was edited.
        queue.setQueue(QueuePolicy("q0", weight: 5))
        let full = timed { _ = queue.cycle(now: now) }
        var arrivals: [Double] = []
        var ends: [Double] = []
        for step in 0..<200 {
            now = Timestamp(microseconds: now.microseconds + 1_000)
            arrivals.append(
                timed {
                    queue.submit(gang(500_000 + step, queue: step * 13 % 1_000))
                    _ = queue.cycle(now: now)
                })
            guard step < running.count else { continue }
            ends.append(
                timed {
                    queue.remove(running[step])
                    _ = queue.cycle(now: now)
                })
        }
        func middle(_ values: [Double]) -> JSONValue { .double(rounded(values.sorted()[values.count / 2])) }
        func worst(_ values: [Double]) -> JSONValue { .double(rounded(values.max() ?? 0)) }
        return [
            "fillMilliseconds": .double(rounded(fill)), "admittedByFill": .int(Int64(running.count)),
            "firstCycleMilliseconds": .double(rounded(first)), "fullCycleMilliseconds": .double(rounded(full)),
            "arrivalMilliseconds": middle(arrivals), "arrivalWorstMilliseconds": worst(arrivals),
            "endMilliseconds": middle(ends), "endWorstMilliseconds": worst(ends),
            "bytesPerWaitingGang": .int(Int64(perGang)),
        ]
    }
}
