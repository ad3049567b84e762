public import JSON
public import KubernetesModel
public import KubernetesRuntime
public import SluiceAPI

/// What the operator writes to the cluster, and the live reads that decide a doubt. A protocol, so that the reconcilers can
/// be tested against a cluster that fails at will; ``APIServerAccess`` is the real one.
///
/// All throw `APIStatus` for what the API server answered, other errors for requests that did not get through.
public protocol ClusterAccess: Sendable {
    func run(_ key: ObjectKey) async throws -> PipelineRun
    /// All runs that the operator looks after, as they are now: never from a cache.
    func runs() async throws -> [PipelineRun]
    /// Replaces the status of the run at that resourceVersion: a conflict says that the run has changed since. Gives the metadata
    /// that it has now.
    func writeStatus(_ status: JSONValue, of key: ObjectKey, resourceVersion: String) async throws -> ObjectMeta
    /// Replaces the status of a Queue. Gives the Queue's metadata after that.
    func writeStatus(_ status: JSONValue, ofQueue name: String) async throws -> ObjectMeta
    /// Creates a run. Throws a conflict where its name is taken.
    func createRun(_ run: JSONValue, namespace: String) async throws -> PipelineRun
    /// Asks the run of that UID to end: its desired state becomes Cancelled.
    func cancelRun(_ key: ObjectKey, uid: String) async throws
    /// Replaces the status of the ScheduledRun at that resourceVersion. Gives its metadata after that.
    func writeStatus(
        _ status: JSONValue, ofSchedule key: ObjectKey, resourceVersion: String
    ) async throws -> ObjectMeta
    func deleteRun(_ key: ObjectKey, uid: String) async throws

    func pod(_ key: ObjectKey) async throws -> Pod
    func createPod(_ pod: JSONValue, namespace: String) async throws -> Pod
    func service(_ key: ObjectKey) async throws -> ObjectMeta
    func createService(_ service: JSONValue, namespace: String) async throws
    /// Has the kubelet end the pod of that UID within its grace period, and keep it: its deadline becomes one second.
    func stopPod(_ key: ObjectKey, uid: String) async throws
    func deletePod(_ key: ObjectKey, uid: String) async throws
    /// Takes Sluice's finalizer off the pod of that UID.
    func removeFinalizer(_ key: ObjectKey, uid: String) async throws
}
