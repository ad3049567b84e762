public import JSON
import KubernetesModel

/// What a list or a watch is narrowed to.
public struct ListOptions: Sendable, Hashable {
    public var labelSelector: String?
    public var fieldSelector: String?
    /// Most objects a page.
    public var limit: Int?
    public var continueToken: String?
    public var resourceVersion: String?
    /// `Exact` or `NotOlderThan`.
    public var resourceVersionMatch: String?

    /// Everything, in one page, as new as there is.
    public init(
        labelSelector: String? = nil, fieldSelector: String? = nil, limit: Int? = nil, continueToken: String? = nil,
        resourceVersion: String? = nil, resourceVersionMatch: String? = nil
    ) {
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        self.limit = limit
        self.continueToken = continueToken
        self.resourceVersion = resourceVersion
        self.resourceVersionMatch = resourceVersionMatch
    }
}

/// How a watch is asked for.
public struct WatchOptions: Sendable, Hashable {
    public var labelSelector: String?
    public var fieldSelector: String?
    /// Events after this version; nil or empty starts with synthetic ADDED events of what there is.
    public var resourceVersion: String?
    /// After how long the server ends the watch by itself.
    public var timeout: Duration
    public var allowBookmarks: Bool

    /// A watch.
    public init(
        labelSelector: String? = nil, fieldSelector: String? = nil, resourceVersion: String? = nil,
        timeout: Duration = .seconds(300), allowBookmarks: Bool = true
    ) {
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        self.resourceVersion = resourceVersion
        self.timeout = timeout
        self.allowBookmarks = allowBookmarks
    }
}

/// How a create, replace or patch is done.
public struct WriteOptions: Sendable, Hashable {
    /// The name under which the server keeps the ownership of fields; required for apply patches.
    public var fieldManager: String?
    /// `Strict`, `Warn` or `Ignore`; nil leaves it to the server.
    public var fieldValidation: String?
    /// Nothing is stored.
    public var dryRun: Bool
    /// For apply patches: takes fields from other managers.
    public var force: Bool

    /// Plain writing.
    public init(
        fieldManager: String? = nil, fieldValidation: String? = nil, dryRun: Bool = false, force: Bool = false
    ) {
        self.fieldManager = fieldManager
        self.fieldValidation = fieldValidation
        self.dryRun = dryRun
        self.force = force
    }
}

/// How a delete is done.
public struct DeleteOptions: Sendable, Hashable {
    /// Deletes only the object of that UID, 409 otherwise.
    public var uid: String?
    /// Deletes only at that version, 409 otherwise.
    public var resourceVersion: String?
    public var propagation: Propagation?
    public var gracePeriodSeconds: Int?
    public var dryRun: Bool

    /// What happens to the objects owned by the deleted one.
    public enum Propagation: String, Sendable, Hashable {
        case orphan = "Orphan"
        case background = "Background"
        case foreground = "Foreground"
    }

    /// Plain deleting.
    public init(
        uid: String? = nil, resourceVersion: String? = nil, propagation: Propagation? = nil,
        gracePeriodSeconds: Int? = nil, dryRun: Bool = false
    ) {
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.propagation = propagation
        self.gracePeriodSeconds = gracePeriodSeconds
        self.dryRun = dryRun
    }
}

/// The body of a PATCH.
public enum Patch: Sendable, Hashable {
    /// RFC 6902: an array of operations.
    case json(JSONValue)
    /// RFC 7386.
    case merge(JSONValue)
    /// Kubernetes' own, for built-in kinds only.
    case strategic(JSONValue)
    /// Server-side apply: the whole of what the field manager wants to own.
    case apply(JSONValue)
}
