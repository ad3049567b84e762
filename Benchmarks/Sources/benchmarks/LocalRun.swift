import Foundation
import JSON

/// `sluice run` on the embedded cluster: tasks that end at once, so that what is measured is Sluice.
enum LocalRun {
    static func run() async throws -> JSONValue {
        let one = try measure(tasks: 1)
        let fifty = try measure(tasks: 50)
        let seconds = fifty.seconds - one.seconds
        return [
            "oneTask": one.json, "fiftyTasks": fifty.json,
            "tasksPerSecond": .double(rounded(49 / max(0.001, seconds))),
            "cpuMillisecondsPerTask": .double(rounded((fifty.cpuSeconds - one.cpuSeconds) / 49 * 1000)),
        ]
    }

    private struct Figures {
        var seconds: Double
        var cpuSeconds: Double
        var peakMegabytes: Double

        var json: JSONValue {
            [
                "seconds": .double(rounded(seconds)), "cpuSeconds": .double(rounded(cpuSeconds)),
                "peakMegabytes": .double(rounded(peakMegabytes)),
            ]
        }
    }

    /// The median of five runs.
    private static func measure(tasks count: Int) throws -> Figures {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-bench-\(count).json")
        let tasks = (0..<count).map { number -> JSONValue in
            ["name": .string("task-\(number)"), "container": ["image": "x", "command": ["true"]]]
        }
        let run: JSONValue = [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun", "metadata": ["name": "bench"],
            "spec": ["pipelineSpec": ["tasks": .array(tasks)]],
        ]
        try Data(run.bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let all = try (0..<5).map { _ in try once(file.path) }
        return Figures(
            seconds: median(all.map(\.seconds)), cpuSeconds: median(all.map(\.cpuSeconds)),
            peakMegabytes: median(all.map(\.peakMegabytes)))
    }

    private static func once(_ file: String) throws -> Figures {
        let begin = ContinuousClock.now
        let child = try Child([try Sluice.path(), "run", file])
        let usage = child.waitForEnd()
        let seconds = (ContinuousClock.now - begin).milliseconds / 1000
        guard usage.status == 0 else { throw Failure("sluice run \(file) ended with \(usage.status)") }
        return Figures(seconds: seconds, cpuSeconds: usage.cpuSeconds, peakMegabytes: usage.peakMegabytes)
    }
}
