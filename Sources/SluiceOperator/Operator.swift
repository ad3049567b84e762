import AdmissionWebhook
import CronSchedule
public import GangQueue
public import KubernetesClient
import KubernetesModel
public import KubernetesRuntime
public import Logging
public import Monitoring
import PrometheusMetrics
import Queueing
import SluiceAPI
import WebhookServing
import ZoneInfo

/// The whole operator over one API server: informers, the reconcilers and what they need to run, in the order in which they
/// start and stop.
public struct Operator: Sendable {
    /// How an operator is run.
    public struct Configuration: Sendable {
        /// The namespace that is looked after; nil for all.
        public var namespace: String?
        /// The lease that one of several operators holds, and who this one is; nil where there is only one.
        public var leaderElection: LeaderElector.Configuration?
        /// Runs that are worked on at the same time.
        public var workers = 16
        public var runs: RunSettings
        /// Whether attempts are admitted by queues. An operator of one namespace sees neither nodes nor other tenants, and has none.
        public var hasQueues = true
        public var queues = QueueSettings()
        /// Where probes are answered; nil for nowhere.
        public var healthAddress: ListenAddress?
        /// Where Prometheus finds the metrics; nil for nowhere.
        public var metricsAddress: ListenAddress?
        /// Where objects are reviewed before they are stored, over TLS; nil for nowhere.
        public var webhookAddress: ListenAddress?
        /// The namespace of the webhook's Service and Secret.
        public var webhookNamespace = "sluice-system"

        /// All namespaces, one operator.
        public init(runs: RunSettings = RunSettings()) { self.runs = runs }
    }

    private let client: APIClient
    private let configuration: Configuration
    private let logger: Logger

    /// An operator; it does nothing until ``run()``.
    public init(client: APIClient, configuration: Configuration = Configuration(), logger: Logger) {
        self.client = client
        self.configuration = configuration
        self.logger = logger
    }

    /// Works until the task is cancelled, then finishes the reconciliations under way, sends the waiting events and gives the lease
    /// back. Throws when leadership is lost or cannot be asked for: the process should then end and start anew.
    public func run() async throws {
        let namespace = configuration.namespace
        let registry = PrometheusRegistry()
        let recorder = EventRecorder(
            client.eventSink, component: "sluice", instance: configuration.leaderElection?.identity ?? "",
            metrics: registry, logger: logger)
        let elector = configuration.leaderElection.map {
            LeaderElector(client.leaseStore, configuration: $0, logger: logger)
        }
        let manager = Manager(elector: elector, recorder: recorder, logger: logger)
        let runs = Informer(client.resource(PipelineRun.self, namespace: namespace).listWatch, logger: logger)
        let pipelines = Informer(client.resource(Pipeline.self, namespace: namespace).listWatch, logger: logger)
        let pods = Informer(
            client.resource(Pod.self, namespace: namespace).listWatch, store: Store(indexes: [RunReconciler.podsByRun]),
            labelSelector: Sluice.Label.run, logger: logger)
        let metrics = OperatorMetrics(registry)
        let admission = configuration.hasQueues && namespace == nil ? addAdmission(to: manager, metrics) : nil
        let reconciler = RunReconciler(
            cluster: APIServerAccess(client, namespace: namespace), runs: runs.store, pipelines: pipelines.store,
            pods: pods.store,
            events: { run, isWarning, reason, message in
                // How a run ends must be heard, whatever else there is to say.
                let isEnd = RunPhase(rawValue: reason)?.isFinished ?? false
                recorder.record(
                    isWarning ? .warning : .normal, reason: reason, message: message, isImportant: isEnd, on: run)
            }, settings: configuration.runs, admission: admission, metrics: metrics, clock: ServerSideClock(client),
            logger: logger)
        manager.add(runs)
        manager.add(pipelines)
        manager.add(pods)
        let controller = reconciler.controller(workers: configuration.workers, metrics: registry)
        manager.add(controller)
        manager.add("release of finished pods", whileLeading: true) { await reconciler.releaseFinishedPods() }
        let schedules = Informer(client.resource(ScheduledRun.self, namespace: namespace).listWatch, logger: logger)
        manager.add(schedules)
        let scheduler = ScheduleReconciler(
            cluster: APIServerAccess(client, namespace: namespace), schedules: schedules.store, runs: runs.store,
            zones: { [zones = ZoneDatabase()] name throws(ZoneError) in try zones.rules(name) },
            events: { schedule, isWarning, reason, message in
                recorder.record(isWarning ? .warning : .normal, reason: reason, message: message, on: schedule)
            }, logger: logger)
        let scheduleController = scheduler.controller(workers: 4, metrics: registry)
        manager.add(scheduleController)
        manager.add("take-over", whileLeading: true) {
            try await reconciler.takeOver(controller)
            scheduler.takeOver(scheduleController)
        }
        registry.addCollector {
            let leads = elector?.isLeader ?? true
            let families = [OperatorMetrics.leader(leads)]
            // What only the leader knows, the others do not tell.
            return leads ? families + reconciler.metricFamilies() + (admission?.metricFamilies() ?? []) : families
        }
        addWebhook(to: manager)
        let server = MonitoringServer(
            health: configuration.healthAddress, metrics: configuration.metricsAddress, registry: registry,
            logger: logger)
        try await server.serve(MonitoringServer.Health(manager)) { try await manager.run() }
    }

    /// The admission webhook: replicas that wait to lead serve it too.
    private func addWebhook(to manager: Manager) {
        guard let address = configuration.webhookAddress else { return }
        let zones = ZoneDatabase()
        let webhook = Webhook(
            address: address, namespace: configuration.webhookNamespace,
            reviewer: AdmissionReviewer(zones: { zones.problem(with: $0) }),
            client: client, logger: logger)
        manager.add("admission webhook") { try await webhook.run() }
        manager.add("trust in the admission webhook", whileLeading: true) { try await webhook.keepRegistered() }
    }

    /// The queues with their informers.
    private func addAdmission(to manager: Manager, _ metrics: OperatorMetrics) -> AdmissionLoop {
        let stores = QueueStores()
        manager.add(Informer(client.resource(Queue.self).listWatch, store: stores.queues, logger: logger))
        manager.add(Informer(client.resource(Node.self).listWatch, store: stores.nodes, logger: logger))
        manager.add(Informer(client.resource(ForeignPod.self).listWatch, store: stores.pods, logger: logger))
        manager.add(
            Informer(client.resource(PriorityClass.self).listWatch, store: stores.priorityClasses, logger: logger))
        manager.add(Informer(client.resource(Namespace.self).listWatch, store: stores.namespaces, logger: logger))
        let admission = AdmissionLoop(
            stores, settings: configuration.queues, metrics: metrics, clock: ServerSideClock(client), logger: logger)
        manager.add("admission", whileLeading: true) { await admission.run() }
        let access = APIServerAccess(client)
        manager.add("statuses of queues", whileLeading: true) { await admission.writeStatuses(access) }
        return admission
    }
}
