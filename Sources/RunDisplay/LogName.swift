import PipelineEngine
import SluiceAPI

/// What the log of a container is called, for people and in the folder of logs.
public enum LogName {
    /// What its lines begin with: `train[3]`, `train attempt 1`, `train replica 2`; the container too where its pod has several:
    /// `train (main)`, `train (proxy) restart 1`.
    public static func label(_ log: ContainerIdentity) -> String {
        let pod = log.pod
        return pod.path + (pod.replica > 0 ? " replica \(pod.replica)" : "")
            + (pod.attempt > 0 ? " attempt \(pod.attempt)" : "") + (log.isAlone ? "" : " (\(log.container))")
            + (log.restart > 0 ? " restart \(log.restart)" : "")
    }

    /// Its file: `train.3.log`, `outer.2.inner.attempt-1.log`, `train.container-proxy.log`. The main container's has no name of one. The
    /// names of tasks have no dots, so no two containers share one. A path that is too long for a file is called by its pod.
    public static func file(_ log: ContainerIdentity, podName: String) -> String {
        let pod = log.pod
        let path = pod.path.replacing("]", with: "").replacing("[", with: ".").replacing("/", with: ".")
        let name =
            path + (pod.attempt > 0 ? ".attempt-\(pod.attempt)" : "")
            + (pod.replica > 0 ? ".replica-\(pod.replica)" : "")
        return (name.utf8.count <= 150 ? name : podName)
            + (log.container == Sluice.mainContainer ? "" : ".container-\(log.container)")
            + (log.restart > 0 ? ".restart-\(log.restart)" : "") + ".log"
    }
}
