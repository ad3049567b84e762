public import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import SluiceAPI

/// The last sweep, when no operator will run any more: takes Sluice's finalizer off every pod. Without it pods of runs that are
/// deleted later, and their namespaces, would stay for ever (rule E4).
public enum PodRelease {
    /// Releases the pods of one namespace or of all, those that run as well. Gives how many there were. One that cannot be released
    /// does not keep the others: the first such failure is thrown when all have had their turn.
    public static func releaseAll(_ client: APIClient, namespace: String? = nil) async throws -> Int {
        let access = APIServerAccess(client, namespace: namespace)
        var options = ListOptions()
        options.labelSelector = Sluice.Label.run
        let pods = try await client.resource(Pod.self, namespace: namespace).listAll(options).items
        var released = 0
        var failure: (any Error)?
        for item in pods {
            let metadata = item.metadata
            guard metadata.finalizers.contains(Sluice.podFinalizer) else { continue }
            do {
                try await access.removeFinalizer(
                    ObjectKey(namespace: metadata.namespace, name: metadata.name), uid: metadata.uid)
                released += 1
            } catch let status as APIStatus where status.isNotFound {
                // Gone already.
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return released
    }
}
