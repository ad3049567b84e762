import CurlHTTP
public import JSON
public import KubernetesModel

/// Access to the objects of one resource type, in one namespace, in all, or cluster-scoped. Made by ``APIClient``.
///
/// All methods throw as ``APIClient`` describes: `APIStatus`, ``KubernetesClientError`` or `CancellationError`.
public struct ResourceClient<Object: JSONReadable & Sendable>: Sendable {
    public let client: APIClient
    public let type: ResourceType
    /// The namespace; nil for all namespaces, and for cluster-scoped types.
    public let namespace: String?

    init(client: APIClient, type: ResourceType, namespace: String?) {
        self.client = client
        self.type = type
        self.namespace = type.isNamespaced ? namespace : nil
    }

    // MARK: Reading

    /// Reads one object. Throws `APIStatus` with `isNotFound` when it does not exist.
    public func get(_ name: String, resourceVersion: String? = nil) async throws -> Object {
        var request = APIRequest(method: "GET", path: try path(name), repeatability: .safe)
        if let resourceVersion { request.query.append(("resourceVersion", resourceVersion)) }
        return try await object(request)
    }

    /// Reads one page of the objects that match the options; without a limit, all of them. Throws as ``APIClient``
    /// describes.
    public func list(_ options: ListOptions = ListOptions()) async throws -> ObjectList<Object> {
        let request = APIRequest(
            method: "GET", path: try path(), query: options.query, acceptsCompression: true, repeatability: .safe)
        let response = try await client.send(request)
        return try decode(response.body, request) { reader in
            try ObjectList(from: &reader, type: type)
        }
    }

    /// Reads all objects, in pages of `limit`. When the server no longer has the version of the pages (410), the list
    /// starts again, the second time in one page. Throws as ``APIClient`` describes.
    public func listAll(_ options: ListOptions = ListOptions(), limit: Int = 500) async throws -> ObjectList<Object> {
        var options = options
        options.limit = limit > 0 ? limit : nil
        options.continueToken = nil
        let first = options
        var restarts = 0
        var result = try await list(options)
        while let token = result.continueToken {
            options.continueToken = token
            // The API server refuses a version together with a token, because the token contains one.
            options.resourceVersion = nil
            options.resourceVersionMatch = nil
            do {
                let page = try await list(options)
                result.items += page.items
                result.resourceVersion = page.resourceVersion
                result.continueToken = page.continueToken
            } catch let status as APIStatus where status.isExpired {
                restarts += 1
                options = first
                if restarts > 1 { options.limit = nil }
                result = try await list(options)
            }
        }
        result.remainingItemCount = nil
        return result
    }

    /// Watches changes from now on, or after the version in the options. Throws `APIStatus` when the server refuses the
    /// watch. A watch that ends later ends the stream, with ``WatchEvent/error(_:)`` if the server gave a reason.
    public func watch(_ options: WatchOptions = WatchOptions()) async throws -> WatchStream<Object> {
        let request = APIRequest(method: "GET", path: try path(), query: options.query, repeatability: .safe)
        let stream = try await client.stream(request, idle: options.idleLimit)
        return WatchStream(
            stream, decoder: WatchDecoder(type: type, logger: client.logger),
            url: client.configuration.server + request.target)
    }

    // MARK: Writing

    /// Creates an object and returns it as stored. Throws `APIStatus` with `isAlreadyExists` when there is one of this
    /// name. It is never sent again if the server may have seen it.
    public func create(_ object: some JSONWritable, _ options: WriteOptions = WriteOptions()) async throws -> Object {
        let json = object.json
        let scope = type.isNamespaced ? namespace ?? json[path: "metadata", "namespace"]?.string : nil
        if type.isNamespaced, scope == nil { throw missingNamespace("create") }
        return try await self.object(
            APIRequest(
                method: "POST", path: try path(in: scope), query: options.query(isApply: false),
                body: completed(json).bytes))
    }

    /// Replaces an object and returns it as stored. If it has a `metadata.resourceVersion`, throws `APIStatus` with
    /// code 409 when that is not the current version.
    public func replace(
        _ object: some JSONWritable, subresource: String? = nil, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        let json = object.json
        guard let name = json[path: "metadata", "name"]?.string else {
            throw KubernetesClientError(.invalidRequest, "the \(type.kind) has no metadata.name")
        }
        let scope = type.isNamespaced ? namespace ?? json[path: "metadata", "namespace"]?.string : nil
        return try await self.object(
            APIRequest(
                method: "PUT", path: try path(name, subresource, in: scope), query: options.query(isApply: false),
                body: completed(json).bytes, repeatability: .safe))
    }

    /// Replaces only the status of an object. Throws as ``replace(_:subresource:_:)`` does.
    public func replaceStatus(
        _ object: some JSONWritable, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        try await replace(object, subresource: "status", options)
    }

    /// Changes an object and returns it as stored. An apply patch needs a field manager, and creates the object if it
    /// does not exist. Throws `APIStatus` with `isNotFound` when any other patch finds no object,
    /// and ``KubernetesClientError`` when an apply patch has no field manager.
    public func patch(
        _ name: String, _ patch: Patch, subresource: String? = nil, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        var body = patch.body
        var isApply = false
        if case .apply = patch {
            isApply = true
            body = completed(body)
            guard options.fieldManager?.isEmpty == false else {
                throw KubernetesClientError(
                    .invalidRequest, "an apply patch of \(type.kind) \(name) needs a field manager")
            }
        }
        return try await object(
            APIRequest(
                method: "PATCH", path: try path(name, subresource), query: options.query(isApply: isApply),
                body: body.bytes, contentType: patch.contentType, repeatability: .init(patch)))
    }

    /// Changes only the status of an object. Throws as ``patch(_:_:subresource:_:)`` does.
    public func patchStatus(
        _ name: String, _ patch: Patch, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        try await self.patch(name, patch, subresource: "status", options)
    }

    /// Patches an object of which only the metadata is wanted back: the answer does not bring the rest, however large that is. Throws
    /// as ``patch(_:_:subresource:_:)`` does.
    public func patchForMetadata(
        _ name: String, _ patch: Patch, subresource: String? = nil, _ options: WriteOptions = WriteOptions()
    ) async throws -> ObjectMeta {
        let request = APIRequest(
            method: "PATCH", path: try path(name, subresource), query: options.query(isApply: false),
            body: patch.body.bytes, contentType: patch.contentType,
            accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            repeatability: .init(patch))
        let response = try await client.send(request)
        // A server that knows no partial objects gives the whole one, which has the metadata as well.
        return try decode(response.body, request) { try PartialObject(from: &$0).metadata }
    }

    // MARK: Deleting

    /// Asks for the deletion of an object. Throws `APIStatus` with `isNotFound` when it does not exist, and with code
    /// 409 when a condition in the options is not met.
    public func delete(
        _ name: String, _ options: DeleteOptions = DeleteOptions()
    ) async throws -> Deletion<Object> {
        // Without a UID, a second delete could hit a new object of the same name.
        let request = APIRequest(
            method: "DELETE", path: try path(name), body: options.body.bytes,
            repeatability: options.uid == nil ? .unsafe : .safe)
        let response = try await client.send(request)
        return try decode(response.body, request) { reader in
            let start = reader
            if try BodyKind(from: &reader).kind == "Status" { return .deleted }
            reader = start
            return .accepted(try Object(completing: &reader, type: type))
        }
    }

    /// Asks for the deletion of all objects that match `list`. Throws as ``APIClient`` describes.
    public func deleteCollection(
        _ list: ListOptions = ListOptions(), _ options: DeleteOptions = DeleteOptions()
    ) async throws {
        if type.isNamespaced, namespace == nil { throw missingNamespace("delete a collection of") }
        _ = try await client.send(
            APIRequest(
                method: "DELETE", path: try path(), query: list.query, body: options.body.bytes))
    }

    // MARK: Parts

    /// The path of the collection, an object or a subresource. Throws ``KubernetesClientError`` for an invalid name or
    /// namespace.
    func path(_ name: String? = nil, _ subresource: String? = nil, in scope: String? = nil) throws -> String {
        var path = type.basePath
        if let namespace = scope ?? namespace {
            try check(namespace, "namespace")
            path += "/namespaces/\(RequestPath.encode(namespace))"
        } else if name != nil, type.isNamespaced {
            throw missingNamespace("reach")
        }
        path += "/\(type.plural)"
        if let name {
            try check(name, "name")
            path += "/\(RequestPath.encode(name))"
        }
        if let subresource { path += "/\(subresource)" }
        return path
    }

    private func check(_ segment: String, _ what: String) throws {
        guard let problem = RequestPath.problem(ofSegment: segment) else { return }
        throw KubernetesClientError(.invalidRequest, "the \(what) of a \(type.kind) \(problem)")
    }

    private func missingNamespace(_ verb: String) -> KubernetesClientError {
        KubernetesClientError(.invalidRequest, "a namespace is required to \(verb) a \(type.kind)")
    }

    private func object(_ request: APIRequest) async throws -> Object {
        let response = try await client.send(request)
        return try decode(response.body, request) { try Object(completing: &$0, type: type) }
    }

    private func decode<Result>(
        _ body: [UInt8], _ request: APIRequest, _ read: (inout JSONReader) throws -> Result
    ) throws -> Result {
        do {
            return try JSONReader.withReader(body, read)
        } catch {
            throw KubernetesClientError(
                .unexpectedBody, "the answer is not a valid \(type.kind): \(error)", method: request.method,
                url: client.configuration.server + request.target)
        }
    }

    /// The object, with the apiVersion and kind that the server requires.
    private func completed(_ json: JSONValue) -> JSONValue {
        guard json["kind"] == nil || json["apiVersion"] == nil, json.object != nil else { return json }
        var json = json
        json["apiVersion"] = json["apiVersion"] ?? .string(type.apiVersion)
        json["kind"] = json["kind"] ?? .string(type.kind)
        return json
    }
}

/// The result of a delete.
public enum Deletion<Object: Sendable>: Sendable {
    /// The object is gone.
    case deleted
    /// The object as it is now. It is gone, or has a deletionTimestamp until its grace period and finalizers are done.
    case accepted(Object)
}
