import JSON
import KubernetesModel
import SluiceAPI
import Testing

@testable import PipelineEngine

/// The order of effects (CONTRIBUTING.md, "How the operator survives"), fact by fact.
@Suite struct RunDriverTests {
    private static let start = Timestamp(seconds: 1_800_000_000)

    private func driver(
        tasks count: Int, run: PipelineRunSpec = PipelineRunSpec(), admission: AdmissionMode = .always,
        _ settings: RunDriver.Settings
    ) -> RunDriver {
        let tasks = (0..<count).map { task("t\($0)") }
        let engine = RunEngine(
            run: RunIdentity(namespace: "ns", name: "run", uid: "0f0e"), generation: 1, spec: run,
            pipeline: PipelineSpec(validated: ["tasks": .array(tasks)]), parameters: [:], status: PipelineRunStatus(),
            admission: admission)
        return RunDriver(engine, written: PipelineRunStatus(), settings: settings)
    }

    private func pod(_ create: RunDriver.Create) throws -> Pod {
        var pod = Pod()
        pod.metadata = try ObjectMeta(create.manifest["metadata"] ?? [:])
        pod.metadata.uid = "uid-" + create.name
        pod.metadata.creationTimestamp = Self.start
        return pod
    }

    @Test func `Pods come in batches, and a cancel between two of them takes the rest back`() throws {
        var driver = driver(
            tasks: 10, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .zero, createBatch: 4))
        let first = driver.next(now: Self.start, monotonic: .zero)
        #expect(first.creates.count == 4)
        for create in first.creates { driver.podCreated(try pod(create)) }
        driver.specChanged(to: .cancelled, generation: 2)
        var effects = driver.next(now: Self.start, monotonic: .zero)
        if let write = first.write {
            driver.statusWritten(write, monotonic: .zero)
            effects = driver.next(now: Self.start, monotonic: .zero)
        }
        #expect(effects.creates.isEmpty)
        let write = try #require(effects.write)
        #expect(write.status.phase == .cancelling)
        #expect(effects.releases.isEmpty, "nothing is deleted before the status says why")
        driver.statusWritten(write, monotonic: .zero)
        #expect(driver.next(now: Self.start, monotonic: .zero).releases.count == 4)
    }

    @Test func `Statuses keep their distance, but for one that pods wait for and the last one`() throws {
        var driver = driver(tasks: 2, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .seconds(10)))
        let creates = driver.next(now: Self.start, monotonic: .zero).creates
        var pods = try creates.map(pod)
        for pod in pods { driver.podCreated(pod) }
        let first = try #require(driver.next(now: Self.start, monotonic: .zero).write)
        driver.statusWritten(first, monotonic: .zero)
        pods[0].nodeName = "n"
        pods[0].end(code: 0, at: Self.start)
        driver.podObserved(pods[0])
        let effects = driver.next(now: Self.start, monotonic: .seconds(3))
        #expect(effects.isIdle)
        #expect(effects.wakeAfter == .seconds(7))
        pods[1].nodeName = "n"
        pods[1].end(code: 0, at: Self.start)
        driver.podObserved(pods[1])
        let last = try #require(driver.next(now: Self.start, monotonic: .seconds(4)).write)
        #expect(last.status.phase == .succeeded)
    }

    @Test func `A failed write keeps back what it would have told, and is asked for again`() throws {
        var driver = driver(tasks: 1, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .zero))
        var pod = try pod(driver.next(now: Self.start, monotonic: .zero).creates[0])
        pod.nodeName = "n"
        pod.end(code: 0, at: Self.start)
        driver.podCreated(pod)
        let lost = try #require(driver.next(now: Self.start, monotonic: .zero).write)
        #expect(driver.next(now: Self.start, monotonic: .zero).isIdle, "one write at a time")
        driver.statusWriteFailed(lost)
        let again = driver.next(now: Self.start, monotonic: .zero)
        #expect(again.releases.isEmpty)
        let write = try #require(again.write)
        #expect(write.revision > lost.revision)
        driver.statusWritten(lost, monotonic: .zero)
        #expect(
            driver.next(now: Self.start, monotonic: .zero).isIdle, "the answer to a write that is over says nothing")
        driver.statusWritten(write, monotonic: .zero)
        #expect(
            driver.next(now: Self.start, monotonic: .zero).releases
                == [.removeFinalizer(name: pod.metadata.name, uid: pod.metadata.uid)])
        #expect(!driver.isDone)
    }

    @Test func `A decision that comes while a status is under way is not taken for written by it`() throws {
        var driver = driver(tasks: 1, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .zero))
        let create = driver.next(now: Self.start, monotonic: .zero).creates[0]
        driver.podCreated(try pod(create))
        let write = try #require(driver.next(now: Self.start, monotonic: .zero).write)
        driver.specChanged(to: .cancelled, generation: 2)
        _ = driver.next(now: Self.start, monotonic: .zero)
        driver.statusWritten(write, monotonic: .zero)
        let effects = driver.next(now: Self.start, monotonic: .zero)
        #expect(effects.releases.isEmpty)
        #expect(effects.write?.status.phase == .cancelling)
    }

    @Test func `A release that failed is asked for again after a while, not at once`() throws {
        var driver = driver(
            tasks: 1, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .zero, retryDelay: .seconds(2)))
        var pod = try pod(driver.next(now: Self.start, monotonic: .zero).creates[0])
        pod.nodeName = "n"
        pod.end(code: 0, at: Self.start)
        driver.podCreated(pod)
        driver.statusWritten(try #require(driver.next(now: Self.start, monotonic: .zero).write), monotonic: .zero)
        let release = try #require(driver.next(now: Self.start, monotonic: .zero).releases.first)
        driver.requestFailed(name: release.name, monotonic: .seconds(1))
        let waiting = driver.next(now: Self.start, monotonic: .seconds(2))
        #expect(waiting.isIdle)
        #expect(waiting.wakeAfter == .seconds(1))
        #expect(driver.next(now: Self.start, monotonic: .seconds(3)).releases == [release])
    }

    @Test func `A run that ends before its first status was due has one status and one event`() throws {
        var driver = driver(tasks: 1, RunDriver.Settings(firstStatusDelay: .seconds(1), statusInterval: .seconds(5)))
        var pod = try pod(driver.next(now: Self.start, monotonic: .zero).creates[0])
        driver.podCreated(pod)
        let waiting = driver.next(now: Self.start, monotonic: .milliseconds(400))
        #expect(waiting.isIdle && waiting.events.isEmpty)
        #expect(waiting.wakeAfter == .milliseconds(600))
        pod.nodeName = "n"
        pod.end(code: 0, at: Self.start)
        driver.podObserved(pod)
        let effects = driver.next(now: Self.start, monotonic: .milliseconds(500))
        let write = try #require(effects.write)
        #expect(write.status.phase == .succeeded)
        #expect(effects.events.isEmpty, "nothing is told before it is written")
        driver.statusWritten(write, monotonic: .milliseconds(500))
        #expect(driver.next(now: Self.start, monotonic: .milliseconds(500)).events.map(\.reason) == ["Succeeded"])
    }

    @Test func `One that goes on has the event of its start, once, and not again after a failed write`() throws {
        var driver = driver(tasks: 1, RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .zero))
        driver.podCreated(try pod(driver.next(now: Self.start, monotonic: .zero).creates[0]))
        driver.statusWriteFailed(try #require(driver.next(now: Self.start, monotonic: .zero).write))
        let again = driver.next(now: Self.start, monotonic: .zero)
        #expect(again.events.isEmpty)
        driver.statusWritten(try #require(again.write), monotonic: .zero)
        #expect(driver.next(now: Self.start, monotonic: .zero).events.map(\.reason) == ["Started"])
        #expect(driver.next(now: Self.start, monotonic: .zero).events.isEmpty)
    }

    private static let quick = RunDriver.Settings(firstStatusDelay: .zero, statusInterval: .seconds(5))

    @Test func `A run that its queue admits at once is never written as Queued, and at once as Running`() throws {
        var driver = driver(tasks: 1, admission: .queue, Self.quick)
        let asked = driver.next(now: Self.start, monotonic: .zero)
        #expect(asked.write == nil && asked.wakeAfter == .seconds(1))
        driver.admitted(asked.enqueued[0].key, now: Self.start)
        driver.podCreated(try pod(driver.next(now: Self.start, monotonic: .milliseconds(5)).creates[0]))
        let write = driver.next(now: Self.start, monotonic: .milliseconds(9)).write
        #expect(write?.status.phase == .running)
    }

    @Test func `A run that waits says so when its queue does, or after a second of silence`() throws {
        var driver = driver(tasks: 1, admission: .queue, Self.quick)
        let key = driver.next(now: Self.start, monotonic: .zero).enqueued[0].key
        var silent = driver
        #expect(silent.next(now: Self.start, monotonic: .seconds(1)).write?.status.phase == .queued)

        driver.waiting(key, reason: "WaitingForQuota", message: "none is free", queue: "q", position: 0)
        let write = try #require(driver.next(now: Self.start, monotonic: .milliseconds(5)).write)
        #expect(write.status.phase == .queued && write.status.queue?.name == "q")
        driver.statusWritten(write, monotonic: .milliseconds(5))
        // People wait for this one: it does not keep its distance.
        driver.admitted(key, now: Self.start)
        driver.podCreated(try pod(driver.next(now: Self.start, monotonic: .milliseconds(9)).creates[0]))
        var busy = driver
        #expect(driver.next(now: Self.start, monotonic: .milliseconds(20)).write?.status.phase == .running)
        // But where many runs share the API server.
        busy.statusPace = 2
        #expect(busy.next(now: Self.start, monotonic: .milliseconds(20)).write == nil)
    }
}
