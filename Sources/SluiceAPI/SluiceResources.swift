public import KubernetesModel

/// The group of Sluice's resources, and the names that it puts on objects.
public enum Sluice {
    public static let group = "sluice.dev"
    public static let version = "v1alpha1"
    public static let apiVersion = "sluice.dev/v1alpha1"

    public static let pipelineRuns = ResourceType(
        group: group, version: version, kind: "PipelineRun", plural: "pipelineruns")
    public static let scheduledRuns = ResourceType(
        group: group, version: version, kind: "ScheduledRun", plural: "scheduledruns")
    public static let pipelines = ResourceType(group: group, version: version, kind: "Pipeline", plural: "pipelines")
    public static let queues = ResourceType(
        group: group, version: version, kind: "Queue", plural: "queues", isNamespaced: false)

    /// Labels and finalizers of pods (rule E4).
    public enum Label {
        public static let run = "sluice.dev/run"
        public static let task = "sluice.dev/task"
        public static let attempt = "sluice.dev/attempt"
        public static let replica = "sluice.dev/replica"
        public static let queue = "sluice.dev/queue"
        /// The ScheduledRun of a run.
        public static let schedule = "sluice.dev/schedule"
        /// The attempt whose pods find each other, by the name of their Service; on the pods of tasks with a framework only.
        public static let gang = "sluice.dev/gang"
        public static let managedBy = "app.kubernetes.io/managed-by"
        /// The value of ``managedBy`` on everything that Sluice creates.
        public static let manager = "sluice"
    }

    private static let trackingPrefixes = [
        "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "helm.sh/", "meta.helm.sh/",
    ]
    private static let trackingNames: Set<String> = [
        "app.kubernetes.io/instance", "kubectl.kubernetes.io/last-applied-configuration",
    ]

    /// Whether a label or an annotation of that name is one by which GitOps tools know their objects.
    public static func isTracking(_ name: String) -> Bool {
        trackingNames.contains(name) || trackingPrefixes.contains { name.hasPrefix($0) }
    }

    /// Held by a pod until its outcome is in the run's status (rule E4).
    public static let podFinalizer = "sluice.dev/track"
    /// The annotation of a pod that names its task in full, where the label cannot: `outer[2]/inner`.
    public static let pathAnnotation = "sluice.dev/path"
    /// The annotations that hold the hosts of an MPI task: as Open MPI reads them, and as Hydra does (MPICH, Intel MPI).
    public static let hostfileAnnotation = "sluice.dev/hostfile"
    public static let hydraHostfileAnnotation = "sluice.dev/hydra-hostfile"
    /// The name of the container that is the task; every other one is a sidecar.
    public static let mainContainer = "main"
    /// The environment variable that names the file for results (rule E12).
    public static let resultsVariable = "SLUICE_RESULTS"
}
