import JSON
import KubernetesModel

/// Fields that are part of the resources and that this version does not act on: refused, never ignored.
enum Unsupported {
    private static let detail = "not supported by this version of Sluice yet"

    static func errors(inRun spec: JSONValue, _ path: FieldPath) -> [FieldError] {
        spec["gangScope"] == "Run" ? [.forbidden(path.field("gangScope"), "Run is \(detail)")] : []
    }
}
