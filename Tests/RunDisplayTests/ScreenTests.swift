import KubernetesModel
import RunDisplay
import SluiceAPI
import Testing

/// Whole screens of one run, as a person has them.
@Suite struct ScreenTests {
    private static let start = Timestamp(seconds: 1_000)

    /// Twenty folds after one task, a sweep beside them, a report after all: in the middle of it, with two failures.
    private static let run: RunTree = {
        let folds = (0..<20).map { "fold-\($0)" }
        func spec(_ name: String, _ dependencies: [String]) -> TaskSpec {
            var task = TaskSpec(name: name)
            task.dependsOn = dependencies.map { Dependency(task: $0) }
            return task
        }
        var pipeline = PipelineSpec()
        pipeline.tasks =
            [spec("prepare", [])] + folds.map { spec($0, ["prepare"]) }
            + [spec("sweep", ["prepare"]), spec("report", folds + ["sweep"])]
        pipeline.finally = [spec("notify", [])]

        func status(_ name: String, _ phase: TaskPhase, _ from: Int64? = nil, _ to: Int64? = nil) -> TaskStatus {
            var task = TaskStatus(name: name, phase: phase)
            task.startTime = from.map { start + .seconds($0) }
            task.completionTime = to.map { start + .seconds($0) }
            return task
        }
        var tasks = [status("prepare", .succeeded, 0, 4)]
        for (index, name) in folds.enumerated() {
            switch index {
            case ..<8: tasks.append(status(name, .succeeded, 4, 20 + Int64(index)))
            case 8:
                var task = status(name, .failed, 4, 31)
                task.attempt = 1
                task.message = "exit code 1: RuntimeError: CUDA error: an illegal memory access was encountered"
                tasks.append(task)
            case ..<13: tasks.append(status(name, .running, 24))
            case 13:
                var task = status(name, .running, 84)
                task.pods = ["fold-13-pod"]
                tasks.append(task)
            case 14:
                var task = status(name, .pending, 60)
                task.attempt = 2
                task.nextAttemptTime = start + .seconds(100)
                task.message = "OOMKilled"
                tasks.append(task)
            default: tasks.append(status(name, .pending))
            }
        }
        var sweep = status("sweep", .running, 4)
        sweep.items = 16
        tasks.append(sweep)
        for item in 0..<16 {
            let phase: TaskPhase = item < 8 ? .succeeded : item == 8 ? .failed : item < 14 ? .running : .pending
            var task = status("sweep[\(item)]", phase, item < 14 ? 30 : nil, item < 9 ? 50 : nil)
            if item == 8 { task.message = "diverged: loss is 模型 NaN" }
            tasks.append(task)
        }
        tasks += [status("report", .pending), status("notify", .pending)]

        var run = PipelineRunStatus()
        run.phase = .running
        run.progress = "17/40"
        run.queue = QueuePlace(
            name: "research", position: 2, reason: "sweep[14] needs 1 nvidia.com/gpu more than is free")
        run.tasks = tasks
        var tree = RunTree(pipeline, name: "cross-validation", created: start)
        tree.update(run)
        return tree
    }()

    private func screen(_ columns: Int, _ rows: Int) -> String {
        Self.run.lines(
            now: Self.start + .seconds(90), size: TerminalSize(columns: columns, rows: rows), hasColour: false
        ).joined(separator: "\n")
    }

    @Test func `The live tree at 80x24: what is done or waits is folded, what failed and runs stays`() {
        #expect(
            screen(80, 24) == """
                cross-validation  Running  17/40 tasks  1m30s
                ✔ 9 tasks done
                  ✖ fold-8  27.0s  attempt 1  exit code 1: RuntimeError: CUDA error: an illega…
                  ● fold-9  1m06s
                  ● fold-10  1m06s
                  ● fold-11  1m06s
                  ● fold-12  1m06s
                  ◌ fold-13  starting  6.0s
                · 6 tasks waiting
                  ● sweep  1m26s  16 items
                    ✖ sweep[8]  20.0s  diverged: loss is 模型 NaN
                    ● sweep[9]  1m00s
                    ● sweep[10]  1m00s
                    ● sweep[11]  1m00s
                    ● sweep[12]  1m00s
                    ● sweep[13]  1m00s
                · 2 tasks waiting
                waits in queue research, place 2: sweep[14] needs 1 nvidia.com/gpu more than i…
                """)
    }

    @Test func `The live tree at 200x60: every task, and the items that fail or run`() {
        #expect(
            screen(200, 60) == """
                cross-validation  Running  17/40 tasks  1m30s
                ✔ prepare  4.0s
                  ✔ fold-0  16.0s
                  ✔ fold-1  17.0s
                  ✔ fold-2  18.0s
                  ✔ fold-3  19.0s
                  ✔ fold-4  20.0s
                  ✔ fold-5  21.0s
                  ✔ fold-6  22.0s
                  ✔ fold-7  23.0s
                  ✖ fold-8  27.0s  attempt 1  exit code 1: RuntimeError: CUDA error: an illegal memory access was encountered
                  ● fold-9  1m06s
                  ● fold-10  1m06s
                  ● fold-11  1m06s
                  ● fold-12  1m06s
                  ◌ fold-13  starting  6.0s
                  · fold-14  30.0s  attempt 2  again in 10.0s  OOMKilled
                  · fold-15
                  · fold-16
                  · fold-17
                  · fold-18
                  · fold-19
                  ● sweep  1m26s  16 items
                    ✖ sweep[8]  20.0s  diverged: loss is 模型 NaN
                    ● sweep[9]  1m00s
                    ● sweep[10]  1m00s
                    ● sweep[11]  1m00s
                    ● sweep[12]  1m00s
                    ● sweep[13]  1m00s
                    · report
                · notify
                waits in queue research, place 2: sweep[14] needs 1 nvidia.com/gpu more than is free
                """)
    }
}
