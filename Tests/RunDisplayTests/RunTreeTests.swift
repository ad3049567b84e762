import KubernetesModel
import RunDisplay
import SluiceAPI
import Testing

@Suite struct RunTreeTests {
    private static let start = Timestamp(seconds: 1_000)

    private func pipeline(_ tasks: [(String, [String])]) -> PipelineSpec {
        var pipeline = PipelineSpec()
        pipeline.tasks = tasks.map { name, dependencies in
            var task = TaskSpec(name: name)
            task.dependsOn = dependencies.map { Dependency(task: $0) }
            return task
        }
        return pipeline
    }

    private func task(
        _ name: String, _ phase: TaskPhase, from: Int64? = nil, to: Int64? = nil, _ message: String = "",
        change: (inout TaskStatus) -> Void = { _ in }
    ) -> TaskStatus {
        var status = TaskStatus(name: name, phase: phase)
        status.startTime = from.map { Self.start + .seconds($0) }
        status.completionTime = to.map { Self.start + .seconds($0) }
        status.message = message
        change(&status)
        return status
    }

    private func lines(
        _ pipeline: PipelineSpec, _ tasks: [TaskStatus], progress: String = "", columns: Int = 80, rows: Int = 24,
        after: Int64 = 10, hasColour: Bool = false, change: (inout RunTree) -> Void = { _ in }
    ) -> [String] {
        var tree = RunTree(pipeline, name: "run", created: Self.start)
        var status = PipelineRunStatus()
        status.phase = .running
        status.progress = progress
        status.tasks = tasks
        change(&tree)
        tree.update(status)
        return tree.lines(
            now: Self.start + .seconds(after), size: TerminalSize(columns: columns, rows: rows), hasColour: hasColour)
    }

    @Test func `A tree of tasks tells durations, attempts and why a retry waits`() {
        let lines = lines(
            pipeline([("data", []), ("train", ["data"]), ("report", ["train"])]),
            [
                task("data", .succeeded, from: 0, to: 2),
                task("train", .pending, from: 2, "exit code 1: out of paper") {
                    $0.attempt = 1
                    $0.nextAttemptTime = Self.start + .seconds(14)
                },
            ], progress: "1/3")
        #expect(
            lines == [
                "run  Running  1/3 tasks  10.0s",
                "✔ data  2.0s",
                "  · train  8.0s  attempt 1  again in 4.0s  exit code 1: out of paper",
                "    · report",
            ])
    }

    @Test func `A task whose pods have not started is starting, not running`() {
        let pipeline = pipeline([("train", [])])
        let train = task("train", .running, from: 8) { $0.pods = ["p0", "p1"] }
        #expect(lines(pipeline, [train])[1] == "◌ train  starting  2.0s")
        #expect(lines(pipeline, [train]) { $0.tasks.noteStarted(pod: "p1") }[1] == "● train  2.0s")
    }

    @Test func `One task is called 1 task`() {
        #expect(
            lines(pipeline([("a", [])]), [task("a", .succeeded)], progress: "1/1")[0] == "run  Running  1/1 task  10.0s"
        )
        var status = PipelineRunStatus()
        status.phase = .succeeded
        status.progress = "1/1"
        #expect(RunSummary.lines(status, elapsed: .seconds(2)) == ["Succeeded  1/1 task  2.0s"])
    }

    @Test(arguments: [(80, 24), (200, 60), (40, 5), (20, 2)], [3, 30, 300])
    func `The tree fits every terminal, whatever runs`(size: (Int, Int), count: Int) {
        let names = (0..<count).map { "task-\($0)" }
        let pipeline = pipeline(names.map { ($0, []) })
        for phase in TaskPhase.allCases {
            let tasks = names.enumerated().map { index, name in
                task(name, index % 7 == 3 ? .failed : phase, from: 0, String(repeating: "模型 ", count: 60))
            }
            let lines = lines(pipeline, tasks, progress: "3/\(count)", columns: size.0, rows: size.1)
            #expect(lines.count < size.1)
            #expect(lines.allSatisfy { DisplayWidth.of($0) < size.0 })
        }
    }

    @Test func `What does not fit is folded: neighbours that are done or wait become one line`() {
        let names = (0..<40).map { "t\($0)" }
        let tasks = names.enumerated().map { index, name in
            task(name, index < 20 ? .succeeded : index < 22 ? .running : .pending, from: 0, to: index < 20 ? 1 : nil)
        }
        #expect(
            lines(pipeline(names.map { ($0, []) }), tasks, progress: "20/40") == [
                "run  Running  20/40 tasks  10.0s", "✔ 20 tasks done", "● t20  10.0s", "● t21  10.0s",
                "· 18 tasks waiting",
            ])
    }

    @Test func `Of more tasks than lines those that failed are shown first`() {
        let names = (0..<40).map { "t\($0)" }
        let tasks = names.map { task($0, $0 == "t39" ? .failed : .running, from: 0) }
        let lines = lines(pipeline(names.map { ($0, []) }), tasks, progress: "1/40", rows: 6)
        #expect(
            lines == [
                "run  Running  1/40 tasks  10.0s", "● t0  10.0s", "● t1  10.0s", "✖ t39  10.0s", "… 37 tasks running",
            ])
    }

    @Test func `Only what runs or failed is shown of the items of a task`() {
        let items = (0..<30).map { task("each[\($0)]", $0 < 10 ? .succeeded : $0 < 20 ? .running : .pending, from: 0) }
        let all = [task("each", .running, from: 0) { $0.items = 30 }] + items
        let lines = lines(pipeline([("each", [])]), all, progress: "10/31")
        #expect(lines.count == 10)
        #expect(lines[1] == "● each  10.0s  30 items")
        #expect(lines[2] == "  ● each[10]  10.0s")
    }

    @Test func `No escape sequence of a task reaches the terminal, and colours are the tree's own`() {
        let tasks = [task("a", .failed, from: 0, to: 1, "\u{1B}[2Jboom\nand more")]
        #expect(lines(pipeline([("a", [])]), tasks)[1] == "✖ a  1.0s  boom and more")
        #expect(
            lines(pipeline([("a", [])]), tasks, hasColour: true)[1] == "\u{1B}[31m✖ a  1.0s  boom and more\u{1B}[0m")
    }

    @Test func `Plain lines tell each change once, and a task runs once a pod of it does`() {
        var plain = PlainLines(pipeline([("a", [])]), created: Self.start)
        var status = PipelineRunStatus()
        status.tasks = [task("a", .running, from: 1) { $0.pods = ["p"] }]
        let now = Self.start + .seconds(2)
        #expect(plain.lines(status, now: now) == [])
        #expect(plain.lines(startedPod: "p", now: now) == ["2.0s  a  Running"])
        #expect(plain.lines(startedPod: "p", now: now) == [])
        status.tasks = [task("a", .failed, from: 1, to: 2, "exit code 1: \u{1B}[1mx") { $0.reason = "Error" }]
        #expect(plain.lines(status, now: now) == ["2.0s  a  Failed, after 1.0s (Error: exit code 1: x)"])
    }
}
