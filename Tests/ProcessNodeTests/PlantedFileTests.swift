import Foundation
import JSON
import Testing

@testable import ProcessNode

/// What a container may put in the place of its log or its message: nothing of it is waited for, followed or written to.
@Suite struct PlantedFileTests {
    enum Planted: String, CaseIterable { case fifo, link, deviceLink, danglingLink, socket }

    /// A pod's directory with something planted at a path, and a file elsewhere that must not be read or changed.
    private final class Scene {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-planted-\(UUID().uuidString)")
            .path
        let files: PodFiles
        var secret: String { "\(root)/secret" }
        private var descriptors: [Int32] = []

        init() throws {
            files = PodFiles(node: root, namespace: "default", name: "p", uid: "u")
            try files.prepare(containers: ["main"], hasWork: true)
            try Data("secret".utf8).write(to: URL(fileURLWithPath: secret))
        }

        deinit {
            for descriptor in descriptors { close(descriptor) }
            try? FileManager.default.removeItem(atPath: root)
        }

        func plant(_ what: Planted, _ path: String) throws {
            switch what {
            case .fifo:
                try #require(mkfifo(path, 0o600) == 0)
                // Both ends are open and there is something to read, so that who does open it does not hang the tests.
                let descriptor = open(path, O_RDWR | O_CLOEXEC)
                try #require(descriptor >= 0)
                descriptors.append(descriptor)
                try #require(write(descriptor, "fifo", 4) == 4)
            case .link: try #require(symlink(secret, path) == 0)
            case .deviceLink: try #require(symlink("/dev/zero", path) == 0)
            case .danglingLink: try #require(symlink("\(root)/nothing", path) == 0)
            case .socket:
                let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
                try #require(descriptor >= 0)
                descriptors.append(descriptor)
                // The name of a socket is short.
                let short = "/tmp/sluice-\(UUID().uuidString.prefix(8))"
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short.utf8) }
                let bound = withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
                try #require(bound == 0)
                try #require(rename(short, path) == 0)
            }
        }

        func check() throws {
            #expect(try String(contentsOfFile: secret, encoding: .utf8) == "secret")
            #expect(!FileManager.default.fileExists(atPath: "\(root)/nothing"))
        }
    }

    private static func isRegular(_ path: String) -> Bool {
        var information = stat()
        return lstat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
    }

    private let container = ContainerSpec(
        ["name": "main", "image": "x", "command": ["true"], "terminationMessagePolicy": "FallbackToLogsOnError"],
        isInit: false)

    @Test(arguments: Planted.allCases) func `It is not read`(what: Planted) throws {
        let scene = try Scene()
        try scene.plant(what, scene.files.message("main"))
        try scene.plant(what, scene.files.log("main", 0))
        let error = #expect(throws: LogFile.OpenError.self) { try LogFile(scene.files.log("main", 0)) }
        #expect(error?.reason == "it is not a regular file")
        #expect(scene.files.terminationMessage(container, attempt: 0, exitCode: 1) == "")
        try scene.check()
    }

    @Test(arguments: Planted.allCases) func `A new message takes its place`(what: Planted) async throws {
        let scene = try Scene()
        let message = scene.files.message("main")
        try scene.plant(what, message)
        let launch = ContainerLaunch(
            container: container, pod: try NodePod(["metadata": ["name": "p", "namespace": "default", "uid": "u"]]),
            files: scene.files, volumes: [:], attempt: 1, sandbox: .none)
        _ = try await launch.prepared(from: ConfigurationSource(configMap: { _ in nil }, secret: { _ in nil }))
        #expect(Self.isRegular(message))
        #expect(try Data(contentsOf: URL(fileURLWithPath: message)).isEmpty)
        try scene.check()
    }

    @Test(arguments: Planted.allCases) func `A new log takes its place`(what: Planted) async throws {
        let scene = try Scene()
        let log = scene.files.log("main", 1)
        try scene.plant(what, log)
        let supervisor = try ProcessSupervisor()
        let codes = AsyncStream.makeStream(of: Int.self)
        supervisor.launch(
            ProcessSupervisor.Launch(
                path: "/bin/sh", arguments: ["sh", "-c", "echo hello"], environment: [], directory: scene.root,
                logPath: log,
                onStart: { result in
                    guard case .failure(let error) = result else { return }
                    Issue.record("\(error.reason)")
                    codes.continuation.finish()
                }, onExit: { codes.continuation.yield($0.code) }))
        var iterator = codes.stream.makeAsyncIterator()
        #expect(await iterator.next() == 0)
        await supervisor.stop()
        #expect(Self.isRegular(log))
        #expect(try ContainerLog(log).last(100) == Array("hello\n".utf8))
        try scene.check()
    }
}
