import Foundation
import Testing

/// `sluice up` in a process of its own, and kubectl against it.
struct LocalUp {
    let program: Program
    let kubeconfig: String
    let directory: String

    /// Starts it and waits until it says that it is up. Its pods may write to its directory.
    static func start(_ arguments: [String] = []) async throws -> LocalUp {
        let directory = try Tools.temporaryDirectory()
        let kubeconfig = directory + "/kubeconfig"
        let program = try Program(
            Tools.sluice, ["up", "--kubeconfig", kubeconfig, "--writable", directory] + arguments, directory: directory)
        try #require(await program.waitForOutput("Ctrl-C ends it"), "sluice up did not come up: \(program.errors)")
        return LocalUp(program: program, kubeconfig: kubeconfig, directory: directory)
    }

    /// Ends it as Ctrl-C does.
    func stop() async {
        program.signal(SIGINT)
        _ = await program.waitForEnd()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Runs `body` with a cluster of its own.
    static func with<Value>(_ arguments: [String] = [], _ body: (LocalUp) async throws -> Value) async throws -> Value {
        let up = try await start(arguments)
        do {
            let value = try await body(up)
            await up.stop()
            return value
        } catch {
            await up.stop()
            throw error
        }
    }

    /// Runs kubectl; fails the test unless it exits as expected.
    @discardableResult
    func kubectl(
        _ arguments: String..., input: String? = nil, expect: Int32? = 0, location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await kubectl(arguments, input: input, expect: expect, location: location)
    }

    /// Runs kubectl; fails the test unless it exits as expected.
    @discardableResult
    func kubectl(
        _ arguments: [String], input: String? = nil, expect: Int32? = 0, location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let kubectl = try #require(Tools.kubectl)
        let result = try await Program.run(
            kubectl, arguments, environment: ["KUBECONFIG": kubeconfig, "HOME": directory], input: input)
        if let expect {
            #expect(
                result.status == expect,
                "kubectl \(arguments.joined(separator: " ")): \(result.output)\(result.errors)",
                sourceLocation: location)
        }
        return result.output + result.errors
    }
}
