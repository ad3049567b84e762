import Foundation
import Glibc
import JSON
import Logging
import Testing

@testable import ProcessNode

/// What containers see and reach of the machine.
@Suite(.enabled(if: SupervisorTests.hasMounts, "this machine gives users no mount namespaces"))
struct SandboxTests {
    /// A node's directory with the sandbox that the machine lets it have.
    private struct World {
        let supervisor: ProcessSupervisor
        let sandbox: Sandbox
        let directory: String

        /// Whether the machine lets containers have that part; says so where not, and the test is over.
        func has(_ part: KeyPath<Sandbox, Bool>, _ name: String) -> Bool {
            if !sandbox[keyPath: part] { print("skipped: no sandbox of this machine \(name)") }
            return sandbox[keyPath: part]
        }

        /// Starts a shell script in the sandbox.
        func start(
            _ script: String, mounts: [ProcessSupervisor.Mount] = [], isReadOnly: Bool = false, layersHome: Bool = true,
            user: ContainerUser = ContainerUser()
        ) async throws -> (pid: Int32, end: AsyncStream<ProcessSupervisor.Exit>, log: String) {
            let name = UUID().uuidString
            let own = Sandbox.OwnFiles(root: "\(directory)/\(name)")
            try own.make(home: sandbox.hasHome)
            let ends = AsyncStream.makeStream(of: ProcessSupervisor.Exit.self)
            let log = "\(directory)/\(name)/log"
            let start = await withCheckedContinuation { continuation in
                supervisor.launch(
                    ProcessSupervisor.Launch(
                        path: "/bin/sh", arguments: ["sh", "-c", script],
                        environment: ["PATH=/usr/bin:/bin", "HOME=\(Sandbox.home ?? "/")"], directory: "/tmp",
                        logPath: log,
                        mounts: sandbox.mounts(own: own, isReadOnly: isReadOnly, layersHome: layersHome) + mounts,
                        stage: directory + "/stage", isolation: sandbox.isolation(), user: user,
                        onStart: { continuation.resume(returning: $0) },
                        onExit: {
                            ends.continuation.yield($0)
                            ends.continuation.finish()
                        }))
            }
            return (try start.get(), ends.stream, log)
        }

        /// Runs a script to its end; what it has printed, and its exit code.
        func run(
            _ script: String, mounts: [ProcessSupervisor.Mount] = [], isReadOnly: Bool = false, layersHome: Bool = true,
            user: ContainerUser = ContainerUser()
        ) async throws -> (output: String, code: Int) {
            let container = try await start(
                script, mounts: mounts, isReadOnly: isReadOnly, layersHome: layersHome, user: user)
            var code = -1
            for await end in container.end { code = end.code }
            return (String(decoding: try ContainerLog(container.log).last(1 << 20), as: UTF8.self), code)
        }
    }

    private static func with(_ body: (World) async throws -> Void) async throws {
        // Not below /tmp, where everything is out of sight anyway.
        let root = FileManager.default.currentDirectoryPath + "/.build/sandbox-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root + "/stage", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/out", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/secret", withIntermediateDirectories: true)
        try Data("token".utf8).write(to: URL(fileURLWithPath: root + "/secret/token"))
        let supervisor = try ProcessSupervisor()
        let sandbox = await Sandbox.found(
            .whole(writable: [root + "/out"], hidden: [root + "/secret"]), in: root, supervisor,
            Logger(label: "test"))
        try await body(World(supervisor: supervisor, sandbox: sandbox, directory: root))
        await supervisor.stop()
        try PodFiles.remove(root)
    }

    @Test func `The host can only be read, but for what is let, and what is hidden is not seen`() async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let result = try await world.run(
                """
                for folder in / /etc /usr/bin /var /run \(Sandbox.isPrivate(world.directory) ? "" : world.directory) /sys; do
                    touch $folder/sluice-made 2> /dev/null && echo made in $folder
                done
                echo kept > \(world.directory)/out/file
                ls -A \(world.directory)/secret 2> /dev/null
                cat \(world.directory)/secret/token 2> /dev/null
                pwd
                echo mine > /tmp/mine && cat /var/tmp/mine
                ls /tmp | grep mine
                ls /etc/passwd
                """)
            #expect(result.output == "/tmp\nmine\nmine\n/etc/passwd\n")
            #expect(try String(contentsOfFile: world.directory + "/out/file", encoding: .utf8) == "kept\n")
            #expect(!FileManager.default.fileExists(atPath: "/tmp/mine"))
            #expect(FileManager.default.fileExists(atPath: world.directory + "/secret/token"))
        }
    }

    @Test func `A container has the devices that programs expect, memory to share and terminals of its own`()
        async throws
    {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let result = try await world.run(
                """
                ls -A /dev | tr '\\n' ' '; echo
                echo gone > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c
                echo shared > /dev/shm/x && cat /dev/shm/x
                ls /dev/pts
                echo by its name > /dev/stdout
                """)
            let names = try #require(result.output.split(separator: "\n").first).split(separator: " ")
            #expect(
                Set(names.map(String.init)).subtracting(["tty"]) == [
                    "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "urandom",
                    "zero",
                ])
            #expect(result.output.hasSuffix("\n3\n3\nshared\nptmx\nby its name\n"), "\(result.output)")
        }
    }

    @Test(.enabled(if: Sandbox.home != nil, "there is no home directory"))
    func `What changes in the home directory goes with the container`() async throws {
        try await Self.with { world in
            guard world.has(\.hasHome, "hasHome") else { return }
            let name = "sluice-\(UUID().uuidString)"
            let result = try await world.run("echo x > ~/\(name) && cat ~/\(name) && mkdir -p ~/.cache/\(name)")
            #expect(result.output == "x\n" && result.code == 0)
            let home = try #require(Sandbox.home)
            #expect(!FileManager.default.fileExists(atPath: "\(home)/\(name)"))
            let other = try await world.run("ls ~/\(name)")
            #expect(other.code != 0)
            let readOnly = try await world.run("touch ~/\(name); touch /tmp/\(name)", isReadOnly: true)
            #expect(readOnly.code != 0 && readOnly.output.contains("Read-only file system"), "\(readOnly.output)")
        }
    }

    @Test func `A container sees its own processes alone, and its first one passes signals on and reaps`() async throws
    {
        try await Self.with { world in
            guard world.has(\.hasProcesses, "hasProcesses") else { return }
            let seen = try await world.run(
                "echo /proc/[0-9]*; kill -9 1; sleep 0 & wait; (sh -c 'sleep 0.1 &'); sleep 0.3; exit 5")
            #expect(seen.output == "/proc/1 /proc/2\n" && seen.code == 5)
            #expect(try await world.run("kill -TERM $$").code == 143)
            #expect(try await world.run("kill -9 $$").code == 137)

            let container = try await world.start("trap 'echo told; exit 6' TERM; echo up; sleep 1000 & wait")
            // Polled: the shell sets its trap after its start.
            for _ in 0..<2_000 where try ContainerLog(container.log).last(100).isEmpty {
                try await Task.sleep(for: .milliseconds(5))
            }
            world.supervisor.signal(container.pid, SIGTERM)
            var code = -1
            for await end in container.end { code = end.code }
            #expect(code == 6)
            #expect(String(decoding: try ContainerLog(container.log).last(100), as: UTF8.self) == "up\ntold\n")

            // kill 1, as hooks have it, is for the program.
            let hooked = try await world.run("trap 'exit 7' USR1; kill -USR1 1; sleep 1000 & wait")
            #expect(hooked.code == 7)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can be others"))
    func `Who is not root writes to its outputs by their names, and tells process 1 signals`() async throws {
        try await Self.with { world in
            guard world.has(\.hasProcesses, "hasProcesses") else { return }
            var user = ContainerUser()
            (user.user, user.group) = (1234, 5678)
            let result = try await world.run(
                "echo out > /dev/stdout; echo err > /dev/stderr; cat /proc/1/environ; trap 'exit 7' USR1; kill -USR1 1; sleep 1000 & wait",
                user: user)
            #expect(result.output.hasPrefix("out\nerr\n") && result.code == 7, "\(result)")
            #expect(result.output.contains("Permission denied"), "what process 1 was started with is not told")
        }
    }

    @Test func `A part of a volume is never outside of it, whatever links are there`() async throws {
        try await Self.with { world in
            let volume = world.directory + "/volume"
            try PodFiles.makeDirectory(volume + "/real/deep")
            try PodFiles.makeDirectory(world.directory + "/victim")
            for (name, target) in [("out", world.directory + "/victim"), ("up", "../victim"), ("in", "real")] {
                try FileManager.default.createSymbolicLink(atPath: "\(volume)/\(name)", withDestinationPath: target)
            }
            func part(_ path: String) -> ProcessSupervisor.Mount {
                .init(source: "\(volume)/\(path)", path: "/srv/part", kind: .writable, volume: volume)
            }
            for path in ["out", "up", "out/made", "up/made/deep"] {
                do {
                    _ = try await world.start("echo x > /srv/part/x", mounts: [part(path)])
                    Issue.record("\(path) was mounted")
                } catch let error as ProcessSupervisor.LaunchError {
                    #expect(error.isOfMount && error.code % 10_000 == EXDEV, "\(path): \(error.reason)")
                }
            }
            for path in ["in/deep", "new/one", "real"] {
                #expect(try await world.run("echo \(path) > /srv/part/x", mounts: [part(path)]).code == 0, "\(path)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: world.directory + "/victim") == [])
            #expect(try String(contentsOfFile: volume + "/real/deep/x", encoding: .utf8) == "in/deep\n")
            #expect(try String(contentsOfFile: volume + "/new/one/x", encoding: .utf8) == "new/one\n")
        }
    }

    @Test func `A file system that can only be read takes volumes at any path`() async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let data = world.directory + "/data"
            try PodFiles.makeDirectory(data)
            let mounts = ["/tmp/deep/er", "/new/volume"].map {
                ProcessSupervisor.Mount(source: data, path: $0, kind: .writable)
            }
            let result = try await world.run(
                "echo x > /tmp/deep/er/x && cat /new/volume/x; touch /tmp/y /tmp/deep/y /new/y /y /var/tmp/y 2> /dev/null; ls /tmp/deep /new; ls -d /tmp/y /y",
                mounts: mounts, isReadOnly: true)
            #expect(result.output.hasPrefix("x\n/new:\nvolume\n\n/tmp/deep:\ner\n"), "\(result.output)")
            let over = try await world.run(
                "touch /tmp/y && ls /tmp; touch /var/tmp/z 2> /dev/null || echo sealed",
                mounts: [.init(source: data, path: "/tmp", kind: .writable)], isReadOnly: true)
            #expect(over.output == "x\ny\nsealed\n", "\(over.output)")
        }
    }

    @Test(arguments: [
        ["/workspace/in", "/artifacts/out"], ["/opt/a/x", "/opt/b/y"], ["/opt/x", "/new/y"],
        ["/usr/lib/x", "/new/a/b"],
        ["/opt/a", "/opt/a/b/c", "/opt/d/e"],
    ])
    func `Several volumes have paths that the machine has not`(paths: [String]) async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let mounts = try paths.map { path in
                let source = "\(world.directory)/\(UUID().uuidString)"
                try PodFiles.makeDirectory(source)
                return ProcessSupervisor.Mount(source: source, path: path, kind: .writable)
            }
            let script =
                paths.map { "echo \($0) > \($0)/made && cat \($0)/made\n" }.joined()
                + "touch /made /opt/made /usr/lib/made 2> /dev/null; ls -d /usr/bin /etc/passwd /dev/null; ls /made /opt/made /usr/lib/made 2> /dev/null"
            let result = try await world.run(script, mounts: mounts)
            #expect(
                result.output == paths.map { $0 + "\n" }.joined() + "/dev/null\n/etc/passwd\n/usr/bin\n",
                "\(result.output)")
        }
    }

    @Test func `A program is looked for in the container, and its directory is made there`() async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let tools = world.directory + "/tools"
            try PodFiles.makeDirectory(tools)
            try Data("#!/bin/sh\npwd\n".utf8).write(to: URL(fileURLWithPath: tools + "/mytool"))
            chmod(tools + "/mytool", 0o755)
            func start(_ program: String, in directory: String) async throws -> ProcessSupervisor.LaunchError? {
                let own = Sandbox.OwnFiles(root: "\(world.directory)/\(UUID().uuidString)")
                try PodFiles.makeDirectory(own.root)
                try own.make(home: world.sandbox.hasHome)
                return await withCheckedContinuation { continuation in
                    world.supervisor.launch(
                        ProcessSupervisor.Launch(
                            path: program, arguments: [program], environment: ["PATH=/none:/opt/tools:/usr/bin"],
                            directory: directory, logPath: own.root + "/log",
                            mounts: world.sandbox.mounts(own: own, isReadOnly: false, layersHome: false) + [
                                .init(source: tools, path: "/opt/tools", kind: .readOnly)
                            ], stage: world.directory + "/stage", isolation: world.sandbox.isolation(),
                            onStart: {
                                if case .failure(let error) = $0 { continuation.resume(returning: error) }
                            },
                            onExit: { continuation.resume(returning: $0.code == 0 ? nil : .init(code: -1)) }))
                }
            }
            #expect(try await start("mytool", in: "/tmp/made/for/it") == nil)
            #expect(try await start("true", in: "/") == nil)
            #expect(try await start("none-such", in: "/")?.code == ENOENT)
            let lost = try await start("true", in: "/usr/none/such")
            #expect(lost?.isOfDirectory == true && lost?.reason == "No such file or directory")
        }
    }

    @Test func `What a task has made is removed, however deep and closed it is`() async throws {
        try await Self.with { world in
            let root = world.directory + "/deep"
            try PodFiles.makeDirectory(root)
            let name = String(repeating: "d", count: 200)
            let made = try await Program.run(
                "cd \(root) && i=0; while [ $i -lt 60 ]; do mkdir \(name) && cd -P \(name) || exit 1; i=$((i+1)); done; mkfifo pipe; ln -s / link; mkdir shut; : > shut/x; chmod 0 shut"
            )
            #expect(made == 0)
            try PodFiles.remove(root)
            #expect(!FileManager.default.fileExists(atPath: root))
            try PodFiles.remove(root)
        }
    }

    private enum Program {
        static func run(_ script: String) async throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", script]
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    @Test func `When the program ends nothing that it started is left`() async throws {
        try await Self.with { world in
            let mark = "78\(Int.random(in: 100_000...999_999)).75"
            let result = try await world.run(
                "setsid sleep \(mark) & (setsid sh -c 'sleep \(mark) &' &); sleep 0.1; exit 3")
            #expect(result.code == 3)
            #expect(SupervisorTests.processes { $0.contains(mark) } == [])
        }
    }

    @Test func `What joins a container is among its processes and files, and ends with it`() async throws {
        try await Self.with { world in
            let container = try await world.start("echo inside > /tmp/file; echo up; sleep 1000 & wait")
            for _ in 0..<2_000 where try ContainerLog(container.log).last(100).isEmpty {
                try await Task.sleep(for: .milliseconds(5))
            }
            func join(_ script: String) async -> Result<Int32, ProcessSupervisor.LaunchError> {
                await withCheckedContinuation { continuation in
                    world.supervisor.launch(
                        ProcessSupervisor.Launch(
                            path: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"],
                            directory: "/tmp", logPath: world.directory + "/joined", joined: container.pid,
                            onStart: {
                                if case .failure = $0 { continuation.resume(returning: $0) }
                            },
                            onExit: { continuation.resume(returning: .success(Int32($0.code))) }))
                }
            }
            #expect(await join("test $(cat /tmp/file) = inside && touch /tmp/made && exit 4") == .success(4))
            if world.sandbox.hasProcesses {
                #expect(await join("test -e /proc/1 && ! test -e /proc/\(getpid()) && exit 5") == .success(5))
            }
            async let waiting = join("kill -9 2; sleep 1000")
            for await end in container.end { #expect(end.code == 137) }
            if world.sandbox.hasProcesses { #expect(await waiting == .success(137)) }
            // It is gone.
            #expect(await join("true") == .failure(.init(code: ESRCH)))
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can be others"))
    func `A container runs as who it is to be, and root may do no more than containers may`() async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            var user = ContainerUser()
            (user.user, user.group, user.groups) = (1234, 5678, [7, 8])
            let other = try await world.run(
                "id -u; id -g; id -G; touch /tmp/x && ls -ln /tmp/x | cut -d' ' -f3,4; touch /usr/x", user: user)
            #expect(other.output.hasPrefix("1234\n5678\n5678 7 8\n1234 5678\n"), "\(other.output)")
            #expect(other.code != 0)
            user = ContainerUser()
            user.capabilities = 1 << 10
            user.hasNoNewPrivileges = true
            let root = try await world.run(
                "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; umount /tmp; mount -o remount,rw /; echo 1 > /proc/sys/vm/swappiness",
                user: user)
            #expect(root.output.hasPrefix("CapEff:\t0000000000000400\nNoNewPrivs:\t1\n"), "\(root.output)")
            #expect(root.code != 0 && root.output.contains("Read-only file system"), "\(root.output)")
        }
    }

    @Test func `Volumes may be anywhere, also where the container's own files are`() async throws {
        try await Self.with { world in
            guard world.has(\.hasFiles, "hasFiles") else { return }
            let data = world.directory + "/data"
            try PodFiles.makeDirectory(data + "/deep")
            let result = try await world.run(
                "echo x > /tmp/a; echo y > /srv/b/c/d; echo z > /dev/shm/e; ls /dev/.sluice 2> /dev/null; cat /data/*; touch /data/f",
                mounts: [
                    .init(source: data, path: "/data", kind: .readOnly),
                    .init(source: data, path: "/tmp", kind: .writable),
                    .init(source: data + "/deep", path: "/srv/b/c", kind: .writable),
                    .init(source: data, path: "/dev/shm", kind: .writable),
                ])
            #expect(result.output.contains("x\n") && result.output.contains("z\n"), "\(result.output)")
            #expect(result.code != 0 && result.output.contains("Read-only file system"), "\(result.output)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: data).sorted() == ["a", "deep", "e"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/deep") == ["d"])
            #expect(!FileManager.default.fileExists(atPath: "/srv/b"))
        }
    }
}

/// As whom containers run, and what is refused.
@Suite struct ContainerUserTests {
    private static let whole = Sandbox.whole(writable: [], hidden: [])

    private static func user(
        _ pod: JSONValue, _ container: JSONValue, own: UInt32 = 0, _ sandbox: Sandbox = whole
    ) throws -> ContainerUser {
        let json: JSONValue = ["name": "c", "image": "x", "securityContext": container]
        return try ContainerUser(
            ContainerSpec(json, isInit: false), of: ["securityContext": pod], named: "p", own: own, sandbox)
    }

    private static func refusal(
        _ pod: JSONValue, _ container: JSONValue, own: UInt32 = 0, _ sandbox: Sandbox = whole
    ) -> String? {
        do {
            _ = try user(pod, container, own: own, sandbox)
            return nil
        } catch {
            return (error as? ContainerProblem)?.message
        }
    }

    @Test func `The container's user goes before the pod's, and a user alone has root's group`() throws {
        let one = try Self.user(["runAsUser": 1000, "supplementalGroups": [7], "fsGroup": 8], [:])
        #expect(one.user == 1000 && one.group == 0 && one.groups == [7, 8])
        let two = try Self.user(["runAsUser": 1000, "runAsGroup": 5], ["runAsUser": 2000, "runAsGroup": 6])
        #expect(two.user == 2000 && two.group == 6)
        let own = try Self.user(["runAsUser": 1000], [:], own: 1000)
        #expect(own.user == nil && own.group == nil)
        #expect(try Self.user([:], [:]) == Self.user([:], ["privileged": false]))
    }

    @Test func `runAsNonRoot refuses root, in a kubelet's words`() {
        #expect(
            Self.refusal(["runAsNonRoot": true], [:])
                == "container has runAsNonRoot and image will run as root (pod: \"p\", container: c)")
        #expect(
            Self.refusal(["runAsNonRoot": true, "runAsUser": 0], [:])
                == "container's runAsUser breaks non-root policy (pod: \"p\", container: c)")
        #expect(Self.refusal(["runAsNonRoot": true], ["runAsNonRoot": false]) == nil)
        #expect(Self.refusal(["runAsNonRoot": true], ["runAsUser": 5]) == nil)
        #expect(Self.refusal(["runAsNonRoot": true], [:], own: 1000) == nil)
    }

    @Test func `What a machine without namespaces cannot do is refused`() {
        #expect(Self.refusal(["runAsUser": 5], [:], own: 1000, .none)?.contains("no namespaces") == true)
        #expect(Self.refusal(["runAsUser": 5], [:], own: 0, .none) == nil)
        #expect(
            Self.refusal([:], ["readOnlyRootFilesystem": true], own: 1000, .mounts)?.contains("the sandbox") == true)
        #expect(Self.refusal([:], ["readOnlyRootFilesystem": true]) == nil)
    }

    @Test func `Root keeps what a runtime leaves it, but for devices; privileged all`() throws {
        func bits(_ json: JSONValue) throws -> UInt64? { try Self.user([:], json).capabilities }
        let standard = try #require(try bits([:]))
        // That of a container runtime is 0xa80425fb; MKNOD is number 27.
        #expect(standard == 0xa804_25fb & ~(1 << 27))
        #expect(try bits(["capabilities": ["drop": ["ALL"]]]) == 0)
        #expect(try bits(["capabilities": ["drop": ["ALL"], "add": ["NET_BIND_SERVICE"]]]) == 1 << 10)
        #expect(try bits(["capabilities": ["add": ["CAP_SYS_PTRACE"]]]) == standard | 1 << 19)
        #expect(try bits(["capabilities": ["drop": ["KILL"]]]) == standard & ~(1 << 5))
        #expect(try bits(["privileged": true]) == nil)
        #expect(Self.refusal([:], ["capabilities": ["add": ["NONSENSE"]]]) == "invalid capability: NONSENSE")
    }

    @Test(
        arguments: [
            (["hostAliases": [["ip": "1.2.3.4"]]], [:], "spec.hostAliases"),
            (["dnsConfig": ["nameservers": ["1.1.1.1"]]], [:], "spec.dnsConfig"),
            (["dnsPolicy": "None"], [:], "spec.dnsPolicy None"),
            (["runtimeClassName": "kata"], [:], "spec.runtimeClassName"),
            (["securityContext": ["sysctls": [["name": "a", "value": "b"]]]], [:], "spec.securityContext.sysctls"),
            (
                ["securityContext": ["seccompProfile": ["type": "Localhost"]]], [:],
                "securityContext.seccompProfile of type Localhost"
            ),
            ([:], ["tty": true], "tty"), ([:], ["stdin": true], "stdin"),
            ([:], ["volumeDevices": [["name": "a"]]], "volumeDevices"),
            (
                [:], ["volumeMounts": [["mountPropagation": "Bidirectional"]]],
                "volumeMounts.mountPropagation Bidirectional"
            ),
        ] as [(JSONValue, JSONValue, String)])
    func `What is not honoured is refused by its field`(pod: JSONValue, container: JSONValue, field: String) {
        var json = container
        json["name"] = "c"
        #expect(throws: ContainerProblem.self) { try Unhonoured.check(ContainerSpec(json, isInit: false), of: pod) }
        do {
            try Unhonoured.check(ContainerSpec(json, isInit: false), of: pod)
        } catch {
            let message = (error as? ContainerProblem)?.message ?? ""
            #expect(message.hasPrefix("container \"c\": \(field) is not honoured by this node: "), "\(message)")
        }
    }

    @Test func `What asks for nothing special is not refused`() throws {
        let restricted: JSONValue = [
            "dnsPolicy": "ClusterFirst", "runtimeClassName": "", "hostAliases": [],
            "securityContext": ["seccompProfile": ["type": "RuntimeDefault"], "fsGroup": 5],
        ]
        try Unhonoured.check(ContainerSpec(["name": "c", "tty": false], isInit: false), of: restricted)
    }
}
