import JSON
import KubernetesModel

/// What the LimitRanges of a namespace do to its new pods, with the messages of Kubernetes' plugin.
struct LimitRanger: Sendable {
    /// The LimitRanges, by their names.
    let ranges: [JSONValue]

    private func items(_ type: String) -> [JSONValue] {
        ranges.flatMap { range in (range["spec"]?["limits"]?.array ?? []).filter { $0["type"]?.string == type } }
    }

    /// Sets the defaults of a LimitRange itself, as the API does: a maximum is the default limit, that the default request.
    static func setDefaults(_ range: inout JSONValue) {
        guard let items = range["spec"]?["limits"]?.array else { return }
        range["spec"]?["limits"] = .array(
            items.map { item in
                guard item["type"] == "Container" else { return item }
                var item = item
                for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
                    for (name, value) in item[from]?.object ?? [:] { item.setDefault([to, name], value) }
                }
                return item
            })
    }

    /// Sets the default limits and requests of the containers, and says so in an annotation.
    func setDefaults(of pod: inout JSONValue) {
        var limits = JSONObject()
        var requests = JSONObject()
        // The last of several wins, as in Kubernetes.
        for item in items("Container") {
            for (name, value) in item["default"]?.object ?? [:] { limits[name] = value }
            for (name, value) in item["defaultRequest"]?.object ?? [:] { requests[name] = value }
        }
        guard !limits.isEmpty || !requests.isEmpty else { return }
        var said: [String] = []
        for (field, what) in [("containers", "container"), ("initContainers", "init container")] {
            guard let containers = pod["spec"]?[field]?.array else { continue }
            pod["spec"]?[field] = .array(
                containers.map { container in
                    var container = container
                    for (kind, values, word) in [("requests", requests, "request"), ("limits", limits, "limit")] {
                        let missing = values.keys.filter { container["resources"]?[kind]?[$0] == nil }.sorted()
                        for name in missing {
                            container.setDefault(["resources", kind, name], values[name] ?? .null)
                        }
                        guard !missing.isEmpty else { continue }
                        let name = container["name"]?.string ?? ""
                        said.append("\(missing.joined(separator: ", ")) \(word) for \(what) \(name)")
                    }
                    return container
                })
        }
        guard !said.isEmpty else { return }
        var annotations = pod["metadata"]?["annotations"] ?? [:]
        annotations["kubernetes.io/limit-ranger"] =
            .string("LimitRanger plugin set: \(said.joined(separator: "; "))")
        pod["metadata"]?["annotations"] = annotations
    }

    /// Why a pod is refused; nil when it keeps to all limits.
    func refusal(of pod: JSONValue) -> String? {
        let spec = pod["spec"] ?? [:]
        let containers = (spec["containers"]?.array ?? []) + (spec["initContainers"]?.array ?? [])
        for range in ranges {
            var errors: [String] = []
            for item in range["spec"]?["limits"]?.array ?? [] {
                switch item["type"]?.string {
                case "Container":
                    for container in containers {
                        errors += Self.errors(
                            item, "Container", requests: Amounts(container["resources"]?["requests"]),
                            limits: Amounts(container["resources"]?["limits"]))
                    }
                case "Pod":
                    errors += Self.errors(
                        item, "Pod", requests: Amounts(ofPod: spec, "requests"),
                        limits: Amounts(ofPod: spec, "limits"))
                default: break
                }
            }
            if !errors.isEmpty { return errors.count == 1 ? errors[0] : "[\(errors.joined(separator: ", "))]" }
        }
        return nil
    }

    private static func errors(_ item: JSONValue, _ type: String, requests: Amounts, limits: Amounts) -> [String] {
        var errors: [String] = []
        let minimum = Amounts(item["min"])
        for name in minimum.names {
            guard let bound = minimum[name] else { continue }
            let sentence = "minimum \(name) usage per \(type) is \(bound)"
            guard let request = requests[name] else {
                errors.append("\(sentence).  No request is specified")
                continue
            }
            if request < bound {
                errors.append("\(sentence), but request is \(request)")
            } else if let limit = limits[name], limit < bound {
                errors.append("\(sentence), but limit is \(limit)")
            }
        }
        let maximum = Amounts(item["max"])
        for name in maximum.names {
            guard let bound = maximum[name] else { continue }
            let sentence = "maximum \(name) usage per \(type) is \(bound)"
            guard let limit = limits[name] else {
                errors.append("\(sentence).  No limit is specified")
                continue
            }
            if limit > bound {
                errors.append("\(sentence), but limit is \(limit)")
            } else if let request = requests[name], request > bound {
                errors.append("\(sentence), but request is \(request)")
            }
        }
        let ratio = Amounts(item["maxLimitRequestRatio"])
        for name in ratio.names {
            guard let bound = ratio[name] else { continue }
            let sentence = "\(name) max limit to request ratio per \(type) is \(bound)"
            guard let request = requests[name], !request.isZero else {
                errors.append("\(sentence), but no request is specified or request is 0")
                continue
            }
            guard let limit = limits[name], !limit.isZero else {
                errors.append("\(sentence), but no limit is specified or limit is 0")
                continue
            }
            // Without rounding, so that a ratio of just the bound is allowed. A product that overflows is large enough.
            let (most, isEnough) = request.nanoUnits.multipliedReportingOverflow(by: bound.nanoUnits)
            if !isEnough, limit.nanoUnits * 1_000_000_000 > most {
                let given = Double(limit.nanoUnits) / Double(request.nanoUnits)
                errors.append("\(sentence), but provided ratio is \(sixDigits(given))")
            }
        }
        return errors
    }

    /// The number as `%f` writes it.
    private static func sixDigits(_ number: Double) -> String {
        let scaled = Int128((number * 1_000_000).rounded())
        let fraction = String(scaled % 1_000_000)
        return "\(scaled / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
}
