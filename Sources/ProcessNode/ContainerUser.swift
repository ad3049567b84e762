/// As whom a container runs, and what it may do.
struct ContainerUser: Sendable, Hashable {
    /// nil for the user of this program.
    var user: UInt32?
    var group: UInt32?
    /// Supplementary groups.
    var groups: [UInt32] = []
    /// The capabilities that root keeps, by their numbers as bits; nil for all that this program has.
    var capabilities: UInt64?
    /// Whether no program that it runs may do more than it.
    var hasNoNewPrivileges = false
}
