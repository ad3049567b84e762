import ArgumentParser
import SluiceAPI
import SluiceLint

/// `sluice lint`: every mistake in a manifest, before a cluster sees it.
struct LintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Finds the mistakes in manifests.",
        discussion: """
            Prints every error and warning with file, line and field. Exit code 2 when there is an error.

            EXAMPLE
              sluice lint config/samples/*.yaml
            """)

    @Argument(help: "YAML files; - reads standard input.")
    var files: [String]

    func run() throws {
        var hasErrors = false
        for file in files {
            let diagnostics: [Diagnostic]
            do {
                diagnostics = Linter.check(try InputFile.read(file), file: file)
            } catch let error as InputFile.Unreadable {
                Console.error(error.description)
                hasErrors = true
                continue
            }
            for diagnostic in diagnostics {
                Console.print(diagnostic.description)
                if diagnostic.severity == .error { hasErrors = true }
            }
        }
        if hasErrors { throw ExitCode(ExitStatus.badInput) }
    }
}
