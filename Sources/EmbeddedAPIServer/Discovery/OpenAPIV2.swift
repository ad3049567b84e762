import HTTPServing
import JSON

/// The old schema document. Clients of today ask for it and go on without what they do not find in it: version 3 has it all.
enum OpenAPIV2 {
    static func respond(to request: InboundRequest) -> InboundResponse {
        if request.accept.contains("proto-openapi.spec.v2") {
            // A document of swagger "2.0", with its title and version, and no definitions: fields 1, and 2 (1, 2).
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
