import JSON
import KubernetesModel
import SluiceAPI

/// Mistakes in what stands beside pipelines in a file, where an API server would refuse it.
enum CoreDocuments {
    /// What is wrong with a ConfigMap, a Secret or a List without items; nil for everything else.
    static func report(on value: JSONValue) -> ValidationReport? {
        guard value["apiVersion"] == "v1", let kind = value["kind"]?.string else { return nil }
        var report = ValidationReport()
        switch kind {
        case "ConfigMap": strings(value, "data", &report)
        case "Secret":
            strings(value, "stringData", &report)
            strings(value, "data", &report)
            for (key, entry) in value["data"]?.object ?? [:] {
                guard let text = entry.string, Base64.decode(text.filter { !$0.isNewline }) == nil else { continue }
                // The value is a secret: it is not repeated.
                report.errors.append(
                    FieldError(
                        FieldPath().field("data").field(key), .invalid,
                        "must be base64; plain text goes below stringData",
                        omitsValue: true))
            }
        case "List" where value["items"]?.array == nil:
            report.errors.append(FieldError(FieldPath().field("items"), .required, "a List has a list of objects"))
        default: return nil
        }
        return report
    }

    private static func strings(_ value: JSONValue, _ field: String, _ report: inout ValidationReport) {
        for (key, entry) in value[field]?.object ?? [:] where entry.string == nil {
            report.errors.append(
                FieldError.invalid(FieldPath().field(field).field(key), entry, "must be a string: write it in quotes"))
        }
    }
}
