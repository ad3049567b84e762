import Foundation
import Glibc
import Testing

@testable import ProcessNode

/// Containers are all that descends from their main process, and nothing of them is left, whoever is killed.
@Suite struct SupervisorTests {
    /// What became of one container.
    private enum News: Sendable, Equatable {
        case started(Int32)
        case failed(Int32)
        case exited(Int)
        case outOfMemory
    }

    private struct Container {
        let news: AsyncStream<News>
        /// In the arguments of all its processes.
        let mark: String

        /// What is told next.
        func next() async -> News? {
            for await item in news { return item }
            return nil
        }

        /// The processes that have the mark in their arguments.
        var processes: [Int32] { SupervisorTests.processes { $0.contains(mark) } }
    }

    static func processes(_ isWanted: (String) -> Bool) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int32.init).filter { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
            return isWanted(String(decoding: data, as: UTF8.self))
        }
    }

    private static func parent(_ pid: Int32) -> Int32? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        return text.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { Int32($0) }
    }

    /// Runs a shell script; MARK in it stands for seconds that no other test sleeps.
    private static func start(
        _ supervisor: ProcessSupervisor, _ script: String, path: String = "/bin/sh",
        mounts: [ProcessSupervisor.Mount] = [], stage: String = "", memory: Int64? = nil, log kept: String? = nil
    ) -> Container {
        let mark = "77\(Int.random(in: 100_000...999_999)).5"
        let directory = FileManager.default.temporaryDirectory.path
        let log = kept ?? directory + "/sluice-supervisor-\(UUID().uuidString)"
        let news = AsyncStream.makeStream(of: News.self)
        supervisor.launch(
            ProcessSupervisor.Launch(
                path: path,
                arguments: ["sh", "-c", script.replacing("MARK", with: mark)],
                environment: ["PATH=/usr/bin:/bin"], directory: directory, logPath: log, mounts: mounts, stage: stage,
                memoryLimit: memory,
                onStart: { result in
                    if kept == nil { unlink(log) }
                    switch result {
                    case .success(let pid): news.continuation.yield(.started(pid))
                    case .failure(let error): news.continuation.yield(.failed(error.code))
                    }
                }, onExit: { news.continuation.yield($0.isOutOfMemory ? .outOfMemory : .exited($0.code)) }))
        return Container(news: news.stream, mark: mark)
    }

    private static func with(_ body: (ProcessSupervisor) async throws -> Void) async throws {
        let supervisor = try ProcessSupervisor()
        try await body(supervisor)
        await supervisor.stop()
    }

    /// Starts a container and waits until all its processes are there: a script says so by a file.
    private static func startWhole(_ supervisor: ProcessSupervisor, _ script: String, processes count: Int) async throws
        -> (Container, Int32)
    {
        let container = start(supervisor, script)
        guard case .started(let pid)? = await container.next() else { throw CancellationError() }
        // Polled: what descends from the main process comes by itself.
        for _ in 0..<2_000 where container.processes.count < count { try await Task.sleep(for: .milliseconds(5)) }
        try #require(container.processes.count >= count)
        return (container, pid)
    }

    /// A main process, one of another session and one that has forked twice; none of them heeds SIGTERM.
    private static let stubborn = """
        trap '' TERM
        setsid sh -c "trap '' TERM; sleep MARK; sleep MARK" &
        (setsid sh -c "sleep MARK & sleep MARK & wait" &)
        """

    @Test func `When the main process ends nothing is left, whatever sessions were made and however often was forked`()
        async throws
    {
        try await Self.with { supervisor in
            let (container, pid) = try await Self.startWhole(
                supervisor, Self.stubborn + "\n trap 'exit 3' USR1; sleep MARK & wait", processes: 6)
            supervisor.signal(pid, SIGUSR1)
            #expect(await container.next() == .exited(3))
            #expect(container.processes == [])
        }
    }

    @Test func `SIGTERM is for the main process, SIGKILL for all`() async throws {
        try await Self.with { supervisor in
            let (container, pid) = try await Self.startWhole(
                supervisor, Self.stubborn + "\n trap 'exit 9' TERM; sleep MARK & wait", processes: 6)
            supervisor.signal(pid, SIGTERM)
            #expect(await container.next() == .exited(9))
            #expect(container.processes == [])

            let (second, other) = try await Self.startWhole(
                supervisor, Self.stubborn + "\n sleep MARK & wait; sleep MARK", processes: 6)
            supervisor.signal(other, SIGTERM)
            supervisor.signal(other, SIGKILL)
            #expect(await second.next() == .exited(137))
            #expect(second.processes == [])
            // Long gone: nobody gets it.
            supervisor.signal(pid, SIGKILL)
        }
    }

    @Test func `Stopping asks first and kills what is left after the grace period`() async throws {
        let supervisor = try ProcessSupervisor()
        let (polite, _) = try await Self.startWhole(
            supervisor, "trap 'exit 7' TERM; sleep MARK & wait", processes: 2)
        let (deaf, _) = try await Self.startWhole(supervisor, Self.stubborn + "\n sleep MARK & wait", processes: 6)
        await supervisor.stop(grace: .milliseconds(300))
        #expect(await polite.next() == .exited(7))
        #expect(await deaf.next() == .exited(137))
        #expect(polite.processes + deaf.processes == [])
        let late = Self.start(supervisor, "true")
        #expect(await late.next() == .failed(ECANCELED))
    }

    @Test func `A program that is not there and a folder that is not there are told by their errors`() async throws {
        try await Self.with { supervisor in
            #expect(await Self.start(supervisor, "true", path: "/nowhere/sh").next() == .failed(ENOENT))
            #expect(await Self.start(supervisor, "true", path: "/etc/passwd").next() == .failed(EACCES))
            let container = Self.start(supervisor, "kill -SEGV $$")
            guard case .started? = await container.next() else { return #expect(Bool(false), "it has not started") }
            #expect(await container.next() == .exited(128 + Int(SIGSEGV)))
        }
    }

    @Test func `A container whose shim is killed has ended, with all of it`() async throws {
        try await Self.with { supervisor in
            let (container, pid) = try await Self.startWhole(
                supervisor, Self.stubborn + "\n sleep MARK & wait", processes: 6)
            kill(try #require(Self.parent(pid)), SIGKILL)
            #expect(await container.next() == .exited(137))
            for _ in 0..<2_000 where !container.processes.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            #expect(container.processes == [])
            let next = Self.start(supervisor, "exit 4")
            _ = await next.next()
            #expect(await next.next() == .exited(4))
        }
    }

    @Test func `When the starter is killed all containers end, and no more are started`() async throws {
        let supervisor = try ProcessSupervisor()
        let (container, pid) = try await Self.startWhole(
            supervisor, Self.stubborn + "\n sleep MARK & wait", processes: 6)
        let shim = try #require(Self.parent(pid))
        kill(try #require(Self.parent(shim)), SIGKILL)
        #expect(await container.next() == .exited(137))
        #expect(container.processes == [])
        await supervisor.stop()
        #expect(await Self.start(supervisor, "true").next() == .failed(ECANCELED))
    }

    @Test func `Arguments of 100 KB and 300 containers at once come whole`() async throws {
        try await Self.with { supervisor in
            let long = String(repeating: "x", count: 100_000)
            let containers = (0..<300).map { number in
                Self.start(
                    supervisor,
                    "v=\(number < 20 ? long : "x"); test ${#v} = \(number < 20 ? 100_000 : 1) && exit \(number % 100)")
            }
            for (number, container) in containers.enumerated() {
                guard case .started? = await container.next() else { return #expect(Bool(false), "\(number)") }
                #expect(await container.next() == .exited(number % 100))
            }
        }
    }

    @Test func `A container with more memory than its limit is killed, whichever of its processes has it`() async throws
    {
        try await Self.with { supervisor in
            // A shell keeps what it reads in a variable.
            let fill = "v=$(head -c SIZE /dev/zero | tr '\\0' x)"
            let hungry =
                // For the inner shell to expand.
                "(setsid sh -c \"" + fill.replacing("SIZE", with: "60000000").replacing("$(", with: "\\$(")
                + "; sleep MARK\") & sleep MARK & wait"
            let container = Self.start(supervisor, hungry, memory: 40_000_000)
            guard case .started? = await container.next() else { return #expect(Bool(false), "it has not started") }
            #expect(await container.next() == .outOfMemory)
            #expect(container.processes == [])
            let modest = Self.start(
                supervisor, fill.replacing("SIZE", with: "1000000") + "; sleep 0.5; exit 5", memory: 40_000_000)
            guard case .started? = await modest.next() else { return #expect(Bool(false), "it has not started") }
            #expect(await modest.next() == .exited(5))
        }
    }

    /// Where users may have mounts of their own.
    static let hasMounts: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = geteuid() == 0 ? ["-m", "true"] : ["-Urm", "true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    @Test(.enabled(if: hasMounts, "this machine gives users no mount namespaces"))
    func `Volumes are where a container wants them, and nowhere on the host`() async throws {
        let root = FileManager.default.temporaryDirectory.path + "/sluice-mounts-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["stage", "data", "sub", "conf"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        try Data("first\n".utf8).write(to: URL(fileURLWithPath: root + "/data/a"))
        try Data("secret\n".utf8).write(to: URL(fileURLWithPath: root + "/conf/key"))
        func mount(_ source: String, _ path: String, isReadOnly: Bool = false) -> ProcessSupervisor.Mount {
            ProcessSupervisor.Mount(source: "\(root)/\(source)", path: path, kind: isReadOnly ? .readOnly : .writable)
        }
        try await Self.with { supervisor in
            let container = Self.start(
                supervisor,
                """
                set -e
                cat /sluice-data/a
                echo second > /sluice-data/b
                echo third > /sluice-data/below/it/c
                cat /etc/sluice-conf.d/deep/key
                cat /etc/hostname
                ! echo x > /etc/sluice-conf.d/deep/key
                ! touch /etc/sluice-conf.d/deep/other
                test -x /bin/sh && test -e /dev/null && test -d /proc/self && ls /usr/bin > /dev/null
                cat /proc/self/mountinfo > /dev/null
                """,
                mounts: [
                    mount("data", "/sluice-data"), mount("sub", "/sluice-data/below/it"),
                    mount("conf", "/etc/sluice-conf.d/deep", isReadOnly: true),
                    mount("conf/key", "/etc/hostname", isReadOnly: true),
                ], stage: root + "/stage", log: root + "/log")
            let start = await container.next()
            guard case .started? = start else { return #expect(Bool(false), "not started: \(start)") }
            #expect(await container.next() == .exited(0))
            let log = String(decoding: try ContainerLog(root + "/log").last(1 << 20), as: UTF8.self)
            #expect(log.hasPrefix("first\nsecret\nsecret\n"), "\(log)")

            let missing = Self.start(supervisor, "true", mounts: [mount("nothing", "/x")], stage: root + "/stage")
            #expect(await missing.next() == .failed(20_000 + ENOENT))
        }
        #expect(try String(contentsOfFile: root + "/data/b", encoding: .utf8) == "second\n")
        #expect(try String(contentsOfFile: root + "/sub/c", encoding: .utf8) == "third\n")
        for path in ["/sluice-data", "/etc/sluice-conf.d", root + "/stage/etc"] {
            #expect(!FileManager.default.fileExists(atPath: path), "\(path)")
        }
        #expect(try String(contentsOfFile: root + "/conf/key", encoding: .utf8) == "secret\n")
    }
}
