import Foundation
import JSON
import KubernetesClient
import KubernetesModel
import Logging
import SeededRandom
import Synchronization
import Testing

/// The API server of `sluice up` is killed by SIGKILL at any moment, while clients write to it.
@Suite(.serialized) struct ServerKillTests {
    /// How often it is killed; SLUICE_KILLS changes it.
    static let kills = ProcessInfo.processInfo.environment["SLUICE_KILLS"].flatMap { Int($0) } ?? 8

    private struct Acknowledged: Sendable {
        struct State: Sendable {
            var value: Int
            var version: UInt64
        }

        /// What each object held when its last write was answered, and its version then.
        var values: [String: State] = [:]
        /// What was asked to go, and what has gone for sure.
        var leaving: Set<String> = []
        var deleted: Set<String> = []
        /// What each version was given to.
        var versions: [UInt64: String] = [:]
        /// Versions that were given to two writes.
        var doubled: [String] = []

        mutating func note(_ object: DynamicObject) {
            let name = object.metadata.name
            let value = object.json["data"]?["value"]?.string.flatMap { Int($0) } ?? -1
            let version = UInt64(object.metadata.resourceVersion) ?? 0
            let write = "\(name) \(value)"
            if let other = versions.updateValue(write, forKey: version), other != write {
                doubled.append("version \(version) of \(other) and of \(write)")
            }
            values[name] = State(value: value, version: version)
        }
    }

    private final class Log: Sendable {
        private let acknowledged = Mutex(Acknowledged())
        var value: Acknowledged { acknowledged.withLock(\.self) }
        func change(_ body: (inout Acknowledged) -> Void) { acknowledged.withLock { body(&$0) } }
    }

    private static let maps = ResourceType(version: "v1", kind: "ConfigMap", plural: "configmaps")

    private static func client(_ kubeconfig: String) throws -> ResourceClient<DynamicObject> {
        var settings = APIClient.Settings()
        settings.retry.maximumAttempts = 1
        settings.connectTimeout = .seconds(5)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let client = try APIClient(configuration: try .load(kubeconfig: kubeconfig), settings: settings, logger: logger)
        return client.dynamic(maps, namespace: "default")
    }

    /// Writes until the server is gone.
    private static func write(_ writer: Int, _ round: Int, _ kubeconfig: String, _ log: Log) async {
        do {
            let maps = try client(kubeconfig)
            for number in 0... {
                let name = "w\(writer)-\(round)-\(number / 3)"
                let data: JSONValue = ["value": .string("\(number)")]
                switch number % 3 {
                case 0:
                    let made = try await maps.create(["metadata": ["name": .string(name)], "data": data] as JSONValue)
                    log.change { $0.note(made) }
                case 1:
                    let changed = try await maps.patch(name, .merge(["data": data]))
                    log.change { $0.note(changed) }
                default:
                    guard number % 2 == 0 else { continue }
                    log.change { _ = $0.leaving.insert(name) }
                    _ = try await maps.delete(name)
                    log.change { _ = $0.deleted.insert(name) }
                }
            }
        } catch {
            // That is what it is killed for.
        }
    }

    @Test func `Whenever it is killed, nothing acknowledged is lost, and no version is used twice`() async throws {
        let data = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: data) }
        let log = Log()
        var random = SeededGenerator(seed: 7)
        for round in 0..<Self.kills {
            let up = try await LocalUp.start(["--no-operator", "--data", data + "/cluster"])
            let kubeconfig = up.kubeconfig
            // What is there is what was acknowledged before, or asked for at the end.
            try await Self.check(kubeconfig, log)
            let moment = Duration.milliseconds(Int.random(in: 5...400, using: &random))
            await withTaskGroup(of: Void.self) { group in
                for writer in 0..<4 { group.addTask { await Self.write(writer, round, kubeconfig, log) } }
                try? await Task.sleep(for: moment)
                up.program.signal(SIGKILL)
                _ = await up.program.waitForEnd()
            }
            try? FileManager.default.removeItem(atPath: up.directory)
        }
        let last = try await LocalUp.start(["--no-operator", "--data", data + "/cluster"])
        try await Self.check(last.kubeconfig, log)
        await last.stop()
        let found = log.value
        print("\(Self.kills) kills, \(found.versions.count) writes acknowledged, \(found.deleted.count) deletions")
        #expect(found.versions.count > Self.kills)
    }

    private static func check(_ kubeconfig: String, _ log: Log) async throws {
        let list = try await client(kubeconfig).listAll()
        log.change { log in
            var there: Set<String> = []
            for case .object(let object) in list.items where object.metadata.name.hasPrefix("w") {
                let name = object.metadata.name
                there.insert(name)
                let value = object.json["data"]?["value"]?.string.flatMap { Int($0) } ?? -1
                let known = log.values[name]
                // A write that got no answer may have happened.
                #expect(value >= known?.value ?? 0, "\(name) holds \(value), and held \(known?.value ?? -1)")
                #expect(!log.deleted.contains(name), "\(name) was deleted")
                log.note(object)
            }
            for (name, known) in log.values where !log.leaving.contains(name) {
                #expect(there.contains(name), "\(name) of version \(known.version) is lost")
            }
            #expect(log.doubled == [])
        }
    }
}
