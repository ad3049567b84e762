import Foundation
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import Synchronization
import Testing

/// Runs against a real kube-apiserver, if KUBECONFIG names one, in a new namespace that is deleted afterwards.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["KUBECONFIG"]?.isEmpty == false, "KUBECONFIG is not set"))
struct LiveServerTests {
    struct ConfigMap: KubernetesObject, JSONWritable {
        static let resourceType = ResourceType(version: "v1", kind: "ConfigMap", plural: "configmaps")
        var metadata = ObjectMeta()
        var data: [String: String] = [:]

        init(_ name: String, data: [String: String]) {
            metadata = ObjectMeta(name: name)
            self.data = data
        }

        init(from reader: inout JSONReader) throws {
            try reader.readFields { key, reader in
                switch key.string {
                case "metadata": metadata = try ObjectMeta(from: &reader)
                case "data": data = try reader.readStringMap()
                default: try reader.skip()
                }
            }
        }

        var json: JSONValue { ["metadata": metadata.json, "data": JSONValue(data)] }
    }

    static let namespaces = ResourceType(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)

    private func withNamespace(_ body: (APIClient, String) async throws -> Void) async throws {
        let client = try APIClient(configuration: .load())
        let namespace = "runtime-\(UUID().uuidString.prefix(8).lowercased())"
        let namespaces = client.dynamic(Self.namespaces)
        _ = try await namespaces.create(["metadata": ["name": .string(namespace)]] as JSONValue)
        do { try await body(client, namespace) } catch {
            _ = try? await namespaces.delete(namespace)
            throw error
        }
        _ = try await namespaces.delete(namespace)
    }

    @Test(.timeLimit(.minutes(1)))
    func `A controller follows config maps, sees its own writes at once, and tells by events`() async throws {
        try await withNamespace { client, namespace in
            var logger = Logger(label: "live")
            logger.logLevel = .critical
            let maps = client.resource(ConfigMap.self, namespace: namespace)
            for number in 0..<20 { _ = try await maps.create(ConfigMap("m\(number)", data: ["n": "\(number)"])) }

            let informer = Informer(
                maps.listWatch, fieldSelector: "metadata.name!=kube-root-ca.crt", pageSize: 7, logger: logger)
            let recorder = EventRecorder(client.eventSink, component: "live", instance: "test", logger: logger)
            let elector = LeaderElector(
                client.leaseStore,
                configuration: try .init(lease: ObjectKey(namespace: namespace, name: "live"), identity: "me"),
                logger: logger)
            let conflicts = Mutex(0)
            let (answers, ended) = AsyncStream.makeStream(of: String.self)
            let controller = Controller(name: "live", workers: 4, logger: logger) { [store = informer.store] key in
                guard let map = store[key], let number = map.data["n"] else { return .done }
                guard map.data["copy"] != number else {
                    ended.yield("\(key.name)=\(number)")
                    return .done
                }
                try elector.checkLeadership()
                do {
                    let patch: JSONValue = [
                        "metadata": ["resourceVersion": .string(map.metadata.resourceVersion)],
                        "data": ["copy": .string(number)],
                    ]
                    store.noteWritten(try await maps.patch(key.name, .merge(patch)))
                } catch let status as APIStatus where status.isConflict {
                    conflicts.withLock { $0 += 1 }
                    throw status
                }
                #expect(store[key]?.data["copy"] == number)
                recorder.record(reason: "Copied", message: "copy of \(number)", on: map)
                return .done
            }
            controller.watch(informer.store)
            let manager = Manager(elector: elector, recorder: recorder, logger: logger)
            manager.add(informer)
            manager.add(controller)
            async let running: Void = manager.run()

            var missing = Set((0..<20).map { "m\($0)=\($0)" })
            for await answer in answers {
                missing.remove(answer)
                if missing.isEmpty { break }
            }
            #expect(manager.isReady && elector.leader == "me" && informer.store.count == 20)
            manager.stop()
            try await running

            // There is no other writer: a conflict would come from a stale store.
            #expect(conflicts.withLock { $0 } == 0)
            let events = try await client.dynamic(Event.resourceType, namespace: namespace).listAll()
            #expect(events.items.count == 20)
            let lease = try await client.resource(Lease.self, namespace: namespace).get("live")
            #expect(lease.holderIdentity.isEmpty && lease.renewTime != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An equal event is counted on the server, and the lease store says what is`()
        async throws
    {
        try await withNamespace { client, namespace in
            var logger = Logger(label: "live")
            logger.logLevel = .critical
            let map = try await client.resource(ConfigMap.self, namespace: namespace).create(ConfigMap("m", data: [:]))
            let recorder = EventRecorder(client.eventSink, component: "live", logger: logger)
            for _ in 0..<3 { recorder.record(.warning, reason: "Twice", message: "and again", on: map) }
            recorder.stop()
            await recorder.run()
            let events = try await client.dynamic(Event.resourceType, namespace: namespace).listAll().items
            guard case .object(let event)? = events.first else {
                Issue.record("no event")
                return
            }
            #expect(events.count == 1 && event.json["count"] == 3 && event.json["type"] == "Warning")
            #expect(event.json[path: "involvedObject", "uid"]?.string == map.metadata.uid)

            let key = ObjectKey(namespace: namespace, name: "nobody")
            let leases = client.leaseStore
            #expect(try await leases.get(key) == nil)
            var lease = Lease(key)
            lease.holderIdentity = "a"
            lease.leaseDurationSeconds = 15
            lease.renewTime = Timestamp(microseconds: 1_767_225_600_000_001)
            let created = try await leases.create(lease)
            #expect(created.renewTime == lease.renewTime)
            let updated = try await leases.update(created)
            #expect(updated.holderIdentity == "a")
            var stale = created
            stale.holderIdentity = "b"
            var next = updated
            next.holderIdentity = "c"
            _ = try await leases.update(next)
            await #expect { try await leases.update(stale) } throws: { ($0 as? APIStatus)?.isConflict == true }
            await #expect { try await leases.create(lease) } throws: { ($0 as? APIStatus)?.isAlreadyExists == true }
        }
    }
}
