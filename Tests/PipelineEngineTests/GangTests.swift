import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// E9: the pods of an attempt live and die together.
struct GangTests {
    private func gang(_ fields: JSONValue = [:], run: JSONValue = [:]) -> Bench {
        var spec = fields
        spec["replicas"] = 3
        return Bench([task("g", spec)], run: run)
    }

    @Test func `E9: enough of a gang is enough, though replica 0 finds no node; then there are no results`() {
        var bench = Bench([
            task("a", ["replicas": 3, "minAvailable": 2]),
            task("b", ["replicas": 3, "minAvailable": 2, "results": ["r"], "onFailure": "Ignore"]),
        ])
        for name in ["a", "b"] {
            bench.change(name, 0) { pod, _ in pod.beUnschedulable("no node") }
            bench.succeed(name, 1)
            #expect(bench.states(name) == ["Running/Unschedulable"])
            bench.succeed(name, 2)
        }
        #expect(bench.states("a", "b") == ["Succeeded", "Failed/InvalidResults"])
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E9: a gang succeeds when all of it has, with the results of replica 0`() {
        var bench = gang(["results": ["r"]])
        bench.succeed("g", 1, results: #"{"r": 1}"#)
        bench.succeed("g", 0, results: #"{"r": 0}"#)
        #expect(bench.states("g") == ["Running"])
        bench.succeed("g", 2)
        #expect(bench.states("g") == ["Succeeded"])
        #expect(bench.task("g").results == ["r": 0])
        #expect(bench.task("g").pods.count == 3)
        #expect(bench.driver.isDone)
    }

    @Test func `E9: any pod that fails fails the attempt; the rest are deleted; the retry is the whole gang`() {
        var bench = gang(["retry": ["limit": 1]])
        bench.lingers = true
        bench.succeed("g", 2)
        bench.run("g", 0)
        bench.fail("g", 1, code: 8)
        #expect(bench.deleted == [bench.name("g", attempt: 0, 0)])
        #expect(bench.created.count == 3)
        bench.endDeleted()
        #expect(bench.created.count == 6)
        #expect(Set(bench.task("g").pods) == Set((0..<3).map { bench.name("g", attempt: 1, $0) }))
        bench.fail("g", 0, code: 9)
        bench.endDeleted()
        #expect(bench.states("g") == ["Failed/Error"])
        #expect(bench.task("g").exitCode == 9)
    }

    @Test func `E9: a gang that is not scheduled whole within the gang time-out is taken down and comes again`() {
        var bench = gang()
        bench.run("g", 0)
        bench.run("g", 1)
        bench.pass(299)
        #expect(bench.task("g").attempt == 0)
        bench.pass(1)
        #expect(bench.state("g") == "Running/GangTimeout")
        #expect(bench.task("g").disruptions == 0)
        bench.pass(29)
        #expect(bench.created.count == 3)
        bench.restart()
        bench.pass(1)
        #expect(bench.created.count == 6)
        for replica in 0..<3 { bench.run("g", replica) }
        bench.pass(3600)
        #expect(bench.task("g").attempt == 1)
    }

    @Test func `E9: a pod that finds no node is queued again with growing waits, for as long as it takes`() {
        var bench = Bench([task("a", ["retry": ["limit": 0, "on": ["Failed"]]])])
        var began = [bench.now]
        for attempt in 0..<14 {
            bench.change("a") { pod, _ in pod.beUnschedulable("0/1 nodes are available: 1 Insufficient cpu") }
            bench.pass(300)
            #expect(bench.task("a").message.contains("Insufficient cpu"))
            while bench.pods[bench.name("a", attempt: attempt + 1)] == nil { bench.pass(1) }
            began.append(bench.now)
        }
        let waits = zip(began, began.dropFirst()).map { (from: Timestamp, to: Timestamp) in to - from - .seconds(300) }
        #expect(waits.prefix(6).map(\.components.seconds) == [30, 60, 120, 240, 480, 600])
        #expect(waits.last == .seconds(600))
        bench.succeed("a")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test(arguments: 0..<3, [DesiredState.running, .suspended])
    func
        `Q9: a crash with one pod of a gang made and no word of it in the status ends in the other two, none of them twice`(
            made: Int, state: DesiredState
        )
    {
        var bench = gang(run: ["state": "Suspended"])
        let before = bench.persisted
        bench.want(.running, settling: false)
        for action in bench.step() {
            if case .create(let create) = action, create.identity.replica == made { bench.perform(action) }
        }
        #expect(bench.created.count == 1)
        bench.persisted = before
        bench.spec.state = state
        bench.restart()
        #expect(bench.created.count == 3)
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
        for replica in 0..<3 { bench.succeed("g", replica) }
        #expect(bench.states("g") == ["Succeeded"])
        #expect(bench.task("g").attempt == 0)
    }

    @Test func `E9: pods that could not even be made count as not scheduled`() {
        var bench = Bench([task("g", ["replicas": 2])], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        for action in bench.step() {
            if case .create(let create) = action, create.identity.replica == 1 { continue }
            bench.perform(action)
        }
        bench.change("g", 0, settling: false) { $0.run(at: $1) }
        bench.now = bench.now + .seconds(300)
        for action in bench.step() { bench.perform(action) }
        _ = bench.step()
        #expect(bench.task("g").stopping == .failure(.infrastructure))
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func `E9 and E14: of several failures the one that came first decides, in whichever order they are heard of`(
        order: [Int]
    ) {
        var bench = gang(["retry": ["limit": 3, "exitCodes": [11]]])
        let start = bench.now
        bench.now = start + .seconds(30)
        bench.lingers = true
        for replica in 0..<3 { bench.run("g", replica) }
        // Replica 1 failed first, with a code that is not retried; 0 and 2 fell with it.
        let ends: [Int: (Timestamp, Int)] = [
            0: (start + .seconds(9), 11), 1: (start + .seconds(7), 12), 2: (start + .seconds(8), 11),
        ]
        for replica in order {
            guard let (time, code) = ends[replica] else { continue }
            bench.change("g", replica) { pod, _ in pod.end(code: code, at: time) }
        }
        #expect(bench.states("g") == ["Failed/Error"])
        #expect(bench.task("g").exitCode == 12)
    }

    @Test func `E9 and E7: when one rank is preempted and its peers fall over, the infrastructure is to blame`() {
        var bench = gang()
        bench.lingers = true
        for replica in 0..<3 { bench.run("g", replica) }
        bench.change("g", 2) { pod, now in pod.beDisrupted("PreemptionByScheduler", at: now) }
        bench.pass(2)
        bench.fail("g", 0, code: 1)
        bench.fail("g", 1, code: 1)
        bench.endDeleted()
        #expect(bench.task("g").phase == .running)
        #expect([bench.task("g").failures, bench.task("g").disruptions] == [0, 1])
    }

    @Test func `E9 and E7: peers that we ended ourselves do not make a failure the infrastructure's`() {
        var bench = gang()
        bench.lingers = true
        for replica in 0..<3 { bench.run("g", replica) }
        bench.pass(5)
        bench.fail("g", 1, code: 3)
        bench.endDeleted(code: 1)
        #expect(bench.states("g") == ["Failed/Error"])
        #expect(bench.task("g").exitCode == 3)
    }

    @Test func `E9 Leader: the gang has succeeded when replica 0 has; the others are then stopped`() {
        var bench = gang(["successPolicy": "Leader", "results": ["r"]])
        bench.lingers = true
        bench.run("g", 1)
        bench.run("g", 2)
        bench.succeed("g", 0, results: #"{"r": "best"}"#)
        #expect(bench.task("g").phase == .running)
        #expect(Set(bench.deleted) == [bench.name("g", 1), bench.name("g", 2)])
        bench.endDeleted()
        #expect(bench.states("g") == ["Succeeded"])
        #expect(bench.task("g").results == ["r": "best"])
    }

    @Test func `E9 Leader: a worker that ended well does not end the gang; one that failed fails it`() {
        var bench = gang(["successPolicy": "Leader"])
        bench.succeed("g", 1)
        #expect(bench.states("g") == ["Running"])
        bench.fail("g", 2, code: 4)
        #expect(bench.states("g") == ["Failed/Error"])
        #expect(bench.task("g").exitCode == 4)
    }

    @Test func `E9 Leader and E14: a worker that fell over after the leader had succeeded fails nothing`() {
        var bench = gang(["successPolicy": "Leader"])
        bench.lingers = true
        bench.run("g", 2)
        let start = bench.now
        bench.now = start + .seconds(20)
        bench.change("g", 1, settling: false) { pod, _ in pod.end(code: 1, at: start + .seconds(6)) }
        bench.change("g", 0) { pod, _ in pod.end(code: 0, at: start + .seconds(5)) }
        bench.endDeleted()
        #expect(bench.states("g") == ["Succeeded"])
    }

    @Test func `E9 Leader: a leader that ends well because we ended it has not succeeded`() {
        var bench = gang(["successPolicy": "Leader"])
        bench.lingers = true
        for replica in 0..<3 { bench.run("g", replica) }
        bench.pass(5)
        bench.fail("g", 1, code: 3)
        bench.pass(2)
        bench.endDeleted(code: 0)
        #expect(bench.states("g") == ["Failed/Error"])
    }

    @Test func `Q8: a gang of which one pod is refused goes whole and comes again whole, at no cost`() {
        var bench = Bench(
            [task("g", ["replicas": 3, "retry": ["limit": 0, "on": ["Failed"]]])], run: ["state": "Suspended"])
        bench.refusals[bench.name("g", 1)] = [.denied(reason: "Forbidden", message: "exceeded quota")]
        bench.want(.running)
        #expect(bench.task("g").phase == .running)
        #expect(bench.task("g").attempt == 1)
        #expect(bench.created.count == 2)
        bench.pass(1)
        #expect(bench.created.count == 5)
        #expect([bench.task("g").failures, bench.task("g").disruptions] == [0, 0])
        #expect(bench.pods.values.filter(\.isLive).count == 3)
    }

    @Test func `Q8 and E14: nor does it cost anything when the operator is killed meanwhile`() {
        var bench = Bench(
            [task("g", ["replicas": 2, "retry": ["limit": 0, "on": ["Failed"]]])], run: ["state": "Suspended"])
        bench.refusals[bench.name("g", 1)] = [.denied(reason: "Forbidden", message: "exceeded quota")]
        bench.lingers = true
        bench.want(.running, settling: false)
        for action in bench.step() {
            bench.perform(action)
            if case .create(let create) = action, create.identity.replica == 0 {
                bench.change("g", 0, settling: false) { $0.run(at: $1) }
            }
        }
        bench.settle()
        #expect(bench.task("g").stopping == .failure(.infrastructure))
        bench.restart()
        bench.endDeleted()
        bench.pass(300)
        #expect(bench.task("g").phase == .running)
        #expect([bench.task("g").attempt, bench.task("g").disruptions] == [1, 0])
        #expect(bench.pods.values.filter(\.isLive).count == 2)
    }

    @Test func `E7: a create with no answer may have made a pod; the next attempt waits until that is known`() {
        var bench = Bench([task("g", ["replicas": 2])], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        var made = ""
        for action in bench.step() {
            guard case .create(let create) = action else { continue }
            let identity = create.identity
            if identity.replica == 0 {
                // It came into being, but the answer was lost, and the watch has not told yet.
                _ = bench.create(create)
                made = create.name
                bench.driver.podCreateFailed(identity, .indeterminate(message: ""), now: bench.now)
            } else {
                bench.driver.podCreateFailed(
                    identity, .denied(reason: "Forbidden", message: "exceeded quota"), now: bench.now)
            }
        }
        bench.settle()
        bench.pass(30)
        #expect(bench.task("g").attempt == 0)
        bench.observe(made)
        bench.settle()
        #expect(bench.deleted.contains(made))
        bench.pass(60)
        #expect(bench.createdCount[made] == 1)
        #expect(bench.pods.values.filter(\.isLive).count == 2)
        #expect(bench.isLive("g", attempt: 0) == false)
    }

    @Test func `E7: a create with no answer that made nothing holds the next attempt up for a minute only`() {
        var bench = Bench([task("g", ["replicas": 2])], run: ["state": "Suspended"])
        bench.refusals[bench.name("g", 0)] = [.indeterminate(message: "")]
        bench.refusals[bench.name("g", 1)] = [.denied(reason: "Forbidden", message: "exceeded quota")]
        bench.want(.running)
        bench.pass(59)
        #expect(bench.created.isEmpty)
        bench.pass(1)
        #expect(bench.created.count == 2)
    }

    @Test func `E9: cancelling a gang half of which is still being made ends in no pod at all`() {
        var bench = Bench([task("g", ["replicas": 2])], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        let actions = bench.step()
        bench.perform(actions[0])
        bench.want(.cancelled, settling: false)
        bench.settle()
        #expect(bench.task("g").phase == .running)
        #expect(bench.pods.values.filter(\.isLive).isEmpty)
        bench.perform(actions[1])
        bench.settle()
        #expect(bench.task("g").phase == .cancelled)
        #expect(bench.pods.values.filter(\.isLive).isEmpty)
        #expect(bench.driver.isDone)
    }

    @Test(arguments: [(leader: 5, worker: 3), (leader: 3, worker: 5), (leader: 4, worker: 4)], [true, false])
    func
        `E9 Leader and E14: of the leader's success and a worker's failure the earlier counts, in whichever order heard`(
            ends: (leader: Int64, worker: Int64), leaderFirst: Bool
        )
    {
        func play(restarting: Bool) -> String {
            var bench = Bench([task("g", ["replicas": 2, "successPolicy": "Leader"])])
            for replica in 0..<2 { bench.run("g", replica) }
            let start = bench.now
            bench.now = bench.now + .seconds(60)
            func leader() { bench.change("g", 0) { pod, _ in pod.end(code: 0, at: start + .seconds(ends.leader)) } }
            func worker() { bench.change("g", 1) { pod, _ in pod.end(code: 3, at: start + .seconds(ends.worker)) } }
            // What is heard of second has happened already: it has ended, and only the news are late.
            if restarting {
                for (replica, code, end) in [(0, 0, ends.leader), (1, 3, ends.worker)] {
                    bench.pods[bench.name("g", replica)]?.end(code: code, at: start + .seconds(end))
                }
                bench.restart()
            } else if leaderFirst {
                bench.pods[bench.name("g", 1)]?.end(code: 3, at: start + .seconds(ends.worker))
                leader()
                bench.observe(bench.name("g", 1))
                bench.settle()
            } else {
                bench.pods[bench.name("g", 0)]?.end(code: 0, at: start + .seconds(ends.leader))
                worker()
                bench.observe(bench.name("g", 0))
                bench.settle()
            }
            return bench.state("g")
        }
        let expected = ends.leader <= ends.worker ? "Succeeded" : "Failed/Error"
        #expect(play(restarting: false) == expected)
        #expect(play(restarting: true) == expected)
    }

    @Test func `E9 Leader and E14: a worker that is gone once the leader has succeeded fails nothing`() {
        var bench = Bench([task("g", ["replicas": 2, "successPolicy": "Leader"])])
        for replica in 0..<2 { bench.run("g", replica) }
        bench.pods[bench.name("g", 0)]?.end(code: 0, at: bench.now)
        bench.pods[bench.name("g", 1)] = nil
        bench.restart()
        #expect(bench.state("g") == "Succeeded")
        #expect(bench.task("g").disruptions == 0 && bench.createdCount.count == 2)
    }
}
