public import KubernetesModel
import SluiceAPI

/// Which run it is: what names and references need of it.
public struct RunIdentity: Sendable, Hashable {
    public var namespace: String
    public var name: String
    public var uid: String

    /// The identity of a run.
    public init(namespace: String, name: String, uid: String) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
    }

    /// The identity in an object's metadata.
    public init(_ metadata: ObjectMeta) {
        self.init(namespace: metadata.namespace, name: metadata.name, uid: metadata.uid)
    }

    /// The owner reference of everything that the run owns.
    public var ownerReference: OwnerReference {
        OwnerReference(apiVersion: Sluice.apiVersion, kind: Sluice.pipelineRuns.kind, name: name, uid: uid)
    }
}

/// Which pod of which attempt of which task of which run.
public struct PodIdentity: Sendable, Hashable {
    /// The path of the task: `train`, `shards[3]`, `outer[2]/inner`.
    public var path: String
    public var attempt: Int
    public var replica: Int

    /// A pod of a task.
    public init(path: String, attempt: Int, replica: Int) {
        self.path = path
        self.attempt = attempt
        self.replica = replica
    }

    /// Longest name of a pod: it is the host name too, so a DNS label.
    static let maximumNameLength = 63

    /// The name of the pod: the same at every time and in every process, so that a create after a crash meets
    /// AlreadyExists (rule E4). `run-path-HASH-attempt-replica`; run and path are cut short where they are too long, the hash of
    /// run UID and path, 64 bits in 13 digits, keeps names apart all the same.
    public func name(in run: RunIdentity) -> String {
        label("\(run.name)-\(path)", "-\(Self.hash(run.uid, path))-\(attempt)-\(replica)")
    }

    /// The name of what the pods of the attempt have in common, made likewise: `run-path-HASH-attempt`, and begins with a letter, as
    /// the name of a Service must.
    public func gangName(in run: RunIdentity) -> String {
        let startsWithDigit = run.name.utf8.first.map { (0x30...0x39).contains($0) } ?? false
        return label(
            "\(startsWithDigit ? "r" : "")\(run.name)-\(path)", "-\(Self.hash(run.uid, path))-\(attempt)")
    }

    private func label(_ name: String, _ suffix: String) -> String {
        var prefix: [UInt8] = []
        for byte in name.utf8.prefix(Self.maximumNameLength - suffix.utf8.count) {
            switch byte {
            case UInt8(ascii: "."), UInt8(ascii: "["), UInt8(ascii: "/"): prefix.append(UInt8(ascii: "-"))
            case UInt8(ascii: "]"): break
            default: prefix.append(byte)
            }
        }
        while prefix.last == UInt8(ascii: "-") { prefix.removeLast() }
        return String(decoding: prefix, as: UTF8.self) + suffix
    }

    /// The hash of the parts as base-32 digits.
    private static func hash(_ first: String, _ second: String) -> String {
        let hash = StableHash.of(first, second)
        var digits: [UInt8] = []
        digits.reserveCapacity(13)
        for place in 0..<13 as Range<UInt64> {
            let digit = UInt8(hash >> (place * 5) & 31)
            digits.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The task of the pipeline that it is part of: the path up to its first `[` or `/`.
    public var task: String { String(path.prefix { $0 != "[" && $0 != "/" }) }

    /// The path in which this one lies: `outer[2]` for `outer[2]/inner`, `outer` for that; nil for a task of the pipeline.
    static func parent(ofPath path: String) -> String? {
        path.lastIndex { $0 == "[" || $0 == "/" }.map { String(path[..<$0]) }
    }

    /// The labels that tell who the pod is (rule E4).
    public func labels(in run: RunIdentity) -> [String: String] {
        [
            Sluice.Label.run: run.name, Sluice.Label.task: task, Sluice.Label.attempt: String(attempt),
            Sluice.Label.replica: String(replica), Sluice.Label.managedBy: Sluice.Label.manager,
        ]
    }

    /// Who a pod says it is, when it is that: owned by this run, and under the very name that belongs to its labels.
    /// nil for every other pod, whatever its labels say.
    public init?(_ pod: ObjectMeta, in run: RunIdentity) {
        guard pod.controller?.uid == run.uid, let task = pod.labels[Sluice.Label.task],
            let attempt = pod.labels[Sluice.Label.attempt].flatMap({ Int($0) }), attempt >= 0,
            let replica = pod.labels[Sluice.Label.replica].flatMap({ Int($0) }), replica >= 0
        else { return nil }
        self.init(path: pod.annotations[Sluice.pathAnnotation] ?? task, attempt: attempt, replica: replica)
        guard name(in: run) == pod.name, self.task == task else { return nil }
    }
}
