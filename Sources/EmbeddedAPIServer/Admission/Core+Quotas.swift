import JSON
import KubernetesModel
import Synchronization

/// What the stored pods count against quotas, worked out once for each version of a pod.
final class PodCharges: Sendable {
    private struct Entry {
        var version: UInt64
        var charge: QuotaCharge
    }

    private let entries = Mutex<[StorageKey: Entry]>([:])

    /// The charges of these pods, which are all of a namespace.
    func charges(of pods: [StoredObject], _ resource: ResourceDefinition, namespace: String) -> [QuotaCharge] {
        entries.withLock { entries in
            var charges: [QuotaCharge] = []
            charges.reserveCapacity(pods.count)
            for pod in pods {
                if let known = entries[pod.key], known.version == pod.resourceVersion {
                    charges.append(known.charge)
                } else if let json = try? JSONValue(parsing: pod.body) {
                    let charge = QuotaCharge(json, resource)
                    entries[pod.key] = Entry(version: pod.resourceVersion, charge: charge)
                    charges.append(charge)
                }
            }
            if entries.count > 2 * pods.count + 1000 {
                let there = Set(pods.map(\.key))
                entries = entries.filter { $0.key.namespace != namespace || there.contains($0.key) }
            }
            return charges
        }
    }
}

extension APIServerCore {
    /// The quotas of a namespace, by their names.
    private func quotas(_ namespace: String) -> [(stored: StoredObject, json: JSONValue)] {
        guard !namespace.isEmpty else { return [] }
        return store.list("resourcequotas", namespace: namespace).objects.compactMap { stored in
            (try? JSONValue(parsing: stored.body)).map { (stored, $0) }
        }
    }

    /// The LimitRanges of a namespace.
    func limitRanger(_ namespace: String) -> LimitRanger {
        LimitRanger(ranges: StoreView(core: self).objects("limitranges", namespace: namespace))
    }

    /// Stores a new object if the quotas of its namespace have room for it; with a dry run it only looks. Throws
    /// `APIStatus` and ``SQLiteError``.
    func insertWithinQuotas(_ object: JSONValue, _ key: StorageKey, _ resource: ResourceDefinition, isDryRun: Bool)
        throws
        -> StoredObject?
    {
        // Of two objects that both fit alone, the second has to see the first.
        try quotaLock.withLock { _ in
            for (_, quota) in quotas(key.namespace) {
                if let why = refusal(of: object, resource, by: quota, namespace: key.namespace) {
                    throw APIStatus.forbidden(resource, key.name, why)
                }
            }
            if isDryRun {
                if store.get(key) != nil { throw APIStatus.alreadyExists(resource, key.name) }
                return nil
            }
            return try insert(object, key, resource)
        }
    }

    private func refusal(of object: JSONValue, _ resource: ResourceDefinition, by quota: JSONValue, namespace: String)
        -> String?
    {
        let name = quota["metadata"]?["name"]?.string ?? ""
        let charge = QuotaCharge(object, resource)
        let hard = Amounts(quota["spec"]?["hard"])
        guard charge.isCounted(by: quota) else { return nil }
        if resource.storageName == "pods", let missing = QuotaCharge.missing(in: object, limited: hard.names) {
            return "failed quota: \(name): \(missing)"
        }
        let requested = charge.amounts.only(hard.names)
        guard !requested.isEmpty else { return nil }
        let used = used(quota, namespace, only: requested.names)
        var sum = used
        sum.add(requested)
        let exceeded = requested.names.filter { sum[$0] ?? .zero > hard[$0] ?? .zero }
        guard !exceeded.isEmpty else { return nil }
        return
            "exceeded quota: \(name), requested: \(requested.only(exceeded).text), used: \(used.only(exceeded).text),"
            + " limited: \(hard.only(exceeded).text)"
    }

    /// What of a quota is used, by the names that it limits.
    private func used(_ quota: JSONValue, _ namespace: String, only names: [String]) -> Amounts {
        var used = Amounts()
        for name in names { used[name] = .zero }
        for resource in registry.all where resource.isNamespaced && !resource.strategy.convertsStorage {
            let objects: [StoredObject]
            var charges: [QuotaCharge] = []
            if resource.storageName == "pods" {
                objects = store.list("pods", namespace: namespace).objects
                charges = podCharges.charges(of: objects, resource, namespace: namespace)
            } else {
                // Nothing but the number counts, except for claims.
                let own = QuotaCharge([:], resource).amounts.names
                let isClaim = resource.storageName == "persistentvolumeclaims"
                guard names.contains(where: { own.contains($0) || (isClaim && $0 == "requests.storage") }) else {
                    continue
                }
                objects = store.list(resource.storageName, namespace: namespace).objects
                charges = objects.map { object in
                    QuotaCharge(isClaim ? (try? JSONValue(parsing: object.body)) ?? [:] : [:], resource)
                }
            }
            for charge in charges where charge.isCounted(by: quota) { used.add(charge.amounts.only(names)) }
        }
        return used
    }

    /// Whether quotas of this namespace may count a change of such an object.
    func hasQuotas(_ namespace: String) -> Bool {
        !namespace.isEmpty && !store.list("resourcequotas", namespace: namespace).objects.isEmpty
    }

    /// Writes into the status of the quotas of a namespace what is used. Throws `JSONError` and ``SQLiteError``.
    func checkQuotas(_ namespace: String) async throws {
        guard let resource = registry.resource("", "v1", "resourcequotas") else { return }
        for (stored, json) in quotas(namespace) {
            let used = used(json, namespace, only: Amounts(json["spec"]?["hard"]).names)
            try await edit(stored.key, resource) { quota in
                quota["status"] = ["hard": quota["spec"]?["hard"] ?? [:], "used": used.json]
            }
        }
    }
}
