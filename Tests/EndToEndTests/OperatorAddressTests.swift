import Foundation
import LoopbackTesting
import Testing

@Suite struct OperatorAddressTests {
    @Test func `An operator whose port is taken ends at once and says which`() async throws {
        let taken = try LoopbackSocket(backlog: 1)
        try await LocalUp.with(["--no-operator"]) { cluster in
            let result = try await Program.run(
                Tools.sluice,
                [
                    "operator", "--kubeconfig", cluster.kubeconfig, "--log-level", "warning",
                    "--health-address", "0", "--metrics-address", "127.0.0.1:\(taken.port)",
                ])
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "error: cannot listen on 127.0.0.1:\(taken.port) for metrics: another program listens there\n")
        }
    }

    @Test(arguments: ["--health-address", "--metrics-address", "--webhook-address"])
    func `What is no address to listen on is refused before anything is done`(option: String) async throws {
        let result = try await Program.run(Tools.sluice, ["operator", option, "8080"])
        #expect(result.status == 64)
        #expect(
            result.errors.hasPrefix(
                "Error: \(option): \"8080\" is no address to listen on: expected HOST:PORT, :PORT for all addresses, "
                    + "or 0 for none\n"))
    }
}
