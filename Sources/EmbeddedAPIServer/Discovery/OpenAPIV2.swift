import HTTPServing
import JSON

/// The OpenAPI v2 document. It is empty: current clients ask for it but use version 3, which has the schemas.
enum OpenAPIV2 {
    /// Answers in protobuf when the client asks for it, else in JSON.
    static func respond(to request: InboundRequest) -> InboundResponse {
        if request.accept.contains("proto-openapi.spec.v2") {
            // A document with field 1 (`swagger`: "2.0") and field 2 (`info` with title and version), and no
            // definitions.
            func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
            let info = field(1, Array("Kubernetes".utf8)) + field(2, Array(Discovery.kubernetesVersion.git.utf8))
            return InboundResponse(
                contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
                body: .bytes(field(1, Array("2.0".utf8)) + field(2, info)))
        }
        return InboundResponse([
            "swagger": "2.0", "info": ["title": "Kubernetes", "version": .string(Discovery.kubernetesVersion.git)],
            "paths": [:], "definitions": [:],
        ])
    }
}
