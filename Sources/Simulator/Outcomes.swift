public import JSON
import KubernetesModel

/// What befalls a pod, other than that its container ends by itself.
public enum PodEnd: String, Sendable, Hashable, CaseIterable {
    case oomKilled = "OOMKilled"
    case evicted = "Evicted"
    case preempted = "Preempted"
    case nodeLost = "NodeLost"
    case deleted = "Deleted"
    case imagePullBackOff = "ImagePullBackOff"
    case invalidImageName = "InvalidImageName"
    case unschedulable = "Unschedulable"

    /// Whether the pod never starts, rather than that it ends.
    public var isStart: Bool {
        switch self {
        case .imagePullBackOff, .invalidImageName, .unschedulable: true
        case .oomKilled, .evicted, .preempted, .nodeLost, .deleted: false
        }
    }
}

/// How a pod goes.
public struct Outcome: Sendable, Hashable {
    /// From its start to its end.
    public var duration: Duration = .seconds(1)
    public var exitCode = 0
    public var failure: PodEnd?
    /// What its container writes; nil: where it succeeds, an empty text for each result that its task declares, so that a dry run needs
    /// no results.
    public var results: JSONObject?

    /// Succeeds after a second.
    public init() {}

    /// Reads `success`, `success:30s`, `failure:5m`; nil for anything else.
    public init?(text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch parts[0] {
        case "success": break
        case "failure": exitCode = 1
        default: return nil
        }
        guard parts.count == 2 else { return }
        guard let duration = Duration(goText: String(parts[1])), duration >= .zero,
            duration <= ScenarioReader.maximumDuration
        else { return nil }
        self.duration = duration
    }
}

/// An outcome, and the pods that have it.
public struct OutcomeRule: Sendable, Hashable {
    /// Patterns; nil matches all.
    public var run: Pattern?
    public var task: Pattern?
    public var attempt: Int?
    public var replica: Int?
    public var outcome: Outcome

    /// A rule for all pods.
    public init(_ outcome: Outcome) { self.outcome = outcome }

    func matches(run name: RunName, path: String, attempt number: Int, replica index: Int) -> Bool {
        (attempt.map { $0 == number } ?? true) && (replica.map { $0 == index } ?? true)
            && (task?.matches(path) ?? true) && (run?.matches(name) ?? true)
    }

    /// A text in which `*` stands for any characters and `?` for one.
    public struct Pattern: Sendable, Hashable {
        public let text: String
        private let bytes: [UInt8]
        private let isPlain: Bool

        /// A pattern.
        public init(_ text: String) {
            self.text = text
            bytes = Array(text.utf8)
            isPlain = !bytes.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
        }

        /// One without a namespace is about the runs of the namespace default; `*` alone matches all.
        func matches(_ run: RunName) -> Bool {
            if text == "*" { return true }
            return bytes.contains(UInt8(ascii: "/"))
                ? matches(run.description) : run.namespace == "default" && matches(run.name)
        }

        /// O(length of text x pattern) at worst.
        func matches(_ candidate: String) -> Bool {
            if isPlain { return candidate == text }
            let candidate = Array(candidate.utf8)
            var (position, place) = (0, 0)
            var star: (place: Int, position: Int)?
            while position < candidate.count {
                if place < bytes.count, bytes[place] == UInt8(ascii: "*") {
                    star = (place, position)
                    place += 1
                } else if place < bytes.count, bytes[place] == candidate[position] || bytes[place] == UInt8(ascii: "?")
                {
                    position += 1
                    place += 1
                } else if let last = star {
                    star = (last.place, last.position + 1)
                    position = last.position + 1
                    place = last.place + 1
                } else {
                    return false
                }
            }
            return bytes[place...].allSatisfy { $0 == UInt8(ascii: "*") }
        }
    }
}
