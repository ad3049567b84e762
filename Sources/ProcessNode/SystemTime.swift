import KubernetesModel
import KubernetesRuntime

/// The calendar's time where no clock is at hand.
enum SystemTime {
    static var now: Timestamp { SystemClock().now }
}
