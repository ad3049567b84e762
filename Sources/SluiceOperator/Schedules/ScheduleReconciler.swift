public import Clocks
public import CoreMetrics
public import CronSchedule
import JSON
import KubernetesModel
public import KubernetesRuntime
public import Logging
import Scheduling
public import SluiceAPI
import Synchronization

/// Starts the runs of ScheduledRuns: does what ``ScheduleEngine`` says.
public final class ScheduleReconciler: Sendable {
    private let cluster: any ClusterAccess
    private let schedules: Store<ScheduledRun>
    private let runs: Store<PipelineRun>
    private let zones: @Sendable (String) throws(ZoneError) -> ZoneRules
    private let events: @Sendable (ScheduledRun, _ isWarning: Bool, _ reason: String, _ message: String) -> Void
    private let clock: any RuntimeClock
    private let logger: Logger
    /// Whether this process works on schedules.
    private let isLeading = Mutex(false)

    /// A reconciler over stores that informers fill. `zones` gives the rules of a time zone.
    public init(
        cluster: any ClusterAccess, schedules: Store<ScheduledRun>, runs: Store<PipelineRun>,
        zones: @escaping @Sendable (String) throws(ZoneError) -> ZoneRules,
        events: @escaping @Sendable (ScheduledRun, _ isWarning: Bool, _ reason: String, _ message: String) -> Void,
        clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.cluster = cluster
        self.schedules = schedules
        self.runs = runs
        self.zones = zones
        self.events = events
        self.clock = clock
        self.logger = logger
    }

    /// A controller of so many workers that runs the reconciler and hears of all that concerns it.
    public func controller(
        workers: Int, random: @escaping RandomSource = systemRandom,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) -> Controller {
        let controller = Controller(
            name: "scheduledrun", workers: workers,
            limiter: RetryLimiter(base: .milliseconds(100), maximum: .seconds(60)),
            clock: clock, random: random, logger: logger, metrics: metrics
        ) { [self] key in try await reconcile(key) }
        controller.watch(schedules) { [self] event in
            leads && event.origin != .ownWrite ? [event.key] : []
        }
        controller.watch(runs) { [self] event in
            guard leads, let owner = event.entry.metadata.controller, owner.kind == Sluice.scheduledRuns.kind,
                owner.apiVersion.hasPrefix(Sluice.group + "/")
            else { return [] }
            // Only that one came, ended or is gone concerns its schedule.
            if case .updated(let old, let new) = event.change,
                old.object?.status.phase.isFinished == new.object?.status.phase.isFinished
            {
                return []
            }
            return [ObjectKey(namespace: event.key.namespace, name: owner.name)]
        }
        return controller
    }

    private var leads: Bool { isLeading.withLock { $0 } }

    /// Begins to work: this process leads from now on, and the store of runs is as new as the API server.
    public func takeOver(_ controller: Controller) {
        isLeading.withLock { $0 = true }
        for key in schedules.entries().map(\.key).sorted() { controller.enqueue(key, priority: .low) }
    }

    /// Looks at one ScheduledRun.
    public func reconcile(_ key: ObjectKey) async throws -> ReconcileResult {
        guard leads, let object = schedules[key], !object.metadata.isBeingDeleted else { return .done }
        let report = Validator.validate(scheduledRunSpec: object.spec) { [zones] name in
            do throws(ZoneError) {
                _ = try zones(name)
                return nil
            } catch {
                return error.message
            }
        }
        let spec = ScheduledRunSpec(validated: object.spec)
        let engine: ScheduleEngine
        do throws(ScheduleEngine.Problem) {
            guard report.isValid else { throw ScheduleEngine.Problem(reason: "InvalidSpec", message: report.message()) }
            engine = try ScheduleEngine(object.metadata, spec) { [zones] in try? zones($0) }
        } catch {
            try await refuse(object, error)
            return .done
        }
        let children = try await children(of: object)
        var decision = engine.decide(object.status, children: children, now: clock.now)
        // What is refused holds up nothing else of the schedule. Where it is not known what became of a request, nothing may be decided on
        // the slot before it is: the run may be there.
        var isHeld = false
        for start in decision.starts {
            do {
                try await create(start, of: object, spec, engine.zone, &decision)
            } catch let status as APIStatus where status.code < 500 && !status.isNotFound {
                isHeld = true
                let reason = status.message
                decision.hold(start, reason: reason, since: object.status, now: clock.now)
                logger.warning(
                    "a scheduled run cannot be created",
                    metadata: ["schedule": "\(key)", "run": "\(start.name)", "error": "\(reason)"])
            }
        }
        for name in decision.cancels { try await cancel(ObjectKey(namespace: key.namespace, name: name), of: object) }
        if decision.status != object.status { try await write(decision.status, of: object) }
        for event in decision.events { events(object, event.isWarning, event.reason, event.message) }
        for name in decision.deletes {
            let run = ObjectKey(namespace: key.namespace, name: name)
            guard let uid = runs[run]?.metadata.uid else { continue }
            do {
                try await cluster.deleteRun(run, uid: uid)
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // Gone already.
            }
        }
        let wait = decision.wakeUp.map { max(.milliseconds(1), $0 - clock.now) }
        if isHeld { return .requeue(after: min(wait ?? Self.retryInterval, Self.retryInterval)) }
        return wait.map { .requeue(after: $0) } ?? .done
    }

    /// When a run that could not be created is tried again: often enough that its slot may still be on time.
    private static let retryInterval: Duration = .seconds(10)

    /// The runs that the object has made. Those that its status names and the cache does not have are asked for: one that is not heard
    /// of yet must not count as over.
    private func children(of object: ScheduledRun) async throws -> [ScheduleChild] {
        for name in object.status.active {
            let key = ObjectKey(namespace: object.metadata.namespace, name: name)
            guard runs[key] == nil else { continue }
            do {
                runs.noteWritten(try await cluster.run(key))
            } catch let status as APIStatus where status.isNotFound {
                continue
            }
        }
        return runs.entries(ownedBy: object.metadata.uid).compactMap { $0.object.map(ScheduleChild.init) }
    }

    private func create(
        _ start: ScheduleEngine.Start, of object: ScheduledRun, _ spec: ScheduledRunSpec, _ zone: ZoneRules,
        _ decision: inout ScheduleEngine.Decision
    ) async throws {
        let key = ObjectKey(namespace: object.metadata.namespace, name: start.name)
        do {
            runs.noteWritten(
                try await cluster.createRun(object.run(for: start, spec, zone: zone), namespace: key.namespace))
        } catch let status as APIStatus where status.isAlreadyExists {
            let live = try await cluster.run(key)
            if live.metadata.controller?.uid == object.metadata.uid {
                runs.noteWritten(live)
            } else {
                decision.refuse(start, reason: "a run named \(start.name) exists and does not belong to this schedule")
            }
        } catch let status as APIStatus where status.code < 500 {
            // A server refuses before it looks whether there is such a run: one whose create got no answer.
            if try await isThere(key, of: object) { return }
            guard [400, 413, 422].contains(status.code) else { throw status }
            decision.refuse(start, reason: "the API server does not take the run: \(status.message)")
        }
    }

    private func isThere(_ key: ObjectKey, of object: ScheduledRun) async throws -> Bool {
        do {
            let live = try await cluster.run(key)
            guard live.metadata.controller?.uid == object.metadata.uid else { return false }
            runs.noteWritten(live)
            return true
        } catch let status as APIStatus where status.isNotFound {
            return false
        }
    }

    private func cancel(_ run: ObjectKey, of object: ScheduledRun) async throws {
        guard let known = runs[run], known.metadata.controller?.uid == object.metadata.uid else { return }
        do {
            try await cluster.cancelRun(run, uid: known.metadata.uid)
        } catch let status as APIStatus where status.isNotFound {
            // Gone already.
        }
    }

    /// A schedule that means nothing says so, and hurts no other.
    private func refuse(_ object: ScheduledRun, _ problem: ScheduleEngine.Problem) async throws {
        var status = object.status
        status.observedGeneration = object.metadata.generation
        status.nextScheduleTime = nil
        status.setReady(false, reason: problem.reason, message: problem.message, now: clock.now)
        guard status != object.status else { return }
        try await write(status, of: object)
        events(object, true, problem.reason, problem.message)
    }

    private func write(_ status: ScheduledRunStatus, of object: ScheduledRun) async throws {
        let metadata = try await cluster.writeStatus(
            status.json, ofSchedule: object.key, resourceVersion: object.metadata.resourceVersion)
        guard metadata.generation == object.metadata.generation else { return }
        schedules.noteWritten(ScheduledRun(metadata: metadata, spec: object.spec, status: status))
    }
}
