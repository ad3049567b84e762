import Clocks
import KubernetesTesting
import MetricsTestKit
import SeededRandom
import Synchronization
import Testing

@testable import KubernetesRuntime

@Suite struct WorkQueueStateTests {
    private func seconds(_ value: Int) -> Duration { .seconds(value) }

    @Test func `Adds of an item that waits coalesce`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        for _ in 0..<3 { queue.add("a", priority: .high, at: .zero) }
        queue.add("b", priority: .high, at: .zero)
        #expect(queue.counts.depth == 2 && queue.counts.adds == 2)
        #expect(queue.take(at: .zero)?.key == "a")
        #expect(queue.take(at: .zero)?.key == "b")
        #expect(queue.take(at: .zero) == nil)
    }

    @Test func `An item that was added while it was worked on stays back until that is done`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        queue.add("a", priority: .high, at: .zero)
        _ = queue.take(at: .zero)
        queue.add("a", priority: .high, at: .zero)
        #expect(queue.take(at: .zero) == nil && queue.counts.depth == 0)
        queue.done("a", at: seconds(1))
        #expect(queue.take(at: seconds(1))?.key == "a")
        queue.done("a", at: seconds(1))
        #expect(queue.take(at: seconds(1)) == nil && !queue.isProcessing)
    }

    @Test func `Changes go before what was there at the start, in their order`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        for key in ["l1", "l2", "l3"] { queue.add(key, priority: .low, at: .zero) }
        for key in ["h1", "h2"] { queue.add(key, priority: .high, at: .zero) }
        queue.add("l2", priority: .high, at: .zero)
        queue.add("h1", priority: .low, at: .zero)
        #expect(queue.counts.depthHigh == 3 && queue.counts.depthLow == 2)
        var order: [String] = []
        while let (key, _, _) = queue.take(at: .zero) { order.append(key) }
        #expect(order == ["h1", "h2", "l2", "l1", "l3"])
        #expect(queue.counts.depth == 0)
    }

    @Test func `A low item that rises while it is worked on comes back high`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        queue.add("a", priority: .low, at: .zero)
        _ = queue.take(at: .zero)
        queue.add("a", priority: .low, at: .zero)
        queue.add("a", priority: .high, at: .zero)
        queue.add("b", priority: .high, at: .zero)
        queue.done("a", at: .zero)
        #expect(queue.take(at: .zero)?.key == "b")
        let last = queue.take(at: .zero)
        #expect(last?.key == "a" && last?.priority == .high)
    }

    @Test(arguments: [[5, 2], [2, 5], [2, 2], [9, 2, 5]])
    func `Of two delays the earlier counts`(delays: [Int]) {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        for delay in delays { queue.add("a", after: seconds(delay), priority: .high, at: .zero) }
        #expect(queue.take(at: seconds(1)) == nil)
        #expect(queue.nextDeadline == seconds(2) && queue.counts.delayed == 1)
        #expect(queue.take(at: seconds(2))?.key == "a")
        queue.done("a", at: seconds(2))
        #expect(queue.take(at: seconds(100)) == nil && queue.nextDeadline == nil)
    }

    @Test func `An item added at once needs its delay no more`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        queue.add("a", after: seconds(5), priority: .high, at: .zero)
        queue.add("a", priority: .low, at: .zero)
        #expect(queue.take(at: .zero)?.priority == .high)
        queue.done("a", at: .zero)
        #expect(queue.take(at: seconds(10)) == nil)
    }

    @Test func `An item that becomes due while it is worked on stays back`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        queue.add("a", priority: .high, at: .zero)
        _ = queue.take(at: .zero)
        queue.add("a", after: seconds(1), priority: .high, at: .zero)
        #expect(queue.take(at: seconds(2)) == nil)
        queue.done("a", at: seconds(3))
        #expect(queue.take(at: seconds(3))?.key == "a")
    }

    @Test func `Failing items come back later and later, until they are forgotten`() {
        var queue = WorkQueueState<String>(
            limiter: RetryLimiter(base: .milliseconds(5), maximum: .seconds(1)))
        var now = Duration.zero
        var delays: [Duration] = []
        for _ in 0..<10 {
            queue.retry("a", priority: .high, at: now)
            let deadline = queue.nextDeadline ?? .zero
            delays.append(deadline - now)
            now = deadline
            #expect(queue.take(at: now)?.key == "a")
            queue.done("a", at: now)
        }
        #expect(delays == [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000].map { .milliseconds($0) })
        #expect(queue.failureCount("a") == 10 && queue.counts.retries == 10)
        queue.forget("a")
        queue.retry("a", priority: .high, at: now)
        #expect(queue.nextDeadline == now + .milliseconds(5))
        #expect(RetryLimiter().delay(afterFailures: 1_000_000) == .seconds(300))
    }

    @Test func `Events do not make a queue grow in which items wait for late times`() {
        var queue = WorkQueueState<Int>(limiter: RetryLimiter())
        var now = Duration.zero
        // It stays at the top of the heap, above all that no longer counts.
        queue.add(-1, after: seconds(3000), priority: .high, at: now)
        for number in 0..<100_000 {
            let key = number % 100
            now += .milliseconds(1)
            queue.add(key, after: seconds(3600), priority: .high, at: now)
            queue.add(key, priority: .high, at: now)
            #expect(queue.take(at: now)?.key == key)
            queue.add(key, after: seconds(7200), priority: .high, at: now)
            queue.done(key, at: now)
        }
        #expect(queue.counts.delayed == 101 && queue.counts.depth == 0)
        for key in 0..<100 { queue.add(key, after: seconds(3600), priority: .high, at: now) }
        for number in 0..<100_000 {
            let key = number % 100
            queue.add(key, priority: .low, at: now)
            queue.add(key, priority: .high, at: now)
            _ = queue.take(at: now)
            queue.done(key, at: now)
            queue.add(key, after: seconds(3600), priority: .high, at: now)
        }
        #expect(queue.entryCount <= 2 * 101 + 64 + 64 + 1, "\(queue.entryCount)")
        #expect(queue.counts.delayed == 101)
        now += seconds(3600)
        var taken: Set<Int> = []
        while let (key, _, _) = queue.take(at: now) { taken.insert(key) }
        #expect(taken.count == 101)
    }

    @Test func `After a burst, retries of all items together keep to their rate`() {
        let limiter = RetryLimiter(base: .milliseconds(1), jitter: 0, burst: 100, interval: .milliseconds(10))
        var queue = WorkQueueState<Int>(limiter: limiter)
        for key in 0..<300 { queue.retry(key, priority: .high, at: .zero) }
        func ready(at time: Duration) -> Int {
            var count = 0
            while let (key, _, _) = queue.take(at: time) {
                queue.done(key, at: time)
                count += 1
            }
            return count
        }
        // The burst, and one more each 10 ms.
        #expect(ready(at: .milliseconds(1)) == 101)
        #expect(ready(at: .milliseconds(1001)) == 100)
        #expect(ready(at: .seconds(2)) == 99)
        // What was not used comes back, up to the burst.
        for key in 0..<200 { queue.retry(key + 1000, priority: .high, at: .seconds(9)) }
        #expect(ready(at: .seconds(9) + .milliseconds(1)) == 101)
    }

    @Test func `Items that failed together come back spread out, within the share that was said`() {
        let limiter = RetryLimiter(base: .seconds(10), maximum: .seconds(60), jitter: 0.5)
        #expect(limiter.delay(afterFailures: 0, random: 0) == seconds(10))
        #expect(limiter.delay(afterFailures: 1, random: 0.5) == seconds(25))
        #expect(limiter.delay(afterFailures: 9, random: 1) == seconds(90))
        let simulation = Simulation(seed: 11)
        let queue = WorkQueue<Int>(
            limiter: RetryLimiter(base: .seconds(10)), clock: simulation.clock, random: simulation.random)
        for key in 0..<50 { queue.retry(key) }
        let came = Mutex<Set<Double>>([])
        let tasks = [
            simulation.start { await queue.run() },
            simulation.start {
                while let item = await queue.next() {
                    came.withLock { _ = $0.insert(queue.clockTime) }
                    queue.done(item.key)
                }
            },
        ]
        simulation.run(for: .seconds(13))
        let times = came.withLock { $0 }
        #expect(times.count > 40 && times.allSatisfy { (10...12).contains($0) }, "\(times)")
        for task in tasks { task.cancel() }
    }

    @Test func `A queue that is shut down takes nothing in and drops what waits, or finishes it`() {
        for finishing in [false, true] {
            var queue = WorkQueueState<String>(limiter: RetryLimiter())
            queue.add("a", priority: .high, at: .zero)
            _ = queue.take(at: .zero)
            queue.add("a", priority: .high, at: .zero)
            queue.add("b", priority: .low, at: .zero)
            queue.add("c", after: seconds(1), priority: .low, at: .zero)
            queue.shutDown(finishing: finishing)
            queue.add("d", priority: .high, at: .zero)
            queue.done("a", at: .zero)
            var left: Set<String> = []
            while let (key, _, _) = queue.take(at: seconds(9)) { left.insert(key) }
            #expect(left == (finishing ? ["a", "b"] : []))
            #expect(queue.isFinished)
        }
    }

    @Test func `Latency and work are measured`() {
        var queue = WorkQueueState<String>(limiter: RetryLimiter())
        queue.add("a", priority: .high, at: .zero)
        #expect(queue.take(at: .milliseconds(50))?.wait == .milliseconds(50))
        #expect(queue.done("a", at: seconds(5)) == .milliseconds(4950))
        #expect(queue.done("a", at: seconds(6)) == nil)
    }

    @Test func `The queue reports under client-go's names`() async throws {
        let metrics = TestMetrics()
        let clock = ManualClock()
        let queue = WorkQueue<String>(name: "q", clock: clock, metrics: metrics)
        queue.add("a")
        queue.add("b")
        #expect(try metrics.expectGauge("workqueue_depth", [("name", "q")]).lastValue == 2)
        clock.advance(by: .milliseconds(30))
        _ = await queue.next()
        clock.advance(by: .milliseconds(10))
        queue.done("a")
        let waits = try metrics.expectTimer("workqueue_queue_duration_seconds", [("name", "q")]).values
        #expect(waits == [30_000_000])
        #expect(try metrics.expectTimer("workqueue_work_duration_seconds", [("name", "q")]).values == [10_000_000])
        #expect(try metrics.expectCounter("workqueue_adds_total", [("name", "q")]).totalValue == 2)
    }

    /// Against a model: per item, when it was asked for since its last start.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `Nothing is lost, nothing is early, no item is worked on twice at once`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = WorkQueueState<Int>(limiter: RetryLimiter(base: .seconds(1), maximum: .seconds(8)))
        var now = Duration.zero
        var wanted: [Int: Duration] = [:]  // the earliest time an item should run
        var running: Set<Int> = []
        func want(_ key: Int, at time: Duration) { wanted[key] = min(wanted[key] ?? time, time) }
        func check(_ taken: (key: Int, priority: WorkPriority, wait: Duration)?) {
            guard let key = taken?.key else {
                let ready = wanted.filter { $0.value <= now && !running.contains($0.key) }
                #expect(ready.isEmpty, "left lying at \(now): \(ready)")
                return
            }
            #expect(running.insert(key).inserted, "\(key) twice")
            guard let due = wanted.removeValue(forKey: key) else {
                Issue.record("\(key) was not asked for")
                return
            }
            #expect(due <= now, "\(key) is early")
        }
        for _ in 0..<2000 {
            let key = Int.random(in: 0..<12, using: &generator)
            let priority: WorkPriority = Bool.random(using: &generator) ? .high : .low
            switch Int.random(in: 0..<9, using: &generator) {
            case 0, 1:
                queue.add(key, priority: priority, at: now)
                want(key, at: now)
            case 2, 3:
                let delay = Duration.seconds(Int.random(in: 0..<10, using: &generator))
                queue.add(key, after: delay, priority: priority, at: now)
                want(key, at: now + delay)
            case 4:
                let delay = RetryLimiter(base: .seconds(1), maximum: .seconds(8))
                    .delay(afterFailures: queue.failureCount(key))
                queue.retry(key, priority: priority, at: now)
                want(key, at: now + delay)
            case 5, 6: check(queue.take(at: now))
            case 7:
                if let key = running.sorted().randomElement(using: &generator) {
                    running.remove(key)
                    queue.done(key, at: now)
                }
            default: now += .seconds(Int.random(in: 0..<3, using: &generator))
            }
            #expect(queue.counts.processing == running.count)
        }
        now += .seconds(100)
        while !wanted.isEmpty || !running.isEmpty {
            for key in running.sorted() { queue.done(key, at: now) }
            running = []
            guard let taken = queue.take(at: now) else { break }
            check(taken)
        }
        #expect(wanted.isEmpty, "lost")
        #expect(queue.counts.depth == 0 && queue.counts.delayed == 0)
    }
}

@Suite struct WorkQueueTests {
    let simulation = Simulation(seed: 7)

    @Test func `Workers get items as they come, and delayed ones when their time is there`() {
        let queue = WorkQueue<String>(clock: simulation.clock)
        let got = Mutex<[String]>([])
        let tasks = [
            simulation.start { await queue.run() },
            simulation.start {
                while let item = await queue.next() {
                    got.withLock { $0.append("\(item.key) \(queue.clockTime)") }
                    queue.done(item.key)
                }
                got.withLock { $0.append("end") }
            },
        ]
        simulation.settle()
        queue.add("late", after: .seconds(10))
        queue.add("now")
        simulation.run(for: .seconds(1))
        queue.add("soon", after: .seconds(2))
        simulation.run(for: .seconds(20))
        #expect(got.withLock { $0 } == ["now 0.0", "soon 3.0", "late 10.0"])
        #expect(simulation.clock.sleeperCount == 0)
        queue.shutDown()
        simulation.settle()
        #expect(got.withLock { $0.last } == "end")
        for task in tasks { task.cancel() }
    }

    @Test func `A worker that is cancelled while it waits takes no item with it`() {
        let queue = WorkQueue<String>(clock: simulation.clock)
        let waiting = simulation.start { await queue.next()?.key }
        simulation.settle()
        waiting.cancel()
        simulation.settle()
        queue.add("a")
        let got = Mutex<String?>(nil)
        let next = simulation.start {
            let key = await queue.next()?.key
            got.withLock { $0 = key }
        }
        simulation.settle()
        #expect(got.withLock { $0 } == "a")
        next.cancel()
    }

    @Test func `Draining ends when the last worker is done`() {
        let queue = WorkQueue<String>(clock: simulation.clock)
        let isDrained = Mutex(false)
        queue.add("a")
        queue.add("b")
        let worker = simulation.start {
            guard let item = await queue.next() else { return }
            try await simulation.clock.sleep(for: .seconds(5))
            queue.done(item.key)
        }
        simulation.settle()
        queue.shutDown()
        let drain = simulation.start {
            try await queue.waitUntilDrained()
            isDrained.withLock { $0 = true }
        }
        simulation.run(for: .seconds(4))
        #expect(!isDrained.withLock { $0 })
        simulation.run(for: .seconds(1))
        #expect(isDrained.withLock { $0 })
        worker.cancel()
        drain.cancel()
    }
}

extension WorkQueue {
    /// The time on the queue's clock, for the tests' records.
    var clockTime: Double {
        let (seconds, attoseconds) = clock.monotonic.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
