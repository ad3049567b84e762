import JSON
import KubernetesModel

/// The defaults that the API server sets in a pod, as the Kubernetes API reference gives them.
enum PodDefaults {
    /// Sets the defaults in a pod.
    static func apply(_ pod: inout JSONValue) {
        guard var spec = pod["spec"], spec.object != nil else { return }
        pod["spec"] = nil  // so that it is changed in place
        spec.setDefault(["restartPolicy"], "Always")
        spec.setDefault(["terminationGracePeriodSeconds"], 30)
        spec.setDefault(["dnsPolicy"], "ClusterFirst")
        spec.setDefault(["securityContext"], [:])
        spec.setDefault(["schedulerName"], "default-scheduler")
        spec.setDefault(["enableServiceLinks"], true)
        if let account = spec["serviceAccountName"] ?? spec["serviceAccount"] {
            spec["serviceAccountName"] = account
            spec["serviceAccount"] = account
        }
        for field in ["initContainers", "containers", "ephemeralContainers"] {
            guard let containers = spec[field]?.array else { continue }
            spec[field] = .array(containers.map { container($0) })
        }
        if let volumes = spec["volumes"]?.array { spec["volumes"] = .array(volumes.map { volume($0) }) }
        pod["spec"] = spec
        if let conditions = pod["status"]?["conditions"]?.array {
            // Kubernetes always writes these two, even when they are null.
            pod["status"]?["conditions"] = .array(
                conditions.map { condition in
                    var condition = condition
                    guard condition.object != nil else { return condition }
                    condition.setDefault(["lastProbeTime"], .null)
                    condition.setDefault(["lastTransitionTime"], .null)
                    return condition
                })
        }
    }

    private static func container(_ json: JSONValue) -> JSONValue {
        var container = json
        guard container.object != nil else { return container }
        container.setDefault(["terminationMessagePath"], "/dev/termination-log")
        container.setDefault(["terminationMessagePolicy"], "File")
        container.setDefault(["resources"], [:])
        if let image = container["image"]?.string {
            container.setDefault(["imagePullPolicy"], .string(hasLatestTag(image) ? "Always" : "IfNotPresent"))
        }
        // A resource with a limit and no request gets the limit as its request.
        if let limits = container["resources"]?["limits"]?.object {
            for (name, limit) in limits { container["resources"]?.setDefault(["requests", name], limit) }
        }
        for field in ["limits", "requests"] {
            guard var quantities = container["resources"]?[field]?.object else { continue }
            // What is not a quantity is left to the validation.
            quantities.mapValues { _, value in value = Quantity(json: value)?.json ?? value }
            container["resources"]?[field] = .object(quantities)
        }
        if let ports = container["ports"]?.array {
            container["ports"] = .array(
                ports.map { port in
                    var port = port
                    if port.object != nil { port.setDefault(["protocol"], "TCP") }
                    return port
                })
        }
        if let variables = container["env"]?.array {
            container["env"] = .array(
                variables.map { variable in
                    var variable = variable
                    if variable["valueFrom"]?["fieldRef"]?.object != nil {
                        variable.setDefault(["valueFrom", "fieldRef", "apiVersion"], "v1")
                    }
                    if variable["valueFrom"]?["resourceFieldRef"]?.object != nil {
                        variable.setDefault(["valueFrom", "resourceFieldRef", "divisor"], "0")
                    }
                    return variable
                })
        }
        for field in ["livenessProbe", "readinessProbe", "startupProbe"] where container[field]?.object != nil {
            var probe = container[field] ?? [:]
            probe.setDefault(["timeoutSeconds"], 1)
            probe.setDefault(["periodSeconds"], 10)
            probe.setDefault(["successThreshold"], 1)
            probe.setDefault(["failureThreshold"], 3)
            if probe["httpGet"]?.object != nil {
                probe.setDefault(["httpGet", "path"], "/")
                probe.setDefault(["httpGet", "scheme"], "HTTP")
            }
            container[field] = probe
        }
        return container
    }

    /// Whether the image has no tag or digest, or the tag `latest`.
    private static func hasLatestTag(_ image: String) -> Bool {
        if image.contains("@") { return false }
        let name = image.split(separator: "/").last ?? ""
        guard let colon = name.firstIndex(of: ":") else { return true }
        return name[name.index(after: colon)...] == "latest"
    }

    private static func volume(_ json: JSONValue) -> JSONValue {
        var volume = json
        guard let fields = volume.object else { return volume }
        if fields.count == 1 { volume["emptyDir"] = [:] }
        for source in ["secret", "configMap", "downwardAPI", "projected"] where volume[source]?.object != nil {
            volume[source]?.setDefault(["defaultMode"], 420)
        }
        if volume["hostPath"]?.object != nil { volume.setDefault(["hostPath", "type"], "") }
        if let items = volume["downwardAPI"]?["items"]?.array {
            volume["downwardAPI"]?["items"] = .array(
                items.map { item in
                    var item = item
                    if item["fieldRef"]?.object != nil { item.setDefault(["fieldRef", "apiVersion"], "v1") }
                    return item
                })
        }
        return volume
    }
}
