import JSON
import KubernetesModel
import KubernetesSchema

/// The rules for containers and pod templates that a schema cannot hold: quantities, allowed words, names. Values with
/// a reference inside are left to the time when it is resolved.
enum PodTemplateCheck {
    /// Pods carry these from Sluice.
    private static let reservedPrefix = "sluice.dev/"

    static func check(container: JSONValue, _ path: FieldPath, isMain: Bool, _ report: inout ValidationReport) {
        check(container, CoreTypes.fields(of: "Container"), path, &report)
        if isMain, container["image"].map({ $0 == "" }) ?? true {
            report.add(.required(path.field("image")))
        }
        for (index, variable) in (container["env"]?.array ?? []).enumerated() {
            guard let name = variable["name"]?.string else { continue }
            let path = path.field("env").index(index).field("name")
            if name.hasPrefix("SLUICE_") {
                report.add(.invalid(path, .string(name), "names that begin with SLUICE_ are set by Sluice"))
            } else if name.isEmpty || name.contains("=") {
                report.add(.invalid(path, .string(name), "must not be empty and must have no ="))
            }
        }
    }

    static func check(template: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        let spec = template["spec"] ?? [:]
        check(spec, CoreTypes.fields(of: "PodSpec"), path.field("spec"), &report)
        var names: Set<String> = []
        for field in ["initContainers", "containers"] {
            for (index, container) in (spec[field]?.array ?? []).enumerated() {
                let path = path.field("spec").field(field).index(index)
                check(container: container, path, isMain: false, &report)
                guard let name = container["name"]?.string else { continue }
                if let problem = Names.plainLabelProblem(name) {
                    report.add(.invalid(path.field("name"), .string(name), problem))
                }
                if name == Sluice.mainContainer {
                    report.add(.invalid(path.field("name"), .string(name), "is the name of the task's own container"))
                } else if !names.insert(name).inserted, field == "containers",
                    spec["initContainers"]?.array?.contains(where: { $0["name"]?.string == name }) ?? false
                {
                    report.add(.duplicate(path.field("name"), .string(name)))
                }
            }
        }
        for field in ["labels", "annotations"] {
            for (key, value) in template["metadata"]?[field]?.object ?? [:] {
                let path = path.field("metadata").field(field)
                if !key.contains("$("),
                    let problem = Names.qualifiedNameProblem(field == "labels" ? key : key.lowercased())
                {
                    report.add(.invalid(path, .string(key), problem))
                } else if field == "labels", let text = value.string, !text.contains("$("),
                    let problem = Names.labelValueProblem(text)
                {
                    report.add(.invalid(path.field(key), value, problem))
                }
                guard key.hasPrefix(reservedPrefix) || key == Sluice.Label.managedBy else { continue }
                report.add(.invalid(path, .string(key), "is set by Sluice"))
            }
        }
    }

    /// Walks a value along its type. The depth is that of the types.
    private static func check(
        _ value: JSONValue, _ fields: [TypeTable.Field], _ path: FieldPath, _ report: inout ValidationReport
    ) {
        guard let object = value.object else { return }
        // Most types have more fields than most values.
        for field in fields {
            guard let inner = object[field.name] else { continue }
            check(inner, field.shape, path.field(field.name), &report)
        }
    }

    private static func check(
        _ value: JSONValue, _ shape: TypeTable.Shape, _ path: FieldPath, _ report: inout ValidationReport
    ) {
        switch shape {
        case .boolean, .int32, .int64, .intOrString, .time, .bytes, .anything: break
        case .string(let allowed):
            guard !allowed.isEmpty, let text = value.string, !allowed.contains(text), !hasReference(text) else {
                return
            }
            report.add(.notSupported(path, value, allowed))
        case .quantity: checkQuantity(value, path, &report)
        case .list(let element):
            guard Self.mattersInside(element) else { return }
            for (index, inner) in (value.array ?? []).enumerated() { check(inner, element, path.index(index), &report) }
        case .map(let element):
            guard Self.mattersInside(element) else { return }
            for (key, inner) in value.object ?? JSONObject() { check(inner, element, path.field(key), &report) }
        case .type(let name):
            // Containers of a template are checked one by one by the caller.
            if name != "Container" { check(value, CoreTypes.fields(of: name), path, &report) }
        }
    }

    private static func mattersInside(_ shape: TypeTable.Shape) -> Bool {
        switch shape {
        case .string(let allowed): !allowed.isEmpty
        case .boolean, .int32, .int64, .intOrString, .time, .bytes, .anything: false
        default: true
        }
    }

    private static func checkQuantity(_ value: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        let text: String
        switch value {
        case .string(let string):
            if hasReference(string) { return }
            text = string
        case .int: text = value.text
        default: return
        }
        do {
            if try Quantity(parsing: text).isNegative { report.add(.invalid(path, value, "must not be negative")) }
        } catch let error as QuantityError {
            report.add(.invalid(path, value, "is not a valid quantity: \(error.problem)"))
        } catch {
            report.add(.invalid(path, value, "\(error)"))
        }
    }

    private static func hasReference(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: "$")) && !ReferenceTemplate(text).references.isEmpty
    }
}
