import JSON
import KubernetesModel
import Testing

@testable import Simulator

/// Q1: runs with `gangScope: Run`, that begin when the most that they take at once is kept for them.
struct RunScopeTests {
    private static func node(_ name: String, cpu: Int) -> String {
        """
        ---
        apiVersion: v1
        kind: Node
        metadata: {name: \(name)}
        status: {allocatable: {cpu: \(cpu), memory: 64Gi, pods: 110}}

        """
    }

    private static func task(_ name: String, cpu: Int, pods: Int = 1, after: String = "", _ more: String = "") -> String
    {
        """
        {name: \(name), replicas: \(pods), dependsOn: [\(after)]\(more.isEmpty ? "" : ", " + more), \
        container: {image: x, resources: {requests: {cpu: \(cpu)}}}}
        """
    }

    private static func whole(_ name: String, _ tasks: String..., spec: String = "") -> String {
        run(name, "[\(tasks.joined(separator: ", "))]", spec: "gangScope: Run\n  \(spec)")
    }

    /// A job of one task of so many cores, admitted as usual.
    private static func job(_ name: String, cpu: Int) -> String { run(name, "[\(task("a", cpu: cpu))]") }

    private static func admissions(_ report: SimulationReport) -> [String] {
        report.admissions.map { "\($0.run)/\($0.task) \($0.at.microseconds / 1_000_000)" }
    }

    private static let diamond = [
        task("a", cpu: 1), task("b", cpu: 4, after: "a"), task("c", cpu: 2, after: "a"),
        task("d", cpu: 1, after: "b, c"),
    ]

    @Test func `Q1: nothing starts before the peak fits, and from then on nobody else gets it`() {
        let text =
            Self.node("n1", cpu: 8) + Self.job("first", cpu: 3)
            + Self.whole("whole", Self.diamond[0], Self.diamond[1], Self.diamond[2], Self.diamond[3])
            + Self.job("small", cpu: 2)
            + scenario(
                "arrivals: [{run: default/whole, at: 1s}, {run: default/small, at: 2s}]",
                "outcomes: [{run: default/first, duration: 10s}, {duration: 5s}]")
        let report = simulate(text)
        // 6 cores beside 3 of 8: the run waits, though its first task asks for one; the small one may pass.
        #expect(
            Self.admissions(report) == [
                "first/a 0", "small/a 2", "whole/a 10", "whole/b 15", "whole/c 15", "whole/d 20",
            ])
        #expect(report.runs.allSatisfy { $0.phase == "Succeeded" })
    }

    @Test func `Q1: while it runs, what it holds is not given to others, and what it needs no more is`() {
        // The peak is 6 of 8 cores; the one after it asks for 4, which are free when b and c are over.
        let text =
            Self.node("n1", cpu: 8)
            + Self.whole("whole", Self.diamond[0], Self.diamond[1], Self.diamond[2], Self.diamond[3])
            + Self.job("later", cpu: 4) + Self.job("tiny", cpu: 2)
            + scenario(
                "arrivals: [{run: default/later, at: 1s}, {run: default/tiny, at: 1s}]", "outcomes: [{duration: 5s}]")
        let report = simulate(text)
        #expect(
            Self.admissions(report) == [
                "whole/a 0", "tiny/a 1", "whole/b 5", "whole/c 5", "whole/d 10", "later/a 10",
            ])
    }

    @Test func `Q1: two runs that would block each other half way run one after the other`() {
        // Each takes one node for its first task and both for its second.
        func half(_ name: String) -> String {
            Self.whole(
                name, Self.task("a", cpu: 4), Self.task("hold", cpu: 4), Self.task("b", cpu: 4, after: "a"))
        }
        let text =
            Self.node("n1", cpu: 4) + Self.node("n2", cpu: 4) + half("one") + half("two")
            + scenario("outcomes: [{task: hold, duration: 60s}, {duration: 5s}]")
        let report = simulate(text)
        #expect(
            Self.admissions(report) == [
                "one/a 0", "one/hold 0", "one/b 5", "two/a 60", "two/hold 60", "two/b 65",
            ])
        #expect(report.runs.map(\.phase) == ["Succeeded", "Succeeded"])
    }

    @Test func `Q5, Q10: what can never be had is told, and holds nobody up`() {
        let text =
            Self.node("n1", cpu: 5) + Self.whole("whole", Self.diamond[0], Self.diamond[1], Self.diamond[2])
            + Self.job("other", cpu: 5) + scenario("outcomes: [{duration: 5s}]", "until: 60s")
        let report = simulate(text)
        #expect(Self.admissions(report) == ["other/a 0"])
        #expect(report.waiting.map(\.workload.run) == ["whole"])
        #expect(
            report.waiting.first?.reason
                == "the run takes up to 2 pods, 6 cpu at once (gangScope Run): it cannot start as the cluster is: the node has no room for its 2 pods, even with no other run there"
        )
    }

    @Test func `Q1: its room is given back at its end, a failure and a cancel included`() {
        let next = Self.job("next", cpu: 8)
        for (name, end) in [
            ("failure", "outcomes: [{run: default/whole, task: a, exitCode: 1, duration: 5s}, {duration: 5s}]"),
            ("cancel", "actions: [{at: 5s, run: default/whole, state: Cancelled}]\noutcomes: [{duration: 5s}]"),
        ] {
            let text =
                Self.node("n1", cpu: 8) + Self.whole("whole", Self.diamond[0], Self.diamond[1]) + next
                + scenario("arrivals: [{run: default/next, at: 1s}]", end)
            #expect(Self.admissions(simulate(text)) == ["whole/a 0", "next/a 5"], "\(name)")
        }
    }

    @Test func `E10: a forEach keeps room for as many as run at once, fewer as they end`() {
        let each = Self.task("each", cpu: 2, "forEach: {items: [1, 2, 3, 4, 5], parallelism: 3}")
        let text =
            Self.node("n1", cpu: 8)
            + Self.whole("whole", Self.task("a", cpu: 1), each.replacing("dependsOn: []", with: "dependsOn: [a]"))
            + Self.job("two", cpu: 2) + Self.job("four", cpu: 4)
            + scenario(
                "arrivals: [{run: default/two, at: 1s}, {run: default/four, at: 1s}]",
                "outcomes: [{run: default/two, duration: 100s}, {duration: 5s}]")
        let report = simulate(text)
        // 6 cores: two fit beside them; with two instances left 2 more are free, with none 4.
        #expect(
            Self.admissions(report) == [
                "whole/a 0", "two/a 1", "whole/each[0] 5", "whole/each[1] 5", "whole/each[2] 5", "whole/each[3] 10",
                "whole/each[4] 10", "four/a 15",
            ])
    }

    @Test func `Q7: its room is taken back whole, and it asks for it anew`() {
        let queues = """
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: Queue
            metadata: {name: lender}
            spec: {namespaces: [lender], deserved: {cpu: 8}}
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: Queue
            metadata: {name: borrower}
            spec: {namespaces: [default], deserved: {cpu: 0}}

            """
        let text =
            Self.node("n1", cpu: 4) + Self.node("n2", cpu: 4) + queues
            + Self.whole("whole", Self.task("a", cpu: 2, pods: 2), Self.task("b", cpu: 4, after: "a"))
            + Self.job("owner", cpu: 4).replacing("name: owner}", with: "name: owner, namespace: lender}")
            + scenario(
                "arrivals: [{run: lender/owner, at: 100s}, {run: lender/owner2, at: 900s}]".replacing(
                    ", {run: lender/owner2, at: 900s}", with: ""),
                "outcomes: [{run: default/whole, task: a, duration: 200s}, {duration: 50s}]")
        let report = simulate(text)
        // It holds 4 of 8 cores: the owner of all needs no more than are free, and evicts nobody.
        #expect(report.preemptions.isEmpty)
        let full = text.replacing("a\", cpu: 4", with: "").replacing("replicas: 2", with: "replicas: 4")
        let taken = simulate(full)
        #expect(
            taken.preemptions.map { "\($0.victim.run)/\($0.victim.task) for \($0.asker?.run ?? "")" } == [
                "whole/a for owner"
            ])
        #expect(
            Self.admissions(taken) == ["whole/a 0", "owner/a 100", "whole/a 150", "whole/b 350"])
        #expect(taken.runs.allSatisfy { $0.phase == "Succeeded" })
    }

    @Test func `Q9: a new operator finds the room of what runs, and counts it once`() {
        let text =
            Self.node("n1", cpu: 8)
            + Self.whole("whole", Self.diamond[0], Self.diamond[1], Self.diamond[2], Self.diamond[3])
            + Self.job("later", cpu: 3) + Self.job("tiny", cpu: 2)
            + scenario(
                "arrivals: [{run: default/later, at: 3s}, {run: default/tiny, at: 3s}]", "outcomes: [{duration: 5s}]",
                "actions: [{at: 2s, restartOperator: true}, {at: 6s, restartOperator: true}]")
        let report = simulate(text)
        #expect(
            Self.admissions(report) == [
                "whole/a 0", "tiny/a 3", "whole/b 5", "whole/c 5", "whole/d 10", "later/a 10",
            ])
    }

    @Test func `Q1: a node that goes takes its part of the room with it: the run goes on when there is another`() {
        let text =
            Self.node("n1", cpu: 4) + Self.node("n2", cpu: 4)
            + Self.whole("whole", Self.task("a", cpu: 4), Self.task("b", cpu: 4, pods: 2, after: "a"))
            + scenario(
                "outcomes: [{duration: 10s}]",
                "actions: [{at: 5s, delete: {kind: Node, name: n2}}, {at: 30s, apply: {apiVersion: v1, kind: Node, metadata: {name: n3}, status: {allocatable: {cpu: 4, pods: 10, memory: 1Gi}}}}]"
            )
        let report = simulate(text)
        #expect(report.run("whole").phase == "Succeeded", "\(Self.admissions(report)) \(report.waiting)")
        #expect(Self.admissions(report).last == "whole/b 30")
    }

    @Test func `E13: suspended, it keeps what runs and no more`() {
        let text =
            Self.node("n1", cpu: 8)
            + Self.whole("whole", Self.diamond[0], Self.diamond[1], Self.diamond[2], Self.diamond[3])
            + Self.job("later", cpu: 7)
            + scenario(
                "arrivals: [{run: default/later, at: 1s}]", "outcomes: [{duration: 5s}]",
                "actions: [{at: 2s, run: default/whole, state: Suspended}, {at: 20s, run: default/whole, state: Running}]"
            )
        #expect(
            Self.admissions(simulate(text)) == ["whole/a 0", "later/a 2", "whole/b 20", "whole/c 20", "whole/d 25"])
    }

    @Test func `Q5: pods of other sizes than the peak's find room in it or ask for it anew, and nothing stands still`()
    {
        // First eight of one core over two nodes, then one of four.
        let text =
            Self.node("n1", cpu: 4) + Self.node("n2", cpu: 4)
            + Self.whole(
                "whole", Self.task("many", cpu: 1, pods: 8), Self.task("big", cpu: 4, after: "many"),
                Self.task("end", cpu: 1, pods: 4, after: "big"))
            + scenario("outcomes: [{duration: 5s}]")
        #expect(Self.admissions(simulate(text)) == ["whole/many 0", "whole/big 5", "whole/end 10"])
    }

    @Test func `E9: what no node takes in time gives the whole room back until it is queued again`() {
        let text =
            Self.node("n1", cpu: 8)
            + Self.whole("whole", Self.task("a", cpu: 2), Self.task("b", cpu: 8, after: "a"))
            + Self.job("later", cpu: 8)
            + scenario(
                "arrivals: [{run: default/later, at: 1s}]",
                "outcomes: [{run: default/whole, task: a, attempt: 0, failure: Unschedulable}, {duration: 5s}]")
        // The gang time-out is 5 min, the wait after it 30 s.
        #expect(
            Self.admissions(simulate(text)) == ["whole/a 0", "later/a 300", "whole/a 330", "whole/b 335"])
    }
}
