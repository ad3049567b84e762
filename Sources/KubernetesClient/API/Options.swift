public import JSON
import KubernetesModel

/// Which objects a list returns, and in which pages.
public struct ListOptions: Sendable, Hashable {
    public var labelSelector: String?
    public var fieldSelector: String?
    /// The largest number of objects per page.
    public var limit: Int?
    /// The token of the previous page; nil for the first one.
    public var continueToken: String?
    /// The version to read; nil reads the latest state.
    public var resourceVersion: String?
    /// `Exact` or `NotOlderThan`.
    public var resourceVersionMatch: String?

    /// Creates options. The default asks for all objects in one page, in their latest state.
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

/// Which events a watch reports, and how.
public struct WatchOptions: Sendable, Hashable {
    public var labelSelector: String?
    public var fieldSelector: String?
    /// Events after this version are sent. Nil or empty starts with synthetic ADDED events for all existing objects.
    public var resourceVersion: String?
    /// How long the watch lasts; then the server ends it.
    public var timeout: Duration
    /// Whether the server may send bookmarks, which tell how far the watch has come.
    public var allowBookmarks: Bool

    /// How long nothing may come before the connection counts as dead. With bookmarks something comes about each minute,
    /// so that a connection that a balancer holds open to a server that is gone is noticed soon; a server that sends none
    /// is asked anew, which costs one request. Without bookmarks it is known only when the server should have ended the
    /// watch.
    var idleLimit: Duration { allowBookmarks ? min(timeout, .seconds(145)) + .seconds(5) : timeout + .seconds(5) }

    /// Creates options of a watch.
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

/// Options of a create, replace or patch.
public struct WriteOptions: Sendable, Hashable {
    /// The name under which the server tracks ownership of fields. Required for apply patches.
    public var fieldManager: String?
    /// `Strict`, `Warn` or `Ignore`; nil uses the server's default.
    public var fieldValidation: String?
    /// Validates the request but stores nothing.
    public var dryRun: Bool
    /// Takes over fields that other managers own. For apply patches only.
    public var force: Bool

    /// Creates options. The defaults are the server's.
    public init(
        fieldManager: String? = nil, fieldValidation: String? = nil, dryRun: Bool = false, force: Bool = false
    ) {
        self.fieldManager = fieldManager
        self.fieldValidation = fieldValidation
        self.dryRun = dryRun
        self.force = force
    }
}

/// Options of a delete.
public struct DeleteOptions: Sendable, Hashable {
    /// Deletes the object only if it has this UID; otherwise the server answers 409.
    public var uid: String?
    /// Deletes the object only at this version; otherwise the server answers 409.
    public var resourceVersion: String?
    /// What happens to objects that the deleted one owns; nil uses the server's default.
    public var propagation: Propagation?
    /// How long the object may take to end; nil uses its own value.
    public var gracePeriodSeconds: Int?
    /// Validates the request but deletes nothing.
    public var dryRun: Bool

    /// What happens to the objects owned by the deleted one.
    public enum Propagation: String, Sendable, Hashable {
        case orphan = "Orphan"
        case background = "Background"
        case foreground = "Foreground"
    }

    /// Creates options. The defaults are the server's.
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
    /// A strategic merge patch, for built-in kinds only.
    case strategic(JSONValue)
    /// Server-side apply: everything that the field manager wants to own.
    case apply(JSONValue)
}
