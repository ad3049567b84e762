import CurlHTTP
public import JSON
public import KubernetesModel

/// The objects of one resource type, in one namespace, in all, or of the cluster.
public struct ResourceClient<Object: JSONReadable & Sendable>: Sendable {
    public let client: APIClient
    public let type: ResourceType
    /// nil: all namespaces, or the type is cluster-scoped.
    public let namespace: String?

    init(client: APIClient, type: ResourceType, namespace: String?) {
        self.client = client
        self.type = type
        self.namespace = type.isNamespaced ? namespace : nil
    }

    // MARK: Reading

    /// One object.
    public func get(_ name: String, resourceVersion: String? = nil) async throws -> Object {
        var request = APIRequest(method: "GET", path: try path(name), repeatability: .safe)
        if let resourceVersion { request.query.append(("resourceVersion", resourceVersion)) }
        return try await object(request)
    }

    /// One page of the objects that the options leave: all of them when there is no limit.
    public func list(_ options: ListOptions = ListOptions()) async throws -> ObjectList<Object> {
        let request = APIRequest(
            method: "GET", path: try path(), query: options.query, repeatability: .safe)
        let response = try await client.send(request)
        return try decode(response.body, request) { reader in
            try ObjectList(from: &reader, type: type)
        }
    }

    /// All objects, asked for in pages of `limit`. When the server has forgotten the version that the pages are of (410),
    /// they are asked for again from the start, the second time all at once.
    public func listAll(_ options: ListOptions = ListOptions(), limit: Int = 500) async throws -> ObjectList<Object> {
        var options = options
        options.limit = limit > 0 ? limit : nil
        options.continueToken = nil
        let first = options
        var restarts = 0
        var result = try await list(options)
        while let token = result.continueToken {
            options.continueToken = token
            // The API server refuses a version beside a token: the token has one.
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

    /// What happens from now on, or after the version in the options. Throws `APIStatus` when the server refuses the watch;
    /// one that ends later ends the stream, with ``WatchEvent/error(_:)`` when the server gave a reason.
    public func watch(_ options: WatchOptions = WatchOptions()) async throws -> WatchStream<Object> {
        let request = APIRequest(method: "GET", path: try path(), query: options.query, repeatability: .safe)
        // The server ends the watch by itself; a connection that outlives that by so much is dead.
        let stream = try await client.stream(request, idle: options.timeout + .seconds(5))
        return WatchStream(
            stream, decoder: WatchDecoder(type: type, logger: client.logger),
            url: client.configuration.server + request.target)
    }

    // MARK: Writing

    /// Creates an object; throws `APIStatus` with ``APIStatus/isAlreadyExists`` when there is one of that name. Never sent
    /// twice once the server may have seen it.
    public func create(_ object: some JSONWritable, _ options: WriteOptions = WriteOptions()) async throws -> Object {
        let json = object.json
        let scope = type.isNamespaced ? namespace ?? json[path: "metadata", "namespace"]?.string : nil
        if type.isNamespaced, scope == nil { throw missingNamespace("create") }
        return try await self.object(
            APIRequest(
                method: "POST", path: try path(in: scope), query: options.query(isApply: false),
                body: completed(json).bytes))
    }

    /// Replaces an object; with `metadata.resourceVersion` in it only at that version, 409 otherwise.
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

    /// Replaces the status of an object, and nothing else of it.
    public func replaceStatus(
        _ object: some JSONWritable, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        try await replace(object, subresource: "status", options)
    }

    /// Changes an object. An apply patch needs a field manager, and creates the object when there is none.
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

    /// Changes the status of an object, and nothing else of it.
    public func patchStatus(
        _ name: String, _ patch: Patch, _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        try await self.patch(name, patch, subresource: "status", options)
    }

    // MARK: Deleting

    /// Asks for the deletion of an object.
    public func delete(
        _ name: String, _ options: DeleteOptions = DeleteOptions()
    ) async throws -> Deletion<Object> {
        // Twice without the UID might take an object of the same name that was made in between.
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

    /// Asks for the deletion of every object that `list` leaves.
    public func deleteCollection(
        _ list: ListOptions = ListOptions(), _ options: DeleteOptions = DeleteOptions()
    ) async throws {
        if type.isNamespaced, namespace == nil { throw missingNamespace("delete a collection of") }
        _ = try await client.send(
            APIRequest(
                method: "DELETE", path: try path(), query: list.query, body: options.body.bytes))
    }

    // MARK: Parts

    /// The path of the collection, an object or a part of it.
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
        KubernetesClientError(.invalidRequest, "to \(verb) a \(type.kind) takes a namespace")
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
                .unexpectedBody, "the answer is no \(type.kind) as expected: \(error)", method: request.method,
                url: client.configuration.server + request.target)
        }
    }

    /// The object with the apiVersion and kind that the server insists on.
    private func completed(_ json: JSONValue) -> JSONValue {
        guard json["kind"] == nil || json["apiVersion"] == nil, json.object != nil else { return json }
        var json = json
        json["apiVersion"] = json["apiVersion"] ?? .string(type.apiVersion)
        json["kind"] = json["kind"] ?? .string(type.kind)
        return json
    }
}

/// What a delete did.
public enum Deletion<Object: Sendable>: Sendable {
    /// The object is gone.
    case deleted
    /// The object as it now is: gone, or with a deletionTimestamp until its finalizers and grace period have passed.
    case accepted(Object)
}
