/// Resource versions as numbers. From 1.35 on, Kubernetes permits comparing them within one resource type (KEP-5504).
public enum ResourceVersion {
    /// Parses a version; nil unless it is a positive decimal number without sign or leading zeros. Others may not be
    /// compared.
    public static func number(_ text: String) -> UInt64? {
        guard let number = UInt64(text), text.utf8.first != UInt8(ascii: "+"), number > 0,
            text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return number
    }
}

extension ObjectMeta {
    /// Whether this is a state of the same object from before `other`. False where one of the resource versions is not
    /// a number: nothing is known then.
    public func isOlder(than other: ObjectMeta) -> Bool {
        guard let mine = ResourceVersion.number(resourceVersion),
            let others = ResourceVersion.number(other.resourceVersion)
        else { return false }
        return mine < others
    }
}
