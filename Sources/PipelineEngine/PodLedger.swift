import KubernetesModel

/// The pods of one run as far as they are known, and the requests about them that have no answer yet. It decides nothing.
struct PodLedger: Sendable {
    /// One pod.
    struct Entry: Sendable {
        /// The index of its node; nil for a pod of the run that belongs to none.
        var node: Int?
        var identity: PodIdentity
        /// As it was seen last.
        var pod: Pod
        /// Whether the API server has it no more.
        var isGone = false
        /// When it was last read from the API server itself; nil when only a cache has told of it.
        var confirmedAt: Timestamp?
        /// Since when it has been seen stuck; nil while it is not.
        var stuckSince: Timestamp?

        /// Whether it belongs to no node, is being deleted and has been released: the API server and its kubelet do the rest.
        var isReleasedStray: Bool { node == nil && pod.metadata.isBeingDeleted && !pod.holdsFinalizer }

        /// Whether no container of it can be running any more.
        var isOver: Bool { isGone || pod.hasEnded }
    }

    /// What an observation told.
    enum Observation {
        /// A state that the pod had left behind.
        case outdated
        /// A newer state of a pod that was known.
        case update
        /// A pod of which nothing was known.
        case discovery
    }

    private var entries: [String: Entry] = [:]
    /// Names of pods that were asked for and whose create has no answer yet.
    private(set) var creating: Set<String> = []
    /// Creates that got no answer, and until when they may still bring a pod into being.
    private var unanswered: [String: Timestamp] = [:]
    private var deleting: Set<String> = []
    /// Pods whose kubelet was asked to end them, and since when.
    private var stopping: [String: Timestamp] = [:]
    private var removingFinalizer: Set<String> = []
    private var confirming: Set<String> = []

    /// The pod of that name; nil when there never was one.
    subscript(name: String) -> Entry? { entries[name] }

    /// Whether no request is under way and every pod is gone, or has ended and holds no finalizer. O(pods).
    var isSettled: Bool {
        removingFinalizer.isEmpty && creating.isEmpty
            && entries.values.allSatisfy {
                $0.isGone || ($0.pod.hasEnded && !$0.pod.holdsFinalizer) || $0.isReleasedStray
            }
    }

    // MARK: What is seen

    /// Takes in a state of a pod.
    mutating func observe(_ pod: Pod, _ identity: PodIdentity, node: Int?) -> Observation {
        let name = pod.metadata.name
        creating.remove(name)
        let known = entries[name].flatMap { $0.pod.metadata.uid == pod.metadata.uid ? $0 : nil }
        if let known,
            known.isGone || (known.pod.hasEnded && !pod.hasEnded) || pod.metadata.isOlder(than: known.pod.metadata)
        {
            return .outdated
        }
        unanswered[name] = nil
        if known == nil {
            // Another pod of that name: a create whose answer was lost had its effect late. What was asked of the one before it was not
            // asked of this one.
            requestFailed(name)
        }
        if !pod.holdsFinalizer { removingFinalizer.remove(name) }
        entries[name] = Entry(
            node: node, identity: identity, pod: pod, confirmedAt: known?.confirmedAt,
            stuckSince: known?.stuckSince)
        return known == nil ? .discovery : .update
    }

    /// The API server has the pod of that name and UID no more. Gives what was known of it; nil when that is nothing.
    mutating func markGone(_ name: String, uid: String) -> Entry? {
        guard entries[name]?.pod.metadata.uid == uid else { return nil }
        deleting.remove(name)
        confirming.remove(name)
        removingFinalizer.remove(name)
        entries[name]?.isGone = true
        return entries[name]
    }

    /// Notes that the pod was read from the API server at that time.
    mutating func confirm(_ name: String, at time: Timestamp) {
        confirming.remove(name)
        entries[name]?.confirmedAt = time
    }

    /// Notes that the pod is to be read from the API server; false when that is under way.
    mutating func beginConfirm(_ name: String) -> Bool { confirming.insert(name).inserted }

    /// Notes whether a pod is stuck now; gives since when it has been (rule E8).
    mutating func noteStuck(_ name: String, _ isStuck: Bool, now: Timestamp) -> Timestamp? {
        if !isStuck {
            entries[name]?.stuckSince = nil
        } else if entries[name]?.stuckSince == nil {
            entries[name]?.stuckSince = now
        }
        return entries[name]?.stuckSince
    }

    /// The pod belongs to another node from now on.
    mutating func move(_ name: String, to node: Int) { entries[name]?.node = node }

    // MARK: What is asked for

    /// Notes that a create is asked for; false when one is under way already.
    mutating func beginCreate(_ name: String) -> Bool { creating.insert(name).inserted }

    /// The create was answered, or is not sent after all.
    mutating func endCreate(_ name: String) { creating.remove(name) }

    /// The create got no answer, and may have its effect until then, unless the pod is known already.
    mutating func createUnanswered(_ name: String, until: Timestamp) {
        if entries[name] == nil { unanswered[name] = until }
    }

    /// Until when a create without an answer may still have its effect; nil when there is none.
    func unansweredUntil(_ name: String) -> Timestamp? { unanswered[name] }

    /// Since when the pod's kubelet has been asked to end it; nil when it has not been.
    func stoppingSince(_ name: String) -> Timestamp? { stopping[name] }

    /// Notes that the pod's kubelet is asked to end it.
    mutating func beginStop(_ name: String, now: Timestamp) { stopping[name] = now }

    /// Notes that a delete is asked for; false when one is under way or done.
    mutating func beginDelete(_ entry: Entry) -> Bool {
        !entry.pod.metadata.isBeingDeleted && deleting.insert(entry.pod.metadata.name).inserted
    }

    /// Notes that the finalizer is to be taken off; false when that is under way or done.
    mutating func beginRemovingFinalizer(_ entry: Entry) -> Bool {
        entry.pod.holdsFinalizer && removingFinalizer.insert(entry.pod.metadata.name).inserted
    }

    /// A delete or the removal of a finalizer has failed: it may be asked for again.
    mutating func requestFailed(_ name: String) {
        deleting.remove(name)
        stopping[name] = nil
        confirming.remove(name)
        removingFinalizer.remove(name)
    }
}
