import JSON
import KubernetesModel
public import SluiceAPI

/// What is said of a run at its end.
public enum RunSummary {
    /// The phase, how many tasks, how long; why, when it did not succeed; its results.
    public static func lines(_ status: PipelineRunStatus, elapsed: Duration) -> [String] {
        var lines = ["\(status.phase.rawValue)  \(tasks(status.progress))  \(HumanDuration.elapsed(elapsed))"]
        if status.phase != .succeeded { lines.append("\(status.reason): \(TerminalText.line(status.message))") }
        if !status.results.isEmpty {
            lines.append("results:")
            for (name, value) in status.results { lines.append("  \(name): \(TerminalText.line(value.rendered))") }
        }
        return lines
    }

    /// "3/8 tasks", "1/1 task".
    static func tasks(_ progress: String) -> String { progress + (progress.hasSuffix("/1") ? " task" : " tasks") }
}
