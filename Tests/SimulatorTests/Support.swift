import JSON
import KubernetesModel
import Testing
import YAML

@testable import Simulator

/// Simulates what a text of YAML documents says.
func simulate(
    _ yaml: String, zones: @escaping SimulationInput.Zones = SimulationInput.onlyUTC,
    sourceLocation: SourceLocation = #_sourceLocation
) -> SimulationReport {
    do {
        let (input, mistakes) = SimulationInput.read(try YAMLReader.parse(yaml).map(\.value), zones: zones)
        for mistake in mistakes { Issue.record(mistake, sourceLocation: sourceLocation) }
        return Simulation.run(input)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
        return SimulationReport()
    }
}

/// A PipelineRun of namespace default, tasks a line: `- {name: a}`. Each that runs no pipeline gets a container.
func run(_ name: String, _ tasks: String, spec: String = "{}", finally: String = "[]") -> String {
    """
    ---
    apiVersion: sluice.dev/v1alpha1
    kind: PipelineRun
    metadata: {name: \(name)}
    spec:
      \(spec == "{}" ? "" : spec)
      pipelineSpec:
        tasks: \(tasks)
        finally: \(finally)

    """
}

/// A Scenario with these fields, a line each.
func scenario(_ lines: String...) -> String {
    """
    ---
    apiVersion: sluice.dev/v1alpha1
    kind: Scenario
    metadata: {name: test}
    \(lines.joined(separator: "\n"))

    """
}

/// The container of every task that has one.
let container = "container: {image: busybox}"

extension SimulationReport {
    /// The run of that name; an empty one where there is none.
    func run(_ name: String) -> Run {
        runs.first { $0.name == name } ?? Run(namespace: "", name: name, phase: "none", arrived: .zero)
    }
}

extension SimulationReport.Run {
    /// "Succeeded 0..3": phase, reason where it is not the phase, start and end.
    var summary: String {
        "\(phase)\(reason.isEmpty || reason == phase ? "" : "/\(reason)") \(text(started))..\(text(finished))"
    }

    /// "a Succeeded: Error 0..1, Succeeded 3..4" a row.
    var rows: [String] {
        tasks.map { task in
            let attempts = task.attempts.map { "\($0.outcome) \(text($0.started))..\(text($0.finished))" }
            let state = "\(task.name) \(task.phase)\(task.reason.isEmpty ? "" : "/\(task.reason)")"
            return attempts.isEmpty ? state : "\(state): \(attempts.joined(separator: ", "))"
        }
    }
}

/// A time in seconds, as short as it can be.
private func text(_ time: Duration?) -> String {
    guard let microseconds = time?.microseconds else { return "-" }
    return microseconds % 1_000_000 == 0 ? "\(microseconds / 1_000_000)" : "\(Double(microseconds) / 1_000_000)"
}
