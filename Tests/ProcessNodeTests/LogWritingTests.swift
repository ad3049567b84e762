import AsyncPrimitives
import CStarter
import Foundation
import KubernetesModel
import Testing

@testable import ProcessNode

/// What the shims of real containers write to their logs.
@Suite struct LogWritingTests {
    /// A container whose log is in a folder of its own. The script finds the folder in `$D`.
    private final class Container {
        let folder: ContainerLogTests.Folder
        let process: Int32
        private let codes: AsyncStream<Int>

        init(_ supervisor: ProcessSupervisor, _ script: String) async throws {
            folder = try ContainerLogTests.Folder()
            let codes = AsyncStream.makeStream(of: Int.self)
            self.codes = codes.stream
            let path = folder.path
            let root = folder.root
            process = try await withCheckedThrowingContinuation { continuation in
                supervisor.launch(
                    ProcessSupervisor.Launch(
                        path: "/bin/bash", arguments: ["bash", "-c", script],
                        environment: ["PATH=/usr/bin:/bin", "D=\(root)"], directory: root, logPath: path,
                        onStart: { continuation.resume(with: $0) }, onExit: { codes.continuation.yield($0.code) }))
            }
        }

        /// How it ended.
        func end() async -> Int? {
            for await code in codes { return code }
            return nil
        }

        func text(_ selection: ContainerLog.Selection = .init()) throws -> [UInt8] {
            try ContainerLog(folder.path, selection).last(.max)
        }

        /// The parts of its entries: streams, tags and texts.
        func entries() throws -> [String] {
            try String(contentsOfFile: folder.path, encoding: .utf8).split(separator: "\n").map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                #expect(parts[0].utf8.count == 30 && parts[0].hasSuffix("Z"))
                return String(parts[1])
            }
        }
    }

    private static func with(_ body: (ProcessSupervisor) async throws -> Void) async throws {
        let supervisor = try ProcessSupervisor()
        try await body(supervisor)
        await supervisor.stop()
    }

    private static func parent(_ process: Int32) throws -> Int32 {
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return try #require(
            stat.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { Int32($0) })
    }

    /// Polled: what is waited for comes by itself.
    private static func wait(_ isThere: () throws -> Bool) async throws {
        for _ in 0..<20_000 {
            if try isThere() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it did not come")
    }

    @Test func `Lines have a time, their stream and F; one without an end has P`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor, "echo out; echo err > /dev/stderr; echo > /dev/stdout; printf end; exit 3")
            #expect(await container.end() == 3)
            let entries = try container.entries()
            #expect(entries.filter { $0.hasPrefix("stdout") } == ["stdout F out", "stdout F ", "stdout P end"])
            #expect(entries.filter { $0.hasPrefix("stderr") } == ["stderr F err"])
            #expect(try container.text(.init(stream: .stdout)) == Array("out\n\nend".utf8))
        }
    }

    @Test func `A line that goes on is one line, of any bytes and any length`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor,
                """
                head -c 300000 /dev/urandom > $D/random; cat $D/random; echo
                printf a; printf b; echo c
                head -c 1048576 /dev/zero | tr '\\0' x; echo
                """)
            #expect(await container.end() == 0)
            let random = try Data(contentsOf: URL(fileURLWithPath: container.folder.root + "/random"))
            let long = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20) + [0x0A]
            #expect(try container.text() == Array(random) + Array("\nabc\n".utf8) + long)
            #expect(try container.text(.init(tailLines: 1)) == long)
            let raw = try Data(contentsOf: URL(fileURLWithPath: container.folder.path))
            #expect(raw.split(separator: 0x0A).allSatisfy { $0.count <= 16_384 + 40 })
        }
    }

    @Test func `A flood of 60 MiB leaves five files of 10 MiB at most, its last lines in them`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(supervisor, "seq -f %0100.0f 450000; echo the last line")
            #expect(await container.end() == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: container.folder.root)
            #expect(names.count == Int(SLUICE_LOG_FILES), "\(names)")
            for name in names {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(container.folder.root)/\(name)")
                #expect((attributes[.size] as? Int ?? .max) <= Int(SLUICE_LOG_SIZE))
            }
            // What is left is without a gap.
            let text = try container.text()
            let end = Array("the last line\n".utf8)
            #expect(text.suffix(end.count) == end[...])
            let first = try #require(Int(String(decoding: text.prefix(100), as: UTF8.self)))
            #expect(first > 1)
            #expect((450_000 - first + 1) * 101 + end.count == text.count)
            let tail = try container.text(.init(tailLines: 150_001))
            #expect(tail.count == 150_000 * 101 + end.count)
            #expect(Int(String(decoding: tail.prefix(100), as: UTF8.self)) == 300_001)
        }
    }

    @Test func `Whoever follows a log passes over its rotations without a gap`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor, "mkfifo $D/go; exec 3<> $D/go; while read -u 3 f t; do seq -f %0100.0f $f $t; done")
            let go = container.folder.root + "/go"
            try await Self.wait { access(go, F_OK) == 0 }
            let pipe = open(go, O_RDWR | O_CLOEXEC)
            try #require(pipe >= 0)
            defer { close(pipe) }
            try await Self.wait { access(container.folder.path, F_OK) == 0 }
            let log = try ContainerLog(container.folder.path)
            var count = 0
            for round in 0..<6 {
                // The container waits between rounds, so that it is never so far ahead that files are deleted.
                let command = "\(round * 60_000 + 1) \(round * 60_000 + 60_000)\n"
                try #require(write(pipe, command, command.utf8.count) == command.utf8.count)
                try await Self.wait {
                    while true {
                        let bytes = try log.next()
                        if bytes.isEmpty { return count == (round + 1) * 60_000 * 101 }
                        let line = bytes.prefix(100)
                        // Each piece begins with a line.
                        #expect(count % 101 == 0 && Int(String(decoding: line, as: UTF8.self)) == count / 101 + 1)
                        count += bytes.count
                    }
                }
            }
            #expect(access(container.folder.name(3), F_OK) == 0)
            supervisor.signal(container.process, SIGKILL)
            #expect(await container.end() == 137)
        }
    }

    @Test func `Who still has the pipe when the main process ends is not waited for`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor,
                "(setsid sh -c 'echo grandchild; echo > $D/ready; sleep 7733' &); echo before; mkfifo $D/go; read x < $D/go"
            )
            let go = container.folder.root + "/go"
            try await Self.wait {
                access(go, F_OK) == 0 && access(container.folder.root + "/ready", F_OK) == 0
            }
            // This process is none of the container's, and keeps the pipe open beyond its end.
            let pipe = open("/proc/\(container.process)/fd/1", O_WRONLY | O_CLOEXEC)
            try #require(pipe >= 0)
            defer { close(pipe) }
            try #require(write(pipe, "outside\n", 8) == 8)
            try Data("x\n".utf8).write(to: URL(fileURLWithPath: go))
            #expect(await container.end() == 0)
            let lines = String(decoding: try container.text(), as: UTF8.self).split(separator: "\n")
            #expect(lines.sorted() == ["before", "grandchild", "outside"])
            #expect(lines.last == "outside")
        }
    }

    @Test func `A container whose shim is killed keeps the log that it has`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(supervisor, "echo one; echo > $D/ready; sleep 7734")
            try await Self.wait { try !container.text().isEmpty }
            kill(try Self.parent(container.process), SIGKILL)
            #expect(await container.end() == 137)
            #expect(try container.text() == Array("one\n".utf8))
        }
    }

    @Test func `A container that takes its log away goes on, and has its limit all the same`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor,
                """
                rm $D/0.log; mkdir $D/0.log
                seq -f %0100.0f 200000
                """)
            #expect(await container.end() == 0)
            let text = try container.text()
            #expect(text.suffix(101) == Array(String(format: "%0100d\n", 200_000).utf8)[...])
            #expect(text.count < 200_000 * 101)
        }
    }

    /// Makes files of a process, and of those that it starts, end at a size: a full disk for them alone.
    private static func limit(_ process: Int32, _ size: String) throws {
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        program.arguments = ["--pid", "\(process)", "--fsize=\(size)"]
        try program.run()
        program.waitUntilExit()
        try #require(program.terminationStatus == 0)
    }

    @Test(.enabled(if: access("/usr/bin/prlimit", X_OK) == 0, "no prlimit"))
    func `On a full disk a container goes on, and its log tells what it lacks`() async throws {
        try await Self.with { supervisor in
            let first = try await Container(supervisor, "read x; sleep 7735")
            let starter = try Self.parent(try Self.parent(first.process))
            try Self.limit(starter, "500000:")
            let container = try await Container(
                supervisor, "mkfifo $D/go $D/told; seq 100000; echo > $D/told; read x < $D/go; echo after")
            // Once it is told that all is printed, no more of it than a pipe holds is still to be written.
            let told = container.folder.root + "/told"
            try await Self.wait { access(told, F_OK) == 0 }
            // Opening waits for the container to open it too.
            let isTold = try await DetachedThread.run {
                let pipe = open(told, O_RDONLY | O_CLOEXEC)
                defer { close(pipe) }
                var byte: UInt8 = 0
                return read(pipe, &byte, 1) == 1
            }
            #expect(isTold)
            try Self.limit(try Self.parent(container.process), "unlimited:")
            try Data("x\n".utf8).write(to: URL(fileURLWithPath: container.folder.root + "/go"))
            #expect(await container.end() == 0)
            let lines = String(decoding: try container.text(), as: UTF8.self).split(separator: "\n").map(String.init)
            let numbers = lines.compactMap(Int.init)
            let gap = zip(1..., numbers).first { $0 != $1 }
            #expect(numbers == numbers.sorted() && numbers.first == 1 && gap?.0 ?? 0 < 20_000)
            let others = lines.filter { Int($0) == nil }
            #expect(others.last == "after" && lines.last == "after")
            // Each gap is told, and nothing else is there: no part of a line. What is short may have found room between.
            #expect(others.count >= 2)
            for other in others.dropLast() {
                #expect(other.hasSuffix(" bytes of this log could not be written: File too large"))
            }
            supervisor.signal(first.process, SIGKILL)
        }
    }

    @Test func `A program has its three descriptors, and a shim no more than it needs`() async throws {
        try await Self.with { supervisor in
            let container = try await Container(
                supervisor, "for f in /proc/$$/fd/*; do readlink $f; done; ls -l /proc/$PPID/fd > $D/shim; echo x")
            #expect(await container.end() == 0)
            let lines = String(decoding: try container.text(), as: UTF8.self).split(separator: "\n")
            // Of the program: its three, and what the shell has open for itself.
            #expect(lines.first == "/dev/null" && lines[1].hasPrefix("pipe:") && lines[2].hasPrefix("pipe:"))
            let shim = try String(contentsOfFile: container.folder.root + "/shim", encoding: .utf8)
            // Three, commands, reports, signals, the log, two pipes; nothing of the launch.
            #expect(shim.split(separator: "\n").dropFirst().count == 9, "\(shim)")
        }
    }
}
