import JSON
public import KubernetesClient
import KubernetesModel

extension APIClient {
    /// A store that keeps leases on this client's API server.
    public var leaseStore: any LeaseStore { APIServerLeases(client: self) }

    /// A sink that writes events to this client's API server.
    public var eventSink: any EventSink { APIServerEvents(client: self) }
}

private struct APIServerLeases: LeaseStore {
    let client: APIClient

    func get(_ key: ObjectKey) async throws -> Lease? {
        do {
            return try await client.resource(Lease.self, namespace: key.namespace).get(key.name)
        } catch let status as APIStatus where status.isNotFound {
            return nil
        }
    }

    func create(_ lease: Lease) async throws -> Lease {
        try await client.resource(Lease.self, namespace: lease.metadata.namespace).create(lease)
    }

    func update(_ lease: Lease) async throws -> Lease {
        try await client.resource(Lease.self, namespace: lease.metadata.namespace).replace(lease)
    }
}

private struct APIServerEvents: EventSink {
    let client: APIClient

    func create(_ event: Event) async throws {
        _ = try await client.dynamic(Event.resourceType, namespace: event.metadata.namespace).create(event)
    }

    func patch(_ key: ObjectKey, _ patch: JSONValue) async throws {
        _ = try await client.dynamic(Event.resourceType, namespace: key.namespace).patch(key.name, .merge(patch))
    }
}
