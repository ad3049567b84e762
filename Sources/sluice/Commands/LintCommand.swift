import ArgumentParser
import RunDisplay
import SluiceLint
import ZoneInfo

/// `sluice lint`: every mistake in a manifest, before a cluster sees it.
struct LintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Finds the mistakes in manifests.",
        discussion: """
            Prints every error and warning with file, line and field, and a caret below the place. Exit code 2 when there is an error.

            EXAMPLE
              sluice lint config/samples/*.yaml
            """)

    @Argument(help: "YAML files; - reads standard input.")
    var files: [String]

    func run() throws {
        let zones = ZoneDatabase()
        var hasErrors = false
        for file in files {
            let diagnostics: [Diagnostic]
            let text: String
            do {
                text = try InputFile.read(file)
                diagnostics = Linter.check(text, file: file, zones: { zones.problem(with: $0) })
            } catch let error as InputFile.Unreadable {
                Console.error(error.description)
                hasErrors = true
                continue
            }
            for diagnostic in diagnostics {
                try Console.print(diagnostic.description)
                for line in diagnostic.excerpt(of: text) { try Console.print(TerminalText.clean(line)) }
                if diagnostic.severity == .error { hasErrors = true }
            }
        }
        if hasErrors { throw ExitCode(ExitStatus.badInput) }
    }
}
