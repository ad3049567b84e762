import CurlHTTP
import Foundation
import JSON
import Testing

/// The webhook of operators in processes of their own, as an API server would call it.
@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct WebhookTests {
    /// The embedded API server keeps such configurations as any other custom resource, and does not act on them.
    private static let definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata:
          name: validatingwebhookconfigurations.admissionregistration.k8s.io
          annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
        spec:
          group: admissionregistration.k8s.io
          scope: Cluster
          names: {kind: ValidatingWebhookConfiguration, plural: validatingwebhookconfigurations}
          versions:
          - name: v1
            served: true
            storage: true
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """

    private static let review = """
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
          "uid": "u1", "operation": "CREATE", "kind": {"group": "sluice.dev", "version": "v1alpha1", "kind": "ScheduledRun"},
          "object": {"apiVersion": "sluice.dev/v1alpha1", "kind": "ScheduledRun", "metadata": {"name": "x"},
            "spec": {"schedule": "0 4 * * *", "timeZone": "Europe/Berlni", "template": {"spec": {"pipelineRef": {"name": "p"}}}}}}}
        """

    /// The message with which the webhook on that port refuses the object above.
    private static func refusal(_ port: Int, trusting authority: [UInt8]) async throws -> String? {
        var configuration = HTTPClient.Configuration()
        configuration.proxy = .none
        configuration.tls = TLSConfiguration(
            certificateAuthorities: authority, serverName: "sluice-webhook.default.svc")
        let client = try HTTPClient(configuration: configuration)
        defer { client.shutDown() }
        let answer = try await client.send(
            HTTPRequest(
                method: "POST", url: "https://127.0.0.1:\(port)/validate?timeout=5s",
                headers: [HTTPHeader("Content-Type", "application/json")], body: Array(review.utf8)))
        return try JSONValue(parsing: answer.body)["response"]?["status"]?["message"]?.string
    }

    private static func bundle(_ cluster: LocalUp) async throws -> [UInt8] {
        let path = "jsonpath={.webhooks[0].clientConfig.caBundle}"
        try await cluster.kubectl(
            "wait", "validatingwebhookconfiguration/sluice", "--for=\(path)", "--timeout=60s")
        let text = try await cluster.kubectl("get", "validatingwebhookconfiguration", "sluice", "-o", path)
        return Array(try #require(Data(base64Encoded: text)))
    }

    @Test func `Leader and standby answer with one certificate, and what takes their authority out is mended`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            try await cluster.kubectl("apply", "-f", "-", input: Self.definition)
            try await cluster.kubectl(
                "wait", "crd/validatingwebhookconfigurations.admissionregistration.k8s.io",
                "--for=condition=Established", "--timeout=30s")
            try await cluster.kubectl("apply", "-f", "\(Tools.repository)/config/webhook/configuration.yaml")
            let operators = try (0..<2).map { _ in
                try Program(
                    Tools.sluice,
                    Tools.operatorCommand(kubeconfig: cluster.kubeconfig, "--webhook-address", "127.0.0.1:0"))
            }
            defer { for program in operators { program.signal(SIGKILL) } }
            let authority = try await Self.bundle(cluster)
            for program in operators {
                #expect(await program.waitForOutput("for=the admission webhook"), "\(program.errors)")
                let line = try #require(program.errors.split(separator: "\n").first { $0.contains("webhook") })
                let port = try #require(line.firstMatch(of: /port=([0-9]+)/).flatMap { Int($0.output.1) }, "\(line)")
                let message = try await Self.refusal(port, trusting: authority)
                #expect(message?.hasPrefix("spec.timeZone: ") == true && message?.contains("Europe/Berlin") == true)
            }
            // Applied again by somebody who knows nothing of it.
            try await cluster.kubectl(
                "patch", "validatingwebhookconfiguration", "sluice", "--type=json", "-p",
                #"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#)
            #expect(try await Self.bundle(cluster) == authority)
            let secret = try await cluster.kubectl(
                "get", "secret", "sluice-webhook-tls", "-o", "jsonpath={.data.ca\\.crt}")
            #expect(Data(base64Encoded: secret).map { Array($0) } == authority)
        }
    }
}
