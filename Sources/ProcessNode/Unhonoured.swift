import JSON

/// What a pod asks for that this node does not have: it is refused, so that nobody thinks it was there.
enum Unhonoured {
    /// Throws ``ContainerProblem`` for the first such field of a container or its pod.
    static func check(_ container: ContainerSpec, of pod: JSONValue) throws {
        func refuse(_ field: String, _ why: String) throws {
            throw ContainerProblem(
                reason: "CreateContainerConfigError",
                message: "container \"\(container.name)\": \(field) is not honoured by this node: \(why)")
        }
        let network = "containers have the network of this machine"
        if pod["hostAliases"]?.array?.isEmpty == false { try refuse("spec.hostAliases", network) }
        if pod["dnsConfig"]?.object?.isEmpty == false { try refuse("spec.dnsConfig", network) }
        if pod["dnsPolicy"] == "None" { try refuse("spec.dnsPolicy None", network) }
        let others = ["containers", "initContainers"].reduce(0) { $0 + (pod[$1]?.array?.count ?? 0) }
        if pod["shareProcessNamespace"] == true, others > 1 {
            try refuse(
                "spec.shareProcessNamespace", "each container has its own processes, or sees all of this machine")
        }
        if pod["hostIPC"] == true { try refuse("spec.hostIPC", "each container has its own") }
        if pod["setHostnameAsFQDN"] == true { try refuse("spec.setHostnameAsFQDN", network) }
        if pod[path: "securityContext", "sysctls"]?.array?.isEmpty == false {
            try refuse("spec.securityContext.sysctls", "they would be those of this machine")
        }
        if pod["resourceClaims"]?.array?.isEmpty == false {
            try refuse("spec.resourceClaims", "it has no devices to be claimed")
        }
        if let name = pod["runtimeClassName"]?.string, !name.isEmpty {
            try refuse("spec.runtimeClassName", "containers are processes of this machine")
        }
        for context in [pod["securityContext"], container.json["securityContext"]] {
            for profile in ["seccompProfile", "appArmorProfile"] where context?[profile]?["type"] == "Localhost" {
                try refuse("securityContext.\(profile) of type Localhost", "it has no profiles")
            }
        }
        let json = container.json
        if json[path: "securityContext", "procMount"] == "Unmasked" {
            try refuse(
                "securityContext.procMount Unmasked", "containers have a /proc of their own, or that of this machine")
        }
        if json["tty"] == true { try refuse("tty", "nothing can be attached to its containers") }
        if json["stdin"] == true { try refuse("stdin", "nothing can be attached to its containers") }
        if json["volumeDevices"]?.array?.isEmpty == false { try refuse("volumeDevices", "its volumes are directories") }
        if json["restartPolicyRules"]?.array?.isEmpty == false {
            try refuse("restartPolicyRules", "it knows the restartPolicy of the pod")
        }
        for mount in json["volumeMounts"]?.array ?? [] {
            if let kind = mount["recursiveReadOnly"]?.string, kind == "Enabled" {
                try refuse("volumeMounts.recursiveReadOnly", "only the mount itself is read-only")
            }
            if let kind = mount["mountPropagation"]?.string, kind != "None" {
                try refuse("volumeMounts.mountPropagation \(kind)", "mounts are the container's own")
            }
        }
    }
}
