import ArgumentParser
import SluiceAPI
import YAML

/// `sluice crds`: what a cluster must know of Sluice's resources.
struct CRDsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crds",
        abstract: "Prints the CustomResourceDefinitions.",
        discussion: """
            EXAMPLE
              sluice crds | kubectl apply -f -
            """)

    func run() throws { try Console.print(YAMLWriter.text(CustomResourceDefinitions.all), terminator: "") }
}
