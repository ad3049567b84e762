import Clocks
import Foundation
import Glibc
import LoopbackTesting
import Synchronization
import Testing

@testable import ProcessNode

/// Probes and hooks against real processes and sockets.
@Suite struct ActionRunnerTests {
    private struct World {
        let supervisor: ProcessSupervisor
        let runner: ActionRunner
        let directory: String
        /// The container's process.
        let pid: Int32

        func run(
            _ action: ContainerAction, isHook: Bool = false, limit: Duration? = .seconds(600),
            process: ActionRunner.Process? = nil
        ) async -> ActionRunner.Outcome {
            let container = ContainerLaunch.Ready(
                path: "/bin/true", arguments: ["true"], environment: ["PATH=/usr/bin:/bin", "A=one"],
                directory: directory, log: "", mounts: [])
            return await runner.run(
                action, isHook: isHook, limit: limit, in: container, of: pid, log: directory + "/probe",
                process: process ?? ActionRunner.Process(supervisor))
        }
    }

    private static func with(_ body: (World) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-act-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let supervisor = try ProcessSupervisor()
        let runner = try ActionRunner(supervisor: supervisor, clock: SystemClock())
        let start = await withCheckedContinuation { continuation in
            supervisor.launch(
                ProcessSupervisor.Launch(
                    path: "/bin/sleep", arguments: ["sleep", "1000"], environment: [], directory: directory,
                    logPath: directory + "/log", onStart: { continuation.resume(returning: $0) }, onExit: { _ in }))
        }
        try await body(World(supervisor: supervisor, runner: runner, directory: directory, pid: try start.get()))
        runner.shutDown()
        await supervisor.stop()
    }

    @Test func `A command succeeds with 0 and fails with what it prints, in what the container has`() async throws {
        try await Self.with { world in
            #expect(await world.run(.exec(["true"])) == .success)
            #expect(
                await world.run(.exec(["sh", "-c", "echo $A; pwd; exit 3"])) == .failure("one\n\(world.directory)\n"))
            // No more than a kubelet keeps.
            let long = await world.run(.exec(["sh", "-c", "yes x | head -c 100000; exit 1"]))
            #expect(long.text.utf8.count == 10_240)
        }
    }

    @Test func `A command that cannot be started says nothing of the container`() async throws {
        try await Self.with { world in
            #expect(
                await world.run(.exec(["sluice-nothing"]))
                    == .unknown(
                        "unable to start container process: exec: \"sluice-nothing\": executable file not found in $PATH"
                    ))
            #expect(await world.run(.exec(["/sluice-nothing"])).result == .unknown)
        }
    }

    @Test func `A command that is over its time is ended with all that it has started`() async throws {
        try await Self.with { world in
            let mark = "78\(Int.random(in: 100_000...999_999)).5"
            let outcome = await world.run(
                .exec(["sh", "-c", "trap '' TERM; setsid sleep \(mark) & sleep \(mark)"]), limit: .seconds(1))
            #expect(outcome.result == .failure)
            #expect(
                outcome.text.hasPrefix("command timed out: \"sh -c trap")
                    && outcome.text.hasSuffix("timed out after 1s"))
            let names = try FileManager.default.contentsOfDirectory(atPath: "/proc")
            #expect(
                !names.contains { name in
                    FileManager.default.contents(atPath: "/proc/\(name)/cmdline").map {
                        String(decoding: $0, as: UTF8.self).contains(mark)
                    } ?? false
                })
        }
    }

    @Test func `A command ends with its container, also one that is yet to start`() async throws {
        try await Self.with { world in
            let process = ActionRunner.Process(world.supervisor)
            process.end()
            #expect(await world.run(.exec(["sleep", "1000"]), limit: nil, process: process).result == .failure)
        }
    }

    @Test func `A command ends when the task that waits for it is cancelled`() async throws {
        try await Self.with { world in
            let task = Task { await world.run(.exec(["sleep", "1000"]), limit: nil) }
            task.cancel()
            #expect(await task.value.result != .success)
        }
    }

    @Test func `A port that is listened on succeeds, another is refused`() async throws {
        try await Self.with { world in
            let server = try LoopbackServer { _ in }
            #expect(await world.run(.tcp(host: "127.0.0.1", port: server.port)) == .success)
            // Nobody listens on the port of a socket that is bound and no more.
            let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(bound) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(bound, $0, size) == 0 && getsockname(bound, $0, &size) == 0
                }
            }
            try #require(result)
            let port = Int(UInt16(bigEndian: address.sin_port))
            #expect(
                await world.run(.tcp(host: "127.0.0.1", port: port))
                    == .failure("dial tcp 127.0.0.1:\(port): connect: connection refused"))
            #expect(
                await world.run(
                    .http(.init(isSecure: false, host: "127.0.0.1", port: port, path: "/x", headers: [])))
                    == .failure(
                        "Get \"http://127.0.0.1:\(port)/x\": dial tcp 127.0.0.1:\(port): connect: connection refused"))
        }
    }

    @Test(arguments: [200, 204, 302, 399, 400, 404, 500, 503])
    func `A request succeeds with 200 to 399, and as a hook with any answer`(status: Int) async throws {
        try await Self.with { world in
            let requests = Requests()
            let server = try LoopbackServer { connection in
                requests.add(Self.readHead(connection))
                let answer = "HTTP/1.1 \(status) Some\r\nContent-Length: 0\r\nLocation: /else\r\n\r\n"
                _ = answer.withCString { write(connection, $0, strlen($0)) }
            }
            let target = ContainerAction.HTTPTarget(
                isSecure: false, host: "127.0.0.1", port: server.port, path: "/healthz?x=1",
                headers: [.init(name: "X-Of-Mine", value: "7"), .init(name: "Host", value: "elsewhere")])
            let expected: ActionRunner.Outcome =
                status < 400 ? .success : .failure("HTTP probe failed with statuscode: \(status)")
            #expect(await world.run(.http(target)) == expected)
            #expect(await world.run(.http(target), isHook: true) == .success)
            let heads = requests.all
            try #require(heads.count == 2)
            #expect(heads[0].hasPrefix("GET /healthz?x=1 HTTP/1.1\r\n"))
            for line in ["X-Of-Mine: 7", "Host: elsewhere", "User-Agent: kube-probe/1.36"] {
                #expect(heads[0].contains(line + "\r\n"), "\(heads[0])")
            }
            #expect(heads[1].contains("User-Agent: kube-lifecycle/1.36\r\n"))
        }
    }

    @Test func `A server that does not answer in time has failed`() async throws {
        try await Self.with { world in
            let server = try LoopbackServer { connection in
                // Until the other end hangs up.
                var byte: UInt8 = 0
                while read(connection, &byte, 1) > 0 {}
            }
            let url = "http://127.0.0.1:\(server.port)/"
            let outcome = await world.run(
                .http(.init(isSecure: false, host: "127.0.0.1", port: server.port, path: "/", headers: [])),
                limit: .seconds(1))
            #expect(
                outcome
                    == .failure(
                        "Get \"\(url)\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
        }
    }

    private final class Requests: Sendable {
        private let heads = Mutex<[String]>([])
        func add(_ head: String) { heads.withLock { $0.append(head) } }
        var all: [String] { heads.withLock { $0 } }
    }

    private static func readHead(_ connection: Int32) -> String {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), read(connection, &byte, 1) == 1 { head.append(byte) }
        return String(decoding: head, as: UTF8.self)
    }
}
