import AsyncPrimitives
import Clocks
import JSON
import KubernetesModel
import Logging
import Synchronization

/// The API server without sockets and tokens: answers requests from the store and runs the controllers.
final class APIServerCore: Sendable {
    let store: ObjectStore
    let registry: ResourceRegistry
    let checks = ControllerQueue()
    let counts = RequestCounts()
    let logSource: (any PodLogSource)?
    let hooks: [AdmissionHook]
    let clock: any RuntimeClock
    let bookmarkInterval: Duration
    let logger: Logger
    /// The certificate in the ConfigMap `kube-root-ca.crt` of every namespace, in PEM.
    let certificateAuthority = Mutex("")
    /// Held while the stored definitions are read and put into the registry.
    let refreshing = Mutex(())
    /// Held while an object is counted against quotas and stored.
    let quotaLock = Mutex(())
    let podCharges = PodCharges()
    /// Whether the last change could not be stored, and that has been logged.
    private let isFailing = Mutex(false)
    /// Opened when the server stops; ends all watches.
    let stopping = AsyncLatch()

    init(
        store: ObjectStore, registry: ResourceRegistry, logSource: (any PodLogSource)?,
        hooks: [AdmissionHook] = [], clock: any RuntimeClock, bookmarkInterval: Duration,
        logger: Logger
    ) {
        self.store = store
        self.registry = registry
        self.logSource = logSource
        self.hooks = hooks
        self.clock = clock
        self.bookmarkInterval = bookmarkInterval
        self.logger = logger
        store.onFailure.withLock { $0.call = { [weak self] in self?.storageFailed($0) } }
    }

    /// Says once that nothing can be stored, and once that it can again. Definitions whose change was undone are served
    /// as they were.
    private func storageFailed(_ failure: SQLiteError?) {
        let isNews = isFailing.withLock { isFailing in
            defer { isFailing = failure != nil }
            return isFailing != (failure != nil)
        }
        if failure != nil { refreshDefinitions() }
        guard isNews else { return }
        if let failure {
            logger.error("nothing can be stored, so all writes are refused until there is room again: \(failure)")
        } else {
            logger.warning("changes can be stored again")
        }
    }

    /// Answers a request. Never throws: a failure is a response with a Status object.
    func respond(to request: InboundRequest) async -> InboundResponse {
        let response = await answer(request)
        counts.count(request, code: response.status)
        return response
    }

    private func answer(_ request: InboundRequest) async -> InboundResponse {
        do {
            return try await dispatch(request)
        } catch let status as APIStatus {
            return InboundResponse(status)
        } catch let refusal as AdmissionRefusal {
            return InboundResponse(refusal.status).withWarnings(refusal.warnings)
        } catch let error as SQLiteError {
            return InboundResponse(.internalError("the store cannot be written: \(error)"))
        } catch {
            return InboundResponse(.internalError("\(error)"))
        }
    }

    private func dispatch(_ request: InboundRequest) async throws -> InboundResponse {
        switch APIPath(request.path) {
        case .resource(let path): return try await respond(to: request, path)
        case .health(let isReadiness): return await health(isReadiness: isReadiness)
        case .metrics: return InboundResponse(text: counts.text)
        case .unknown: return InboundResponse(text: "404 page not found\n", status: 404)
        case let path:
            guard request.method == "GET" else { throw APIStatus.methodNotAllowed() }
            return try Discovery(registry: registry).respond(to: request, path)
        }
    }

    /// The subresources of pods that need a container with a file system and a network of its own, by what they serve.
    private static let absentFromNode = [
        "exec": "kubectl exec and cp", "attach": "kubectl attach", "portforward": "kubectl port-forward",
        "proxy": "the proxy to pods",
    ]

    /// Whether the server answers, and for /readyz also whether it can store anything.
    private func health(isReadiness: Bool) async -> InboundResponse {
        guard isReadiness, let failure = await store.probe() else { return InboundResponse(text: "ok") }
        return InboundResponse(
            text: "[-]etcd failed: nothing can be stored: \(failure)\nreadyz check failed\n", status: 500)
    }

    private func respond(to request: InboundRequest, _ path: APIPath.ResourcePath) async throws -> InboundResponse {
        if let review = try Reviews.respond(to: request, path, now: clock.now) { return review }
        guard registry.hasGroupVersion(path.group, path.version) else {
            return InboundResponse(text: "404 page not found\n", status: 404)
        }
        guard let resource = registry.resource(path.group, path.version, path.resource),
            // Only objects of namespaced resources have a namespace in their path.
            resource.isNamespaced ? path.namespace != nil || path.name == nil : path.namespace == nil
        else { throw APIStatus.unknownResource }
        var call = ResourceCall(request: request, resource: resource, path: path)
        if let name = path.subresource {
            if resource.storageName == "pods", let what = Self.absentFromNode[name] {
                throw APIStatus.notOnThisNode(what)
            }
            guard resource.subresources.contains(where: { $0.name == name }) else { throw APIStatus.unknownResource }
            call.subresource = name
            if let response = try await respondToSubresource(call) { return response }
        }
        if ["POST", "PUT", "PATCH"].contains(request.method) { try call.checkFieldManager() }
        switch (request.method, path.name) {
        case ("GET", nil), ("HEAD", nil):
            return request.flag("watch") ? try await watch(call) : try await list(call)
        case ("GET", .some), ("HEAD", .some):
            // `?watch` on a single object is deprecated, but some clients still use it.
            return request.flag("watch") ? try await watch(call) : try get(call)
        case ("POST", nil):
            guard !resource.isNamespaced || path.namespace != nil else { throw APIStatus.methodNotAllowed() }
            return try await create(call)
        case ("PUT", .some): return try await replace(call)
        case ("PATCH", .some): return try await patch(call)
        case ("DELETE", .some): return try await delete(call)
        case ("DELETE", nil):
            guard resource.verbs.contains("deletecollection") else { throw APIStatus.methodNotAllowed() }
            return try await deleteCollection(call)
        default: throw APIStatus.methodNotAllowed()
        }
    }
}

/// A request to a resource, with its parsed path.
struct ResourceCall: Sendable {
    let request: InboundRequest
    let resource: ResourceDefinition
    let path: APIPath.ResourcePath
    var subresource: String?

    var namespace: String { path.namespace ?? "" }
    var name: String { path.name ?? "" }
    var key: StorageKey { StorageKey(resource: resource.storageName, namespace: namespace, name: name) }

    /// Whether the request is a dry run. Throws `APIStatus` 422 for any value but `All`.
    func isDryRun() throws -> Bool {
        let values = request.query.filter { $0.name == "dryRun" }.map(\.value)
        guard let wrong = values.first(where: { $0 != "All" }) else { return !values.isEmpty }
        throw invalidOptions([.notSupported("dryRun", .string(wrong), ["All"])])
    }

    /// 422: the parameters of a write are wrong.
    private func invalidOptions(_ errors: [FieldError]) -> APIStatus {
        APIStatus.invalid(
            kind: "\(request.method == "PATCH" ? "Patch" : request.method == "PUT" ? "Update" : "Create")Options",
            group: "meta.k8s.io", name: "", errors)
    }

    /// Throws `APIStatus` 422 when the name of the field manager is too long or cannot be printed.
    func checkFieldManager() throws {
        guard let manager = request.nonEmptyParameter("fieldManager") else { return }
        var errors: [FieldError] = []
        if manager.utf8.count > 128 { errors.append(.tooLong("fieldManager", maximum: 128)) }
        var position = 0
        for character in manager.unicodeScalars {
            if character.value < 0x20 || (0x7F..<0xA0).contains(character.value) {
                let digits = String(character.value, radix: 16, uppercase: true)
                let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                errors.append(
                    .invalid(
                        "fieldManager", .string(manager), "invalid character U+\(code) (at position \(position))"))
            }
            position += UTF8.width(character)
        }
        if !errors.isEmpty { throw invalidOptions(errors) }
    }

    /// An integer parameter; nil when it is absent or empty. Throws `APIStatus` 400.
    func integer(_ name: String) throws -> Int64? {
        guard let text = request.nonEmptyParameter(name) else { return nil }
        if let number = Int64(text) { return number }
        let isNumber = !text.drop { $0 == "-" || $0 == "+" }.isEmpty && text.dropFirst().allSatisfy(\.isNumber)
        throw APIStatus.badRequest(
            "strconv.ParseInt: parsing \(JSONValue.string(text).text): "
                + (isNumber && text.first != "." ? "value out of range" : "invalid syntax"))
    }

    /// The manager of the fields that this request sets: the parameter, else the User-Agent up to its first slash.
    var fieldManager: String {
        if let manager = request.nonEmptyParameter("fieldManager") { return manager }
        let name = request.userAgent.prefix { $0 != "/" }
        return name.isEmpty ? "unknown" : String(name.prefix(128))
    }

    /// The representation that the client asks for. Throws `APIStatus` 406.
    func representation() throws -> Representation {
        try .negotiate(request.accept, includeObject: request.nonEmptyParameter("includeObject"))
    }
}
