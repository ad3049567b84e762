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
                "error: \(option): \"8080\" is no address to listen on: expected HOST:PORT, :PORT for all addresses, "
                    + "or 0 for none\n"))
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `U10: an operator says who leads, how runs end, and that its namespace does not exist`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            func start(_ arguments: String...) throws -> Program {
                try Program(
                    Tools.sluice, Tools.operatorCommand(kubeconfig: cluster.kubeconfig) + arguments,
                    environment: ["POD_NAME": "", "HOME": cluster.directory])
            }
            let leader = try start()
            #expect(await leader.waitForOutput("leading"), "\(leader.errors)")
            let standby = try start()
            #expect(await standby.waitForOutput("standing by"), "\(standby.errors)")
            #expect(standby.errors.contains("leader="))
            let mistaken = try start("--no-leader-election", "--namespace", "nope")
            #expect(await mistaken.waitForOutput("namespace=nope"), "\(mistaken.errors)")
            #expect(mistaken.errors.contains("the namespace does not exist yet"))
            let good = try start("--no-leader-election", "--namespace", "kube-system")
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: sluice.dev/v1alpha1
                    kind: PipelineRun
                    metadata: {name: heard}
                    spec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: ['true']}}]}}
                    """)
            #expect(await leader.waitForOutput("run succeeded"), "\(leader.errors)")
            #expect(leader.errors.contains("run=default/heard"))
            for program in [leader, standby, mistaken, good] {
                program.signal(SIGTERM)
                #expect(await program.waitForEnd() == 0)
            }
            #expect(!good.errors.contains("does not exist"), "\(good.errors)")
        }
    }
}
