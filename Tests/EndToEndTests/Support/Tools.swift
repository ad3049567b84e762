import Foundation

/// What the tests run.
enum Tools {
    /// The Python of the environment in which kubectl is, where that has the official client of Kubernetes.
    static let pythonWithClient: String? = {
        guard let kubectl = kubectl else { return nil }
        let path = URL(fileURLWithPath: kubectl).deletingLastPathComponent().appendingPathComponent("python").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["-c", "import kubernetes"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 ? path : nil
    }()

    /// The binary under test: $SLUICE, which in CI is the optimised build, or the one beside the test bundle.
    static let sluice: String = {
        if let named = ProcessInfo.processInfo.environment["SLUICE"], !named.isEmpty { return named }
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("sluice").path
    }()

    /// A real kubectl: $KUBECTL, or the one on the path; nil when there is none.
    static let kubectl: String? = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["KUBECTL"], !named.isEmpty { return named }
        return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/kubectl" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// `sluice operator` with these arguments, on no port: several tests run one at the same time.
    static func operatorCommand(kubeconfig: String, _ arguments: String...) -> [String] {
        ["operator", "--kubeconfig", kubeconfig, "--health-address", "0", "--metrics-address", "0"] + arguments
    }

    /// The root of the repository.
    static let repository: String = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .path

    static func sample(_ name: String) -> String { "\(repository)/config/samples/\(name)" }

    /// A directory of its own for a test.
    static func temporaryDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-e2e-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
