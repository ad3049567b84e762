import CoreMetrics
public import PrometheusMetrics
import SluiceAPI
import Synchronization

/// What the operator counts of its own work, from when it leads: a standby has none of it.
public final class OperatorMetrics: Sendable {
    private struct Counts: Sendable {
        var podsCreated: Counter
        var runsFinished: [RunPhase: Counter]
        var cycle: CoreMetrics.Timer
    }

    private let registry: PrometheusRegistry
    private let counts = Mutex<Counts?>(nil)

    /// Counts in a registry. Nothing is there before the operator leads.
    public init(_ registry: PrometheusRegistry) {
        self.registry = registry
        for (name, help) in Self.help { registry.describe(name, help) }
    }

    /// Begins to count: this process leads from now on.
    func begin() {
        counts.withLock { counts in
            guard counts == nil else { return }
            let phases = RunPhase.allCases.filter(\.isFinished).map { phase in
                let dimensions = [("phase", phase.rawValue)]
                return (phase, Counter(label: Self.runsFinished, dimensions: dimensions, factory: registry))
            }
            counts = Counts(
                podsCreated: Counter(label: Self.podsCreated, factory: registry),
                runsFinished: Dictionary(uniqueKeysWithValues: phases),
                cycle: CoreMetrics.Timer(label: Self.cycle, factory: registry))
        }
    }

    func podCreated() { counts.withLock(\.self)?.podsCreated.increment() }
    func runFinished(_ phase: RunPhase) { counts.withLock(\.self)?.runsFinished[phase]?.increment() }

    /// One decision of the queue was made in that time.
    func decided(in time: Duration) {
        let (seconds, attoseconds) = time.components
        counts.withLock(\.self)?.cycle.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// Whether this process leads.
    static func leader(_ leads: Bool) -> MetricFamily {
        MetricFamily(
            "sluice_leader", .gauge, help: "Whether this operator leads: 1 for the one that does.",
            samples: [MetricFamily.Sample(leads ? 1 : 0)])
    }

    private static let podsCreated = "sluice_pods_created_total"
    private static let runsFinished = "sluice_runs_finished_total"
    private static let cycle = "sluice_queue_cycle_seconds"

    private static let help = [
        podsCreated: "Pods that were created for runs.",
        runsFinished: "Runs that have ended, by how.",
        cycle: "The time that one decision of the queue took.",
        "workqueue_depth": "Objects that wait to be looked at.",
        "workqueue_adds_total": "Objects that were put down to be looked at.",
        "workqueue_retries_total": "Objects that were put down again after an error.",
        "workqueue_queue_duration_seconds": "How long objects waited to be looked at.",
        "workqueue_work_duration_seconds": "How long looking at an object took.",
        "controller_runtime_reconcile_total": "Reconciliations, by result.",
        "controller_runtime_reconcile_time_seconds": "How long reconciliations took.",
        "controller_runtime_active_workers": "Reconciliations under way.",
        "events_total": "Kubernetes Events, by what became of them.",
    ]
}
