import JSON
import KubernetesModel

/// Amounts of resources by their names, added as Kubernetes adds them.
struct Amounts: Sendable, Hashable {
    private(set) var quantities: [String: Quantity] = [:]

    init() {}

    /// The quantities of a JSON object; what is none is left out.
    init(_ json: JSONValue?) {
        for (name, value) in json?.object ?? [:] { quantities[name] = Quantity(json: value) }
    }

    subscript(name: String) -> Quantity? {
        get { quantities[name] }
        set { quantities[name] = newValue }
    }

    var names: [String] { quantities.keys.sorted() }
    var isEmpty: Bool { quantities.isEmpty }

    /// Adds an amount. The sum keeps the format of what was there first; a sum that no quantity can hold stays as it is.
    mutating func add(_ quantity: Quantity, to name: String) {
        guard let old = quantities[name], !old.isZero else { return quantities[name] = quantity }
        quantities[name] = old.adding(quantity) ?? old
    }

    mutating func add(_ other: Amounts) { for (name, quantity) in other.quantities { add(quantity, to: name) } }

    mutating func raise(to other: Amounts) {
        for (name, quantity) in other.quantities where quantity > quantities[name] ?? .zero {
            quantities[name] = quantity
        }
    }

    /// Only the amounts with these names.
    func only(_ names: some Sequence<String>) -> Amounts {
        var result = Amounts()
        for name in names { result[name] = quantities[name] }
        return result
    }

    /// `cpu=1,pods=2`, as messages have it.
    var text: String { names.map { "\($0)=\(quantities[$0] ?? .zero)" }.joined(separator: ",") }

    var json: JSONValue {
        var json = JSONObject()
        for name in names { json[name] = quantities[name]?.json }
        return .object(json)
    }

    /// What the containers of a pod ask for together, by the field `requests` or `limits`: the main containers and the
    /// sidecars, or an init container with the sidecars before it where that is more.
    init(ofPod spec: JSONValue, _ field: String) {
        func amounts(_ container: JSONValue) -> Amounts { Amounts(container["resources"]?[field]) }
        var sidecars = Amounts()
        var peak = Amounts()
        for container in spec["initContainers"]?.array ?? [] {
            if container["restartPolicy"] == "Always" {
                sidecars.add(amounts(container))
                peak.raise(to: sidecars)
            } else {
                var together = sidecars
                together.add(amounts(container))
                peak.raise(to: together)
            }
        }
        self = sidecars
        for container in spec["containers"]?.array ?? [] { add(amounts(container)) }
        raise(to: peak)
        for (name, quantity) in Amounts(spec["overhead"]).quantities
        where field == "requests" || !(quantities[name] ?? .zero).isZero {
            add(quantity, to: name)
        }
    }
}
