public import JSON
public import KubernetesModel

extension Validator {
    /// Checks the spec of a Queue. With its name it is also found whether it is its own parent.
    public static func validate(queueSpec spec: JSONValue, name: String? = nil, path: FieldPath = "spec")
        -> ValidationReport
    {
        var report = ValidationReport()
        let (value, errors) = checkShape(spec, QueueSpec.schema, path: path, isRoot: false)
        report.errors += errors
        if value.object != nil { checkQueue(value, name: name, path, &report) }
        return report
    }

    /// Checks a queue whose shape has been checked; values of the wrong type are passed over here.
    static func checkQueue(_ spec: JSONValue, name: String?, _ path: FieldPath, _ report: inout ValidationReport) {
        var found = ValidationReport()
        for (index, namespace) in (spec["namespaces"]?.array ?? []).enumerated() {
            guard let text = namespace.string, let problem = Names.plainLabelProblem(text) else { continue }
            found.add(.invalid(path.field("namespaces").index(index), namespace, problem))
        }
        if let selector = spec["namespaceSelector"] {
            checkSelector(selector, path.field("namespaceSelector"), &found)
        }
        if let parent = spec["parent"], let text = parent.string {
            if let problem = Names.plainSubdomainProblem(text, maximumLength: Names.maximumLabelLength) {
                found.add(.invalid(path.field("parent"), parent, problem))
            } else if text == name {
                found.add(.invalid(path.field("parent"), parent, QueueSpec.ownParent))
            }
        }
        for field in ["guarantee", "deserved", "capability"] {
            checkAmounts(spec[field], path.field(field), ceiling: field == "capability" ? nil : spec, &found)
        }
        let capability = spec["capability"]
        if spec["provisioning"] == "Autoscaler", (capability?.object ?? JSONObject()).isEmpty,
            capability == nil || capability?.object != nil
        {
            found.add(.required(path.field("capability"), QueueSpec.needsCapability))
        }
        checkDuration(spec["provisioningTimeout"], path.field("provisioningTimeout"), &found)
        if let timeout = spec["provisioningTimeout"], spec["provisioning"] != "Autoscaler" {
            found.warn(
                .invalid(path.field("provisioningTimeout"), timeout, "has no effect without provisioning: Autoscaler"))
        }
        // What the schema says by a pattern or a limit is said here in words.
        let places = Set(found.errors.map(\.path))
        report.errors.removeAll { places.contains($0.path) }
        report.errors += found.errors
        report.warnings += found.warnings
    }

    private static func checkAmounts(
        _ amounts: JSONValue?, _ path: FieldPath, ceiling spec: JSONValue?, _ report: inout ValidationReport
    ) {
        for (name, value) in amounts?.object ?? JSONObject() {
            let path = path.field(name)
            if let problem = resourceProblem(name) {
                report.add(.invalid(path, .string(name), problem))
                continue
            }
            switch value {
            case .string, .int: break
            default: continue
            }
            let quantity: Quantity
            do {
                quantity = try Quantity(parsing: value.string ?? value.text)
            } catch let error as QuantityError {
                report.add(.invalid(path, value, "is not a valid quantity: \(error.problem)"))
                continue
            } catch {
                report.add(.invalid(path, value, "\(error)"))
                continue
            }
            if quantity.isNegative {
                report.add(.invalid(path, value, "must not be negative"))
            } else if isCounted(name), quantity.nanoUnits % 1_000_000_000 != 0 {
                report.add(.invalid(path, value, "must be a whole number: \(name) comes in pieces"))
            } else if let limit = spec?["capability"]?[name], let most = Quantity(json: limit), quantity > most {
                report.add(.invalid(path, value, "must not be more than the queue's capability, which is \(most)"))
            }
        }
    }

    /// Resources without a domain: those of Kubernetes itself.
    private static let standardResources = ["cpu", "memory", "ephemeral-storage", "pods"]

    /// Whether a resource comes in whole pieces only.
    private static func isCounted(_ name: String) -> Bool { name == "pods" || name.utf8.contains(UInt8(ascii: "/")) }

    /// What is wrong with the name of a resource, by Kubernetes' rule for what containers ask for; nil when it is valid.
    private static func resourceProblem(_ name: String) -> String? {
        guard Names.qualifiedNameProblem(name) == nil else {
            return "must be the name of a resource, such as cpu, memory or nvidia.com/gpu"
        }
        guard name.utf8.contains(UInt8(ascii: "/")) else {
            if standardResources.contains(name) || (name.hasPrefix("hugepages-") && name.utf8.count > 10) { return nil }
            return "is no resource of Kubernetes\(Suggestion.phrase(for: name, in: standardResources)); "
                + "others have a domain, such as nvidia.com/gpu"
        }
        return name.hasPrefix("requests.") || name.hasPrefix("limits.")
            ? "must be the resource itself, without \(name.prefix { $0 != "." })." : nil
    }

    private static func checkSelector(_ selector: JSONValue, _ path: FieldPath, _ report: inout ValidationReport) {
        let keyRule = "must be a label such as team or example.com/team"
        let valueRule =
            "must be the value of a label: at most 63 letters, digits, -, _ and ., with a letter or digit at both ends"
        for (key, value) in selector["matchLabels"]?.object ?? JSONObject() {
            let path = path.field("matchLabels").field(key)
            if Names.qualifiedNameProblem(key) != nil {
                report.add(.invalid(path, .string(key), keyRule))
            } else if let text = value.string, Names.labelValueProblem(text) != nil {
                report.add(.invalid(path, value, valueRule))
            }
        }
        for (index, entry) in (selector["matchExpressions"]?.array ?? []).enumerated() {
            let path = path.field("matchExpressions").index(index)
            if let key = entry["key"]?.string, Names.qualifiedNameProblem(key) != nil {
                report.add(.invalid(path.field("key"), .string(key), keyRule))
            }
            let values = entry["values"]?.array ?? []
            for (index, value) in values.enumerated() {
                guard let text = value.string, Names.labelValueProblem(text) != nil else { continue }
                report.add(.invalid(path.field("values").index(index), value, valueRule))
            }
            guard let name = entry["operator"]?.string,
                let found = LabelSelector.Requirement.Operator(rawValue: name),
                entry["values"] == nil || entry["values"]?.array != nil
            else { continue }
            if found.takesValues == values.isEmpty {
                report.add(
                    found.takesValues
                        ? .required(path.field("values"), "\(name) needs values")
                        : .forbidden(path.field("values"), "\(name) takes no values"))
            }
        }
    }
}
