import Synchronization

/// All kinds that the server serves: the built-in ones, and those of custom resource definitions.
final class ResourceRegistry: Sendable {
    private struct Path: Hashable, Sendable {
        var group: String
        var version: String
        var plural: String
    }

    private struct State: Sendable {
        var byPath: [Path: ResourceDefinition] = [:]
        var custom: [ResourceDefinition] = []
    }

    let builtin: [ResourceDefinition]
    private let state: Mutex<State>

    init(builtin: [ResourceDefinition]) {
        self.builtin = builtin
        state = Mutex(Self.state(builtin, custom: []))
    }

    private static func state(_ builtin: [ResourceDefinition], custom: [ResourceDefinition]) -> State {
        var state = State(custom: custom)
        for resource in builtin + custom {
            state.byPath[Path(group: resource.group, version: resource.version, plural: resource.plural)] = resource
        }
        return state
    }

    /// Replaces the kinds that custom resource definitions add.
    func setCustom(_ resources: [ResourceDefinition]) {
        let new = Self.state(builtin, custom: resources)
        state.withLock { $0 = new }
    }

    /// The resource at a path; nil when it is not served.
    func resource(_ group: String, _ version: String, _ plural: String) -> ResourceDefinition? {
        state.withLock { $0.byPath[Path(group: group, version: version, plural: plural)] }
    }

    /// All resources: the built-in ones, then the custom ones.
    var all: [ResourceDefinition] { builtin + state.withLock { $0.custom } }

    var custom: [ResourceDefinition] { state.withLock { $0.custom } }

    /// The resource of a kind; nil when the kind is not served in this version.
    func resource(group: String, version: String, kind: String) -> ResourceDefinition? {
        all.first { $0.group == group && $0.version == version && $0.kind == kind }
    }

    /// The resource with this storage name, in the version that is stored.
    func resource(storageName: String) -> ResourceDefinition? {
        all.first { $0.storageName == storageName && !$0.strategy.convertsStorage }
    }

    /// Whether any resource is served in this group and version.
    func hasGroupVersion(_ group: String, _ version: String) -> Bool {
        all.contains { $0.group == group && $0.version == version }
    }
}
