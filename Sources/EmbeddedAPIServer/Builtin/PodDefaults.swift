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
            let usesHostPorts = spec["hostNetwork"] == true
            spec[field] = .array(containers.map { container($0, usesHostPorts: usesHostPorts) })
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

    private static func container(_ json: JSONValue, usesHostPorts: Bool) -> JSONValue {
        var container = json
        guard container.object != nil else { return container }
        container.setDefault(["terminationMessagePath"], "/dev/termination-log")
        container.setDefault(["terminationMessagePolicy"], "File")
        container.setDefault(["resources"], [:])
        if let image = container["image"]?.string {
            container.setDefault(["imagePullPolicy"], pullPolicy(image))
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
                    guard port.object != nil else { return port }
                    port.setDefault(["protocol"], "TCP")
                    if usesHostPorts, let number = port["containerPort"] { port.setDefault(["hostPort"], number) }
                    return port
                })
        }
        if let variables = container["env"]?.array {
            container["env"] = .array(
                variables.map { variable in
                    guard let source = variable["valueFrom"] else { return variable }
                    var variable = variable
                    variable["valueFrom"] = reference(source)
                    return variable
                })
        }
        for field in ["livenessProbe", "readinessProbe", "startupProbe"] where container[field]?.object != nil {
            var probe = container[field] ?? [:]
            probe.setDefault(["timeoutSeconds"], 1)
            probe.setDefault(["periodSeconds"], 10)
            probe.setDefault(["successThreshold"], 1)
            probe.setDefault(["failureThreshold"], 3)
            setHTTPDefaults(&probe)
            if probe["grpc"]?.object != nil { probe.setDefault(["grpc", "service"], "") }
            container[field] = probe
        }
        for field in ["postStart", "preStop"] {
            guard var hook = container["lifecycle"]?[field], hook.object != nil else { continue }
            setHTTPDefaults(&hook)
            container["lifecycle"]?[field] = hook
        }
        return container
    }

    /// The defaults of the request that a probe or a hook makes, if it makes one.
    private static func setHTTPDefaults(_ handler: inout JSONValue) {
        guard handler["httpGet"]?.object != nil else { return }
        handler.setDefault(["httpGet", "path"], "/")
        handler.setDefault(["httpGet", "scheme"], "HTTP")
    }

    /// When an image is pulled: always if it has no tag and no digest, or the tag `latest`.
    private static func pullPolicy(_ image: String) -> JSONValue {
        if image.contains("@") { return "IfNotPresent" }
        let name = image.split(separator: "/").last ?? ""
        guard let colon = name.firstIndex(of: ":") else { return "Always" }
        return name[name.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
    }

    private static func volume(_ json: JSONValue) -> JSONValue {
        var volume = json
        guard let fields = volume.object else { return volume }
        if fields.count == 1 { volume["emptyDir"] = [:] }
        for source in ["secret", "configMap", "downwardAPI", "projected"] where volume[source]?.object != nil {
            volume[source]?.setDefault(["defaultMode"], 420)
        }
        if volume["hostPath"]?.object != nil { volume.setDefault(["hostPath", "type"], "") }
        if let image = volume["image"]?["reference"]?.string {
            volume["image"]?.setDefault(["pullPolicy"], pullPolicy(image))
        }
        if let limit = volume["emptyDir"]?["sizeLimit"], let quantity = Quantity(json: limit) {
            volume["emptyDir"]?["sizeLimit"] = quantity.json
        }
        if volume["downwardAPI"]?.object != nil { volume["downwardAPI"] = volume["downwardAPI"].map(downwardAPI) }
        if let sources = volume["projected"]?["sources"]?.array {
            volume["projected"]?["sources"] = .array(
                sources.map { source in
                    var source = source
                    if source["downwardAPI"]?.object != nil {
                        source["downwardAPI"] = source["downwardAPI"].map(downwardAPI)
                    }
                    if source["serviceAccountToken"]?.object != nil {
                        source.setDefault(["serviceAccountToken", "expirationSeconds"], 3600)
                    }
                    return source
                })
        }
        return volume
    }

    /// Files of the downward API, with their defaults.
    private static func downwardAPI(_ json: JSONValue) -> JSONValue {
        guard let items = json["items"]?.array else { return json }
        var source = json
        source["items"] = .array(items.map(reference))
        return source
    }

    /// A reference to a field or a resource of the pod, with its defaults.
    private static func reference(_ json: JSONValue) -> JSONValue {
        var reference = json
        if reference["fieldRef"]?.object != nil { reference.setDefault(["fieldRef", "apiVersion"], "v1") }
        if reference["resourceFieldRef"]?.object != nil { reference.setDefault(["resourceFieldRef", "divisor"], "0") }
        return reference
    }
}
