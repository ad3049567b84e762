import JSON
import KubernetesModel

/// The rules of services. No traffic is routed: services exist so that manifests apply and controllers find them.
struct ServiceStrategy: ResourceStrategy {
    let type = SimpleStrategy("Service").type
    var skeleton: JSONValue { ["metadata": [:], "spec": [:], "status": ["loadBalancer": [:]]] }
    var returnsDeletedObject: Bool { true }
    var selectableFields: [String] { ["spec.clusterIP", "spec.type"] }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        object.setDefault(["spec"], [:])
        object.setDefault(["spec", "sessionAffinity"], "None")
        object.setDefault(["spec", "type"], "ClusterIP")
        if object["spec"]?["type"] != "ExternalName" {
            object.setDefault(["spec", "internalTrafficPolicy"], "Cluster")
        }
        object.setDefault(["status", "loadBalancer"], [:])
        guard let ports = object["spec"]?["ports"]?.array else { return }
        object["spec"]?["ports"] = .array(
            ports.map { port in
                var port = port
                guard port.object != nil else { return port }
                port.setDefault(["protocol"], "TCP")
                if let number = port["port"] { port.setDefault(["targetPort"], number) }
                return port
            })
    }

    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws {
        guard object["spec"]?["type"] != "ExternalName" else { return }
        if object["spec"]?["clusterIP"]?.string ?? "" == "" {
            object["spec"]?["clusterIP"] = .string("10.96.\(Int.random(in: 0...255)).\(Int.random(in: 1...254))")
        }
        let address = object["spec"]?["clusterIP"] ?? "None"
        object["spec"]?["clusterIPs"] = [address]
        object.setDefault(["spec", "ipFamilies"], ["IPv4"])
        object.setDefault(["spec", "ipFamilyPolicy"], "SingleStack")
    }

    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if let value = old["spec"]?[field] { object.setDefault(["spec", field], value) }
        }
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] {
        var errors: [FieldError] = []
        let ports = object["spec"]?["ports"]?.array ?? []
        let clusterIP = object["spec"]?["clusterIP"]?.string
        if ports.isEmpty, clusterIP != "None", object["spec"]?["type"] != "ExternalName" {
            errors.append(.required("spec.ports"))
        }
        for (index, port) in ports.enumerated() {
            let path = FieldPath("spec.ports").index(index)
            let number = port["port"]?.int ?? 0
            if !(1...65535).contains(number) {
                errors.append(
                    .invalid(path.field("port"), .int(number), "must be between 1 and 65535, inclusive"))
            }
            if ports.count > 1, port["name"]?.string ?? "" == "" {
                errors.append(.required(path.field("name")))
            }
        }
        if let before = old?["spec"]?["clusterIP"]?.string, !before.isEmpty, let now = clusterIP, before != now {
            errors.append(.invalid("spec.clusterIPs[0]", .string(now), "may not change once set"))
        }
        return errors
    }

    func validateName(_ name: String) -> String? {
        guard Names.isLabel(name), let first = name.utf8.first, first >= 0x61 else {
            return
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic"
                + " character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for"
                + " validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        }
        return nil
    }

    let columns: [TableColumn] = [
        .name, TableColumn("Type", path: "spec.type"),
        TableColumn("Cluster-IP", path: "spec.clusterIP", absent: "<none>"),
        TableColumn("External-IP") { service, _ in
            if service["spec"]?["type"] == "ExternalName" { return service["spec"]?["externalName"] ?? "<none>" }
            let addresses = service["spec"]?["externalIPs"]?.strings ?? []
            return .string(addresses.isEmpty ? "<none>" : addresses.joined(separator: ","))
        },
        TableColumn("Port(s)") { service, _ in
            let ports = (service["spec"]?["ports"]?.array ?? []).map { port in
                let node = port["nodePort"]?.int.map { ":\($0)" } ?? ""
                return "\(port["port"]?.rendered ?? "")\(node)/\(port["protocol"]?.rendered ?? "TCP")"
            }
            return .string(ports.isEmpty ? "<none>" : ports.joined(separator: ","))
        },
        .age,
        TableColumn("Selector", priority: 1) { service, _ in
            let pairs = (service["spec"]?["selector"]?.object ?? [:]).map { "\($0.key)=\($0.value.rendered)" }
            return .string(pairs.isEmpty ? "<none>" : pairs.joined(separator: ","))
        },
    ]
}
