import Foundation
import KubernetesClient

/// `sluice up` in a process of its own, and a client of it.
struct Up {
    let client: APIClient
    private let server: Child
    private let directory: URL

    /// Starts it, and returns when it is up.
    init(_ options: [String]) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-bench-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let kubeconfig = directory.appendingPathComponent("kubeconfig").path
        server = try Child([try Sluice.path(), "up", "--kubeconfig", kubeconfig] + options)
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: kubeconfig) {
            guard ContinuousClock.now < deadline else {
                server.interrupt()
                throw Failure("sluice up did not come up in 20 s")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        client = try APIClient(configuration: .load(kubeconfig: kubeconfig))
    }

    /// Ends it, and removes its files.
    func stop() {
        client.shutDown()
        server.interrupt()
        _ = server.waitForEnd()
        try? FileManager.default.removeItem(at: directory)
    }
}
