public import PipelineEngine

/// What the log of a pod is called, for people and in the folder of logs.
public enum LogName {
    /// What its lines begin with: `train[3]`, `train attempt 1`, `train replica 2`.
    public static func label(_ pod: PodIdentity) -> String {
        pod.path + (pod.replica > 0 ? " replica \(pod.replica)" : "")
            + (pod.attempt > 0 ? " attempt \(pod.attempt)" : "")
    }

    /// Its file: `train.3.log`, `outer.2.inner.attempt-1.log`. The names of tasks have no dots, so no two pods share one. A path that
    /// is too long for a file is called by its pod.
    public static func file(_ pod: PodIdentity, podName: String) -> String {
        let path = pod.path.replacing("]", with: "").replacing("[", with: ".").replacing("/", with: ".")
        let name =
            path + (pod.attempt > 0 ? ".attempt-\(pod.attempt)" : "")
            + (pod.replica > 0 ? ".replica-\(pod.replica)" : "")
        return (name.utf8.count <= 200 ? name : podName) + ".log"
    }
}
