import KubernetesClient
import KubernetesModel

/// The current time, for code that is not given a clock.
enum SystemTime {
    static var now: Timestamp { SystemClock().now }
}
