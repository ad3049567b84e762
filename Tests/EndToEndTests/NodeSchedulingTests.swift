import Foundation
import JSON
import Testing

/// The scheduler of the process node, with a real kubectl.
@Suite struct NodeSchedulingTests {
    static let pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: NAME}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 0
          containers: [{name: c, image: busybox, command: ["true"]}]
        """

    @Test func `N21: A cordoned node lets pods wait with an event that says why, and they run once it is uncordoned`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            try await cluster.kubectl("cordon", "local")
            try await cluster.kubectl("apply", "-f", "-", input: Self.pod.replacing("NAME", with: "a"))
            try await cluster.kubectl(
                "wait", "--for=jsonpath={.status.conditions[?(@.type==\"PodScheduled\")].reason}=Unschedulable",
                "pod/a",
                "--timeout=20s")
            try await cluster.kubectl("uncordon", "local")
            try await cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/a", "--timeout=30s")
            // Events are sent beside everything else; each look takes a moment.
            var events = ""
            for _ in 0..<100 where !events.contains("Normal Scheduled") {
                events = try await cluster.kubectl(
                    "get", "events", "--field-selector", "involvedObject.name=a", "-o",
                    "jsonpath={range .items[*]}{.type} {.reason} {.message}{\"\\n\"}{end}")
            }
            #expect(
                events.contains("Warning FailedScheduling 0/1 nodes are available: 1 node(s) were unschedulable."))
            #expect(events.contains("Normal Scheduled Successfully assigned default/a to local"))
        }
    }
}
