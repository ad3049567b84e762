import JSON
import KubernetesModel

/// Validation of pods.
enum PodRules {
    /// The errors in a new pod.
    static func errors(_ pod: JSONValue) -> [FieldError] {
        let spec = pod["spec"] ?? [:]
        var errors: [FieldError] = []
        var names: Set<String> = []
        let volumes = Set((spec["volumes"]?.array ?? []).compactMap { $0["name"]?.string })
        for (index, volume) in (spec["volumes"]?.array ?? []).enumerated() {
            let path = FieldPath("spec.volumes").index(index).field("name")
            errors += nameErrors(volume["name"]?.string ?? "", path)
        }
        for field in ["initContainers", "containers"] {
            for (index, container) in (spec[field]?.array ?? []).enumerated() {
                let path = FieldPath("spec").field(field).index(index)
                let name = container["name"]?.string ?? ""
                errors += nameErrors(name, path.field("name"))
                if !name.isEmpty, !names.insert(name).inserted {
                    errors.append(.duplicate(path.field("name"), .string(name)))
                }
                errors += self.errors(container, path, volumes)
            }
        }
        if spec["containers"]?.array?.isEmpty ?? true { errors.append(.required("spec.containers")) }
        let policy = spec["restartPolicy"] ?? ""
        if !["Always", "OnFailure", "Never"].contains(policy) {
            errors.append(.notSupported("spec.restartPolicy", policy, ["Always", "OnFailure", "Never"]))
        }
        if let seconds = spec["activeDeadlineSeconds"]?.int, !(1...Int64(Int32.max)).contains(seconds) {
            errors.append(
                .invalid("spec.activeDeadlineSeconds", .int(seconds), "must be between 1 and 2147483647, inclusive"))
        }
        return errors
    }

    private static func nameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
        if name.isEmpty { return [.required(path)] }
        return Names.labelProblem(name).map { [.invalid(path, .string(name), $0)] } ?? []
    }

    private static func errors(_ container: JSONValue, _ path: FieldPath, _ volumes: Set<String>) -> [FieldError] {
        var errors: [FieldError] = []
        if container["image"]?.string ?? "" == "" { errors.append(.required(path.field("image"))) }
        for (index, variable) in (container["env"]?.array ?? []).enumerated() {
            let name = variable["name"]?.string ?? ""
            if name.isEmpty {
                errors.append(.required(path.field("env").index(index).field("name")))
            } else if !name.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "=") }) {
                errors.append(
                    .invalid(
                        path.field("env").index(index).field("name"), .string(name),
                        "a valid environment variable name must consist only of printable ASCII characters other than"
                            + " '='"))
            }
            if variable["valueFrom"] != nil, variable["value"]?.string ?? "" != "" {
                errors.append(
                    .invalid(
                        path.field("env").index(index).field("valueFrom"), .string(""),
                        "may not be specified when `value` is not empty"))
            }
        }
        for (index, mount) in (container["volumeMounts"]?.array ?? []).enumerated() {
            let name = mount["name"]?.string ?? ""
            if !volumes.contains(name) {
                errors.append(.notFound(path.field("volumeMounts").index(index).field("name"), .string(name)))
            }
            if mount["mountPath"]?.string ?? "" == "" {
                errors.append(.required(path.field("volumeMounts").index(index).field("mountPath")))
            }
        }
        let resources = container["resources"]
        for field in ["limits", "requests"] {
            for (name, value) in resources?[field]?.object ?? [:] where Quantity(json: value) == nil {
                errors.append(
                    .invalid(
                        path.field("resources").field(field).key(name), value,
                        "quantities must match the regular expression"
                            + " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"))
            }
        }
        for (name, request) in resources?["requests"]?.object ?? [:] {
            guard let limit = resources?["limits"]?[name], let bound = Quantity(json: limit),
                let asked = Quantity(json: request)
            else { continue }
            if asked > bound {
                errors.append(
                    .invalid(
                        path.field("resources").field("requests"), request,
                        "must be less than or equal to \(name) limit of \(limit.rendered)"))
            } else if name.contains("/"), asked != bound {
                errors.append(
                    .invalid(
                        path.field("resources").field("requests"), request,
                        "must be equal to \(name) limit of \(limit.rendered)"))
            }
        }
        return errors
    }

    /// The errors of a new deadline: it may be set and lowered, not raised or removed.
    private static func deadlineErrors(_ new: JSONValue?, old: JSONValue?) -> [FieldError] {
        let path = FieldPath("spec.activeDeadlineSeconds")
        let before = old?.int
        guard let new, !new.isNull else {
            return before == nil ? [] : [.invalid(path, .null, "must not update from a positive integer to nil value")]
        }
        // Unlike a new pod's, it may be 0 here.
        guard let seconds = new.int, (0...Int64(Int32.max)).contains(seconds) else {
            return [.invalid(path, new, "must be between 0 and 2147483647, inclusive")]
        }
        guard let before, before < seconds else { return [] }
        return [.invalid(path, new, "must be less than or equal to previous value")]
    }

    /// The errors of an update. It may change images, set or lower the deadline, add tolerations and remove scheduling
    /// gates.
    static func updateErrors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
        var errors: [FieldError] = []
        let before = old["spec"] ?? [:]
        var after = pod["spec"] ?? [:]
        let gates = before["schedulingGates"]?.array ?? []
        for (index, gate) in (after["schedulingGates"]?.array ?? []).enumerated() where !gates.contains(gate) {
            errors.append(
                .forbidden(
                    FieldPath("spec.schedulingGates").index(index).field("name"),
                    "only deletion is allowed, but found new scheduling gate '\(gate["name"]?.rendered ?? "")'"))
        }
        if !errors.isEmpty { return errors }
        after["schedulingGates"] = before["schedulingGates"]
        for field in ["initContainers", "containers"] {
            guard let old = before[field]?.array, let new = after[field]?.array, old.count == new.count else {
                continue
            }
            after[field] = .array(
                zip(old, new).map { before, after in
                    var after = after
                    if after["image"]?.string ?? "" != "" { after["image"] = before["image"] }
                    after["imagePullPolicy"] = before["imagePullPolicy"]
                    return after
                })
        }
        let deadlineErrors = deadlineErrors(after["activeDeadlineSeconds"], old: before["activeDeadlineSeconds"])
        if !deadlineErrors.isEmpty { return deadlineErrors }
        after["activeDeadlineSeconds"] = before["activeDeadlineSeconds"]
        let tolerations = after["tolerations"]?.array ?? []
        if (before["tolerations"]?.array ?? []).allSatisfy({ tolerations.contains($0) }) {
            after["tolerations"] = before["tolerations"]
        }
        // As long as a pod has scheduling gates, its node constraints may still change.
        if !gates.isEmpty {
            for field in ["nodeSelector", "affinity"] { after[field] = before[field] }
        }
        if before["nodeName"] == nil, after["nodeName"] != nil {
            errors.append(.forbidden("spec.nodeName", "may not be changed"))
            after["nodeName"] = nil
        }
        guard after != before else { return errors }
        let text =
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        return errors + [.forbidden("spec", text)]
    }
}
