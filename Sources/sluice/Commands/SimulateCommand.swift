import ArgumentParser
import CronSchedule
import JSON
import KubernetesModel
import Simulator
import YAML
import ZoneInfo

/// `sluice simulate`: runs in virtual time.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Shows what runs would do, in virtual time and without a cluster.",
        discussion: """
            The files hold PipelineRuns and ScheduledRuns, the Pipelines that they name,
            Queues and Nodes where they count, and at most one Scenario, which says when runs come, how long tasks take and how they end,
            and what people and nodes do meanwhile. A Pipeline alone is run with its
            defaults. What admission would refuse is shown, and the rest goes on.

            Nothing is executed. A task that no outcome matches succeeds after a second.
            Where its outcome names no results it writes an empty text for each of them.

            With a ScheduledRun that has no end a day goes by, or what the Scenario says
            in until. The operator's clock decides its slots.

            Times are seconds from the start. The same files give the same output, byte
            for byte, on every machine.

            Exit code 0 when the simulation took place, whatever became of its runs:
            that is in the output. 2 for a file or a scenario with a mistake.

            EXAMPLE
              sluice simulate config/samples/sweep.yaml --outcomes success:30s
              sluice simulate runs.yaml scenario.yaml -o json
            """)

    /// What is printed.
    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json, yaml, timeline }

    @Argument(help: "YAML files; - reads standard input.")
    var files: [String]

    @Option(
        help: ArgumentHelp(
            "How pods go that no outcome of the scenario matches: success or failure, and after what time.",
            valueName: "success:30s"))
    var outcomes: String?

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "table, json, yaml or timeline; a table and a timeline when left out.")
    var output: Output?

    func run() throws {
        var fallback: Outcome?
        if let outcomes {
            guard let outcome = Outcome(text: outcomes) else {
                Console.error(
                    "--outcomes \(outcomes): expected success or failure, with a time or without: success:30s")
                throw ExitCode(ExitStatus.badInput)
            }
            fallback = outcome
        }
        let objects = try readDocuments().flatMap { document in
            document.objects.map { (document: document, object: $0) }
        }
        let (input, mistakes) = SimulationInput.read(
            objects.map(\.object.value),
            zones: { [zones = ZoneDatabase()] name throws(ZoneError) in try zones.rules(name) }, fallback: fallback)
        guard mistakes.isEmpty else {
            for mistake in mistakes {
                let (document, object) = objects[mistake.document]
                let place = FieldPath(object.path.steps + mistake.error.path.steps)
                let position = document.position(of: place)
                let path = place.steps.isEmpty ? "" : "\(place): "
                Console.error(
                    "\(document.file ?? ""):\(position.line):\(position.column): \(path)\(mistake.error.body)")
            }
            throw ExitCode(ExitStatus.badInput)
        }
        guard !input.isEmpty else {
            Console.error(
                "\(files.joined(separator: ", ")): nothing to simulate; expected a PipelineRun, a ScheduledRun, or one Pipeline"
            )
            throw ExitCode(ExitStatus.badInput)
        }
        try show(Simulation.run(input))
    }

    private func readDocuments() throws -> [YAMLDocument] {
        var documents: [YAMLDocument] = []
        var isWrong = false
        for file in files {
            do {
                documents += try YAMLReader.parse(try InputFile.read(file), file: file == "-" ? "stdin" : file)
            } catch {
                Console.error("\(error)")
                isWrong = true
            }
        }
        if isWrong { throw ExitCode(ExitStatus.badInput) }
        return documents
    }

    private func show(_ report: SimulationReport) throws {
        switch output {
        case .json: try Console.print(report.json.prettyText)
        case .yaml: try Console.print(YAMLWriter.text(report.json), terminator: "")
        case .table: try Console.print(report.table)
        case .timeline: try Console.print(report.timeline(width: Console.width))
        case nil:
            try Console.print(report.table + "\n\n" + report.timeline(width: Console.width) + "\n\n" + report.summary)
        }
    }
}
