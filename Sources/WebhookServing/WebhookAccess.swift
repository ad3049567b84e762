import JSON
import KubernetesClient
import KubernetesModel

/// What the webhook reads and writes in the cluster. A protocol, so that the tests can race and refuse.
///
/// All throw `APIStatus` for what the API server answered, other errors for requests that did not get through.
protocol WebhookAccess: Sendable {
    /// The Secret with the certificate; nil where there is none.
    func secret() async throws -> JSONValue?
    func createSecret(_ secret: JSONValue) async throws
    /// Replaces the Secret at its resourceVersion.
    func replaceSecret(_ secret: JSONValue) async throws
    /// The ValidatingWebhookConfiguration; nil where there is none.
    func configuration() async throws -> JSONValue?
    /// Replaces the configuration at its resourceVersion.
    func replaceConfiguration(_ configuration: JSONValue) async throws
}

/// ``WebhookAccess`` over a real API server.
struct APIServerWebhookAccess: WebhookAccess {
    private static let configurations = ResourceType(
        group: "admissionregistration.k8s.io", version: "v1", kind: "ValidatingWebhookConfiguration",
        plural: "validatingwebhookconfigurations", isNamespaced: false)

    private let secrets: ResourceClient<DynamicObject>
    private let configurations: ResourceClient<DynamicObject>

    init(_ client: APIClient, namespace: String) {
        secrets = client.dynamic(
            ResourceType(version: "v1", kind: "Secret", plural: "secrets"), namespace: namespace)
        configurations = client.dynamic(Self.configurations)
    }

    func secret() async throws -> JSONValue? { try await found { try await secrets.get(Webhook.secret) } }

    func createSecret(_ secret: JSONValue) async throws { _ = try await secrets.create(secret) }

    func replaceSecret(_ secret: JSONValue) async throws { _ = try await secrets.replace(secret) }

    func configuration() async throws -> JSONValue? {
        try await found { try await configurations.get(Webhook.configuration) }
    }

    func replaceConfiguration(_ configuration: JSONValue) async throws {
        _ = try await configurations.replace(configuration)
    }

    private func found(_ get: () async throws -> DynamicObject) async throws -> JSONValue? {
        do {
            return try await get().json
        } catch let status as APIStatus where status.isNotFound {
            return nil
        }
    }
}
