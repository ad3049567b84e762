import Foundation
import Testing

/// What kubectl tells of objects that are refused, and that what is stored already is never held up.
@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct RefusalTests {
    private static func schedule(_ expression: String, _ extra: String = "") -> String {
        """
        apiVersion: sluice.dev/v1alpha1
        kind: ScheduledRun
        metadata: {name: nightly, finalizers: [example.com/kept]}
        spec:
          schedule: "\(expression)"
        \(extra)  template: {spec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: ["true"]}}]}}}
        """
    }

    @Test func `kubectl apply of a bad schedule prints the path, the character and what was expected; warnings too`()
        async throws
    {
        try await LocalUp.with { cluster in
            for arguments in [[], ["--server-side"]] as [[String]] {
                let refused = try await cluster.kubectl(
                    ["apply", "-f", "-"] + arguments, input: Self.schedule("0 25 * * *", "  timeZone: Europe/Berlni\n"),
                    expect: 1)
                for part in [
                    "spec.schedule", #""0 25 * * *""#, "at character 3: ", "spec.timeZone",
                    "did you mean Europe/Berlin?",
                ] { #expect(refused.contains(part), "\(refused)") }
            }
            let raw = try await cluster.kubectl(
                "create", "-f", "-", "-v", "9", input: Self.schedule("0 25 * * *"), expect: 1)
            #expect(
                raw.firstMatch(of: /admission webhook \\*"validate.sluice.dev\\*" denied the request: spec.schedule/)
                    != nil)
            #expect(raw.contains("422 Unprocessable Entity"), "\(raw)")
            let warned = try await cluster.kubectl(
                "apply", "-f", "-", input: Self.schedule("0 4 * * *", "  catchUpLimit: 3\n"))
            #expect(
                warned.contains("Warning: spec.catchUpLimit: Invalid value: 3: has no effect without catchUp: All"),
                "\(warned)")
            #expect(warned.contains("scheduledrun.sluice.dev/nightly created"))
            let patched = try await cluster.kubectl(
                "patch", "srun", "nightly", "--type=merge", "-p", #"{"spec":{"schedule":"@sometimes"}}"#, expect: 1)
            #expect(patched.contains("spec.schedule"), "\(patched)")
            try await cluster.kubectl(
                "patch", "srun", "nightly", "--type=merge", "-p", #"{"metadata":{"finalizers":null}}"#)
        }
    }

    @Test func `An object that slipped past says so in its status, and can be changed, finished and deleted`()
        async throws
    {
        let data = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: data) }
        try await LocalUp.with(["--data", data + "/cluster", "--no-admission"]) { cluster in
            try await cluster.kubectl("apply", "-f", "-", input: Self.schedule("0 25 * * *"))
            try await cluster.kubectl("wait", "srun/nightly", "--for=condition=Ready=False", "--timeout=30s")
            let message = try await cluster.kubectl(
                "get", "srun", "nightly", "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].message}")
            #expect(message.contains("at character 3"), "\(message)")
        }
        try await LocalUp.with(["--data", data + "/cluster"]) { cluster in
            try await cluster.kubectl(
                "patch", "srun", "nightly", "--subresource=status", "--type=merge", "-p",
                #"{"status":{"missedCount":7}}"#)
            try await cluster.kubectl("label", "srun", "nightly", "team=a")
            let suspended = try await cluster.kubectl(
                "patch", "srun", "nightly", "--type=merge", "-p", #"{"spec":{"suspend":true}}"#)
            #expect(suspended.contains("Warning: spec.schedule: "), "\(suspended)")
            try await cluster.kubectl("delete", "srun", "nightly", "--wait=false")
            try await cluster.kubectl(
                "patch", "srun", "nightly", "--type=merge", "-p", #"{"metadata":{"finalizers":null}}"#)
            #expect(try await cluster.kubectl("get", "srun").contains("No resources found"))
        }
    }
}
