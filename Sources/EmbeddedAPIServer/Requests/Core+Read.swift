import Clocks
import HTTPServing
import JSON
import KubernetesModel

extension APIServerCore {
    /// Answers a GET of one object. Throws `APIStatus`.
    func get(_ call: ResourceCall) throws -> InboundResponse {
        let form = try call.representation()
        _ = try requestedVersion(call)
        guard let object = store.durable(call.key) else { throw APIStatus.notFound(call.resource, call.name) }
        return try render(object, call.resource, form)
    }

    /// The response with one object in the representation that the client asked for.
    func render(_ object: StoredObject, _ resource: ResourceDefinition, _ form: Representation, status: Int = 200)
        throws
        -> InboundResponse
    {
        let renderer = Renderer(resource: resource, form: form, now: clock.now)
        return InboundResponse(status: status, body: .bytes(try renderer.single(object)))
    }

    func render(_ json: JSONValue, _ resource: ResourceDefinition, _ form: Representation, status: Int = 200) throws
        -> InboundResponse
    {
        let renderer = Renderer(resource: resource, form: form, now: clock.now)
        return InboundResponse(status: status, body: .bytes(try renderer.single(json)))
    }

    /// The `resourceVersion` parameter; nil when it is absent. Throws `APIStatus` when it is malformed (400, in a watch
    /// 500) or larger than the current version (504).
    func requestedVersion(_ call: ResourceCall) throws -> UInt64? {
        guard let text = call.request.nonEmptyParameter("resourceVersion") else { return nil }
        guard let version = UInt64(text) else {
            throw APIStatus(
                code: call.request.flag("watch") ? 500 : 400, reason: call.request.flag("watch") ? "" : "BadRequest",
                message: "resourceVersion: Invalid value: \"\(text)\": strconv.ParseUint: parsing \"\(text)\": invalid"
                    + " syntax")
        }
        let current = store.durableRevision
        if version > current { throw APIStatus.tooLargeVersion(version, current: current) }
        return version
    }

    /// Answers a GET of a collection. Throws `APIStatus`.
    func list(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        let filter = try ObjectFilter(call.request, call.resource, namespace: call.path.namespace)
        let page = try page(call, filter)
        let renderer = Renderer(resource: call.resource, form: form, now: clock.now)
        return InboundResponse(body: .bytes(try renderer.list(page, hasSelector: !filter.isEverything)))
    }

    /// The objects that a list request selects. Throws `APIStatus`: 400, 410 and 422.
    func page(_ call: ResourceCall, _ filter: ObjectFilter) throws -> ObjectPage {
        let name = call.resource.storageName
        let match = call.request.nonEmptyParameter("resourceVersionMatch")
        let version = try requestedVersion(call)
        if let match,
            !["Exact", "NotOlderThan"].contains(match) || version == nil || (match == "Exact" && version == 0)
        {
            let why =
                version == nil
                ? FieldError.forbidden(
                    "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
                : ["Exact", "NotOlderThan"].contains(match)
                    ? FieldError.forbidden(
                        "resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
                    : .notSupported("resourceVersionMatch", .string(match), ["Exact", "NotOlderThan", ""])
            throw APIStatus.invalid(kind: "ListOptions", group: "meta.k8s.io", name: "", [why])
        }
        let limit = Int(try call.integer("limit") ?? 0)
        _ = try call.integer("timeoutSeconds")
        var objects: [StoredObject]
        var revision: UInt64
        var start = ContinueToken.Position(namespace: "", name: "")
        if let text = call.request.nonEmptyParameter("continue") {
            guard call.request.nonEmptyParameter("resourceVersion") == nil || version == 0 else {
                throw APIStatus.badRequest("specifying resource version is not allowed when using continue")
            }
            guard let token = ContinueToken(text) else {
                throw APIStatus.badRequest("continue key is not valid: \(text)")
            }
            guard let snapshot = store.list(name, namespace: filter.namespace, at: token.revision) else {
                throw APIStatus.expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new"
                        + " list without the continue parameter.")
            }
            (objects, revision, start) = (snapshot, token.revision, token.start)
        } else if match == "Exact", let version {
            guard let snapshot = store.list(name, namespace: filter.namespace, at: version) else {
                throw APIStatus.expired("The resourceVersion for the provided list is too old.")
            }
            (objects, revision) = (snapshot, version)
        } else {
            (objects, revision) = store.durableList(name, namespace: filter.namespace)
        }
        if !start.name.isEmpty {
            objects.removeAll { ($0.key.namespace, $0.key.name) < (start.namespace, start.name) }
        }
        if !filter.isEverything { objects.removeAll { !filter.matches($0) } }
        var page = ObjectPage(objects: objects, revision: revision)
        if limit > 0, objects.count > limit, let next = objects[limit...].first {
            page.objects = Array(objects[..<limit])
            page.remaining = objects.count - limit
            page.continueToken =
                ContinueToken(
                    revision: revision,
                    start: ContinueToken.Position(namespace: next.key.namespace, name: next.key.name)
                ).text
        }
        return page
    }
}

/// One page of a list.
struct ObjectPage: Sendable {
    var objects: [StoredObject]
    var revision: UInt64
    var continueToken = ""
    var remaining = 0
}

/// The position at which the next page of a list starts, and the version of the list.
struct ContinueToken: Sendable, Hashable {
    struct Position: Sendable, Hashable {
        var namespace: String
        var name: String
    }

    var revision: UInt64
    /// The first object of the next page.
    var start: Position

    init(revision: UInt64, start: Position) {
        self.revision = revision
        self.start = start
    }

    /// Reads what ``text`` writes; nil for anything else.
    init?(_ text: String) {
        guard let bytes = Base64.decode(text, .url), let json = try? JSONValue(parsing: bytes),
            json["v"] == "meta.k8s.io/v1", let revision = json["rv"]?.int, revision >= 0,
            let start = json["start"]?.string
        else { return nil }
        let parts = start.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        self.init(revision: UInt64(revision), start: Position(namespace: String(parts[0]), name: String(parts[1])))
    }

    var text: String {
        let json: JSONValue = [
            "v": "meta.k8s.io/v1", "rv": .int(Int64(revision)), "start": .string("\(start.namespace)/\(start.name)"),
        ]
        return Base64.encode(json.bytes, .url)
    }
}
