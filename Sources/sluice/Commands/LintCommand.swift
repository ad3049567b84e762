import ArgumentParser
import CronSchedule
import RunDisplay
import SluiceAPI
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

    /// What is wrong with the name of a time zone, by the tz database of this machine.
    private static let problem: Validator.ZoneCheck = { [zones = ZoneDatabase()] name in
        do throws(ZoneError) {
            _ = try zones.rules(name)
            return nil
        } catch {
            return error.message
        }
    }

    func run() throws {
        var hasErrors = false
        for file in files {
            let diagnostics: [Diagnostic]
            let text: String
            do {
                text = try InputFile.read(file)
                diagnostics = Linter.check(text, file: file, zones: Self.problem)
            } catch let error as InputFile.Unreadable {
                Console.error(error.description)
                hasErrors = true
                continue
            }
            for diagnostic in diagnostics {
                Console.print(diagnostic.description)
                for line in diagnostic.excerpt(of: text) { Console.print(TerminalText.clean(line)) }
                if diagnostic.severity == .error { hasErrors = true }
            }
        }
        if hasErrors { throw ExitCode(ExitStatus.badInput) }
    }
}
