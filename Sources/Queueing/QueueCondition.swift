import GangQueue
public import KubernetesModel
public import SluiceAPI

/// The Ready condition of a Queue.
public struct QueueCondition: Sendable, Hashable {
    public var isReady: Bool
    public var reason: String
    public var message: String

    init(_ report: GangQueue.QueueReport, isValid: Bool) {
        if !isValid {
            self.init(
                false, QueueReasons.invalidSpec, "the spec is not valid (sluice lint says why); nothing new is admitted"
            )
        } else if let problem = report.problem {
            self.init(false, QueueReasons.unknownParent, "it has no place in the tree: \(problem)")
        } else if let closed = report.closedBy {
            // As somebody wants it: that is no failure.
            self.init(true, QueueReasons.admissionClosed, "queue \(closed) is not open: nothing new is admitted")
        } else if report.hasChildren {
            self.init(true, QueueReasons.hasChildren, "the queues below it take the work")
        } else {
            self.init(true, QueueReasons.open, "it takes work")
        }
    }

    private init(_ isReady: Bool, _ reason: String, _ message: String) {
        self.isReady = isReady
        self.reason = reason
        self.message = message
    }
}

extension QueueStatus {
    /// The status to write of a queue that had this one before.
    public func completed(_ condition: QueueCondition, of queue: Queue, now: Timestamp) -> QueueStatus {
        var status = self
        status.observedGeneration = queue.metadata.generation
        status.setReady(
            condition.isReady, reason: condition.reason, message: condition.message, previous: queue.status.conditions,
            now: now)
        return status
    }
}

extension Resources {
    /// The amounts as manifests write them; what is 0 is left out.
    var quantities: [String: Quantity] {
        var result: [String: Quantity] = [:]
        for entry in entries where entry.amount > 0 {
            let isBytes = ["memory", "ephemeral-storage"].contains(entry.name) || entry.name.hasPrefix("hugepages-")
            result[entry.name] =
                entry.name == "cpu"
                ? Quantity(milli: entry.amount) : Quantity(entry.amount, format: isBytes ? .binary : .decimal)
        }
        return result
    }
}
