import Foundation

extension LocalUp {
    /// An operator beside the cluster, which is killed and started anew until it is stopped where that is asked for.
    static func withOperator(
        kills: Bool, every pause: Duration = .milliseconds(700), _ body: (LocalUp) async throws -> Void
    ) async throws {
        try await with(["--no-operator"]) { cluster in
            let killer = Task {
                while !Task.isCancelled {
                    let operation = try Program(
                        Tools.sluice, Tools.operatorCommand(kubeconfig: cluster.kubeconfig, "--no-leader-election"))
                    do {
                        try await Task.sleep(for: kills ? pause : .seconds(600))
                    } catch {}
                    operation.signal(SIGKILL)
                    _ = await operation.waitForEnd()
                }
            }
            do {
                try await body(cluster)
            } catch {
                killer.cancel()
                _ = await killer.result
                throw error
            }
            killer.cancel()
            _ = await killer.result
        }
    }
}
