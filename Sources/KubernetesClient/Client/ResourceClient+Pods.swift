public import CurlHTTP
import JSON
public import KubernetesModel

extension PodLogOptions {
    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if let container { query.append(("container", container)) }
        if follow { query.append(("follow", "true")) }
        if previous { query.append(("previous", "true")) }
        if timestamps { query.append(("timestamps", "true")) }
        if let tailLines { query.append(("tailLines", String(tailLines))) }
        if let sinceSeconds { query.append(("sinceSeconds", String(sinceSeconds))) }
        if let sinceTime { query.append(("sinceTime", sinceTime.description)) }
        if let limitBytes { query.append(("limitBytes", String(limitBytes))) }
        if stream != .all { query.append(("stream", stream.rawValue)) }
        return query
    }
}

extension ResourceClient {
    /// Reads the log of a pod, as bytes in batches. A followed log of a silent container stays open without limit.
    /// Throws as ``APIClient`` describes.
    public func logs(_ name: String, _ options: PodLogOptions = PodLogOptions()) async throws -> HTTPStream {
        try await client.stream(
            APIRequest(
                method: "GET", path: try path(name, "log"), query: options.query,
                accept: "application/json, */*", repeatability: .safe), idle: nil)
    }

    /// Asks for the eviction of a pod within the limits of its disruption budgets. Throws `APIStatus` with code 429
    /// when they forbid it now; the request is not sent again. Otherwise throws as ``APIClient`` describes.
    public func evict(_ name: String, _ options: DeleteOptions = DeleteOptions()) async throws {
        var metadata: JSONObject = ["name": .string(name)]
        if let namespace { metadata["namespace"] = .string(namespace) }
        let body: JSONValue = [
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": .object(metadata),
            "deleteOptions": options.body,
        ]
        _ = try await client.send(
            APIRequest(
                method: "POST", path: try path(name, "eviction"), body: body.bytes, repeatability: .never))
    }

    /// Binds a pod to a node, as a scheduler does. With a UID, only the pod with that UID is bound. Throws as
    /// ``APIClient`` describes.
    public func bind(_ name: String, to node: String, uid: String? = nil) async throws {
        var metadata: JSONObject = ["name": .string(name)]
        if let namespace { metadata["namespace"] = .string(namespace) }
        if let uid { metadata["uid"] = .string(uid) }
        let body: JSONValue = [
            "apiVersion": "v1", "kind": "Binding", "metadata": .object(metadata),
            "target": ["apiVersion": "v1", "kind": "Node", "name": .string(node)],
        ]
        _ = try await client.send(APIRequest(method: "POST", path: try path(name, "binding"), body: body.bytes))
    }
}
