import KubernetesModel
import PipelineEngine
import RunDisplay
import Testing

/// Which logs there are, what they are called, and which of them tells why a pod failed.
@Suite struct LogNameTests {
    @Test func `Containers have names of their own in the folder of logs`() {
        func name(
            _ path: String, _ attempt: Int = 0, _ replica: Int = 0, container: String = "main", restart: Int = 0
        ) -> String {
            let pod = PodIdentity(path: path, attempt: attempt, replica: replica)
            return LogName.file(ContainerIdentity(pod, container: container, restart: restart), podName: "pod")
        }
        #expect(name("train") == "train.log")
        #expect(name("train[3]") == "train.3.log")
        #expect(name("outer[2]/inner", 1) == "outer.2.inner.attempt-1.log")
        #expect(name("train", 1, 2) == "train.attempt-1.replica-2.log")
        #expect(name(String(repeating: "x", count: 300)) == "pod.log")
        #expect(name("train", container: "proxy") == "train.container-proxy.log")
        #expect(name("train", 1, container: "proxy", restart: 2) == "train.attempt-1.container-proxy.restart-2.log")
        // Not the log of the second attempt.
        #expect(name("train", container: "attempt-1") != name("train", 1))
    }

    @Test func `A line begins with its task, and with its container where the pod has several`() {
        let pod = PodIdentity(path: "train[3]", attempt: 1, replica: 2)
        #expect(LogName.label(ContainerIdentity(pod, container: "main")) == "train[3] replica 2 attempt 1")
        let train = PodIdentity(path: "train", attempt: 0, replica: 0)
        func label(_ container: String, _ restart: Int = 0) -> String {
            LogName.label(ContainerIdentity(train, container: container, restart: restart, isAlone: false))
        }
        #expect(label("main") == "train (main)")
        #expect(label("proxy", 1) == "train (proxy) restart 1")
    }

    private func container(_ name: String, _ state: ContainerStatus.State) -> ContainerStatus {
        var status = ContainerStatus()
        status.name = name
        status.state = state
        return status
    }

    private static func ended(_ code: Int) -> ContainerStatus.State {
        var end = ContainerStatus.Termination()
        end.exitCode = code
        return .terminated(end)
    }

    private static let waiting = ContainerStatus.State.waiting(reason: "PodInitializing", message: "")
    private static let crashing = ContainerStatus.State.waiting(reason: "CrashLoopBackOff", message: "")
    private static let running = ContainerStatus.State.running(startedAt: nil)

    @Test(arguments: [
        (ended(0), running, ended(1), "main"),
        (ended(1), waiting, waiting, "fetch"),
        (running, waiting, waiting, "fetch"),
        (ended(0), crashing, waiting, "proxy"),
        // A sidecar that ends badly once the task runs is not why the task failed.
        (ended(0), ended(143), ended(1), "main"),
        (ended(0), crashing, ended(1), "main"),
        (ended(0), running, waiting, "main"),
    ])
    func `The container that tells is the one that failed, an init container too`(
        fetch: ContainerStatus.State, proxy: ContainerStatus.State, main: ContainerStatus.State, expected: String
    ) {
        var pod = Pod()
        pod.nativeSidecars = ["proxy"]
        pod.status.initContainers = [container("fetch", fetch), container("proxy", proxy)]
        pod.status.containers = [container("main", main)]
        #expect(pod.tellingContainer == expected)
    }

    @Test func `A container has a log once it has started`() {
        func last(_ state: ContainerStatus.State) -> Int? {
            var container = container("a", state)
            container.restartCount = 2
            return container.lastStart
        }
        #expect(last(Self.running) == 2 && last(Self.ended(0)) == 2)
        #expect(last(Self.crashing) == 1)
        #expect(last(Self.waiting) == nil)
    }
}
