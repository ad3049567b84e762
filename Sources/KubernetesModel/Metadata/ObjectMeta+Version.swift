extension ObjectMeta {
    /// Whether this is a state of the same object from before `other`. False where the resource versions are not numbers: nothing
    /// is known then. Kubernetes promises since 1.35 that they are numbers that grow; before, they always were.
    public func isOlder(than other: ObjectMeta) -> Bool {
        guard let mine = UInt64(resourceVersion), let others = UInt64(other.resourceVersion) else { return false }
        return mine < others
    }
}
