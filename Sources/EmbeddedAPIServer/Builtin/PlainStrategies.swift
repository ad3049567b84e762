import JSON
import KubernetesModel

/// The kinds that need only a ``SimpleStrategy``.
enum PlainStrategies {
    static let configMap: SimpleStrategy = {
        var strategy = SimpleStrategy("ConfigMap")
        strategy.columns = [
            .name,
            TableColumn("Data", description: "How many keys the object holds.") { object, _ in
                .int(Int64((object["data"]?.object?.count ?? 0) + (object["binaryData"]?.object?.count ?? 0)))
            },
            .age,
        ]
        strategy.checks = { object, old in immutableErrors(object, old, ["data", "binaryData"]) + keyErrors(object) }
        return strategy
    }()

    static let secret: SimpleStrategy = {
        var strategy = SimpleStrategy("Secret")
        strategy.selectableFields = ["type"]
        strategy.columns = [
            .name, TableColumn("Type", path: "type", description: "What kind of secret it is."),
            TableColumn("Data", description: "How many keys the object holds.") { object, _ in
                .int(Int64(object["data"]?.object?.count ?? 0))
            },
            .age,
        ]
        strategy.defaults = [(["type"], "Opaque")]
        strategy.prepare = { object in
            guard let plain = object["stringData"]?.object else { return }
            var data = object["data"] ?? [:]
            for (key, value) in plain { data[key] = .string(Base64.encode((value.string ?? "").utf8)) }
            object["data"] = data
            object["stringData"] = nil
        }
        strategy.checks = { object, old in
            var errors = immutableErrors(object, old, ["data"]) + keyErrors(object)
            for (key, value) in object["data"]?.object ?? [:]
            where value.string.map({ Base64.decode($0) == nil }) ?? true {
                errors.append(.invalid(FieldPath("data").key(key), "<secret contents redacted>", "must be base64"))
            }
            if let old, old["type"] != object["type"] {
                errors.append(.invalid("type", object["type"] ?? .null, "field is immutable"))
            }
            return errors
        }
        return strategy
    }()

    /// An error for each field that changed although `immutable` is set.
    private static func immutableErrors(_ object: JSONValue, _ old: JSONValue?, _ fields: [String]) -> [FieldError] {
        guard let old, old["immutable"] == true else { return [] }
        var errors: [FieldError] = []
        if object["immutable"] != true {
            errors.append(.forbidden("immutable", "field is immutable when `immutable` is set"))
        }
        for field in fields where object[field] != old[field] {
            errors.append(.forbidden(FieldPath.root.field(field), "field is immutable when `immutable` is set"))
        }
        return errors
    }

    /// An error for each key of `data` and `binaryData` that is not a valid config key.
    private static func keyErrors(_ object: JSONValue) -> [FieldError] {
        var errors: [FieldError] = []
        for field in ["data", "binaryData"] {
            for key in object[field]?.object?.keys ?? [] {
                let isValid =
                    !key.isEmpty && key.utf8.count <= 253 && key != "." && !key.hasPrefix("..")
                    && key.utf8.allSatisfy {
                        ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D
                            || $0 == 0x2E || $0 == 0x5F
                    }
                if !isValid {
                    errors.append(
                        .invalid(
                            FieldPath.root.field(field).key(key), .string(key),
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
                                + " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"))
                }
            }
        }
        return errors
    }

    static let serviceAccount: SimpleStrategy = {
        var strategy = SimpleStrategy("ServiceAccount")
        strategy.returnsDeletedObject = true
        return strategy
    }()

    static let limitRange: SimpleStrategy = {
        var strategy = SimpleStrategy("LimitRange")
        strategy.skeleton = ["metadata": [:], "spec": ["limits": .null]]
        strategy.prepare = { LimitRanger.setDefaults(&$0) }
        strategy.columns = [
            .name,
            TableColumn("Created At", description: ColumnTexts.creationTimestamp) { object, _ in
                object["metadata"]?["creationTimestamp"] ?? .null
            },
        ]
        return strategy
    }()

    static let resourceQuota: SimpleStrategy = {
        var strategy = SimpleStrategy("ResourceQuota")
        strategy.skeleton = ["metadata": [:], "spec": [:], "status": [:]]
        @Sendable func usage(_ object: JSONValue, _ belongs: (String) -> Bool) -> String {
            (object["spec"]?["hard"]?.object ?? [:]).filter { belongs($0.key) }.map { name, hard in
                "\(name): \(object["status"]?["used"]?[name]?.rendered ?? "0")/\(hard.rendered)"
            }.joined(separator: ", ")
        }
        strategy.columns = [
            .name,
            TableColumn("Request", description: "What is used of what may be requested.") { object, _ in
                .string(usage(object) { !$0.hasPrefix("limits.") })
            },
            TableColumn("Limit", description: "What is used of the limits.") { object, _ in
                .string(usage(object) { $0.hasPrefix("limits.") })
            },
            .age,
        ]
        return strategy
    }()

    static let lease: SimpleStrategy = {
        var strategy = SimpleStrategy("Lease")
        strategy.skeleton = ["metadata": [:], "spec": [:]]
        strategy.columns = [
            .name, TableColumn("Holder", path: "spec.holderIdentity", description: "Who holds the lease."), .age,
        ]
        strategy.checks = { object, _ in
            var errors: [FieldError] = []
            if let seconds = object["spec"]?["leaseDurationSeconds"]?.int, seconds <= 0 {
                errors.append(.invalid("spec.leaseDurationSeconds", .int(seconds), "must be greater than 0"))
            }
            if let count = object["spec"]?["leaseTransitions"]?.int, count < 0 {
                errors.append(.invalid("spec.leaseTransitions", .int(count), "must be greater than or equal to 0"))
            }
            return errors
        }
        return strategy
    }()

    static let priorityClass: SimpleStrategy = {
        var strategy = SimpleStrategy("PriorityClass")
        strategy.tracksGeneration = true
        strategy.skeleton = ["metadata": [:], "value": 0]
        strategy.defaults = [(["preemptionPolicy"], "PreemptLowerPriority"), (["value"], 0)]
        strategy.columns = [
            .name,
            TableColumn("Value", type: "integer", description: "The priority of pods of this class.") { object, _ in
                object["value"] ?? 0
            },
            TableColumn(
                "Global-Default", type: "boolean", description: "Whether it is the class of pods that name none."
            ) {
                object, _ in object["globalDefault"] ?? false
            },
            .age, TableColumn("PreemptionPolicy", path: "preemptionPolicy", priority: 1),
        ]
        strategy.checks = { object, old in
            guard let old else {
                guard let value = object["value"]?.int, value > 1_000_000_000,
                    object["metadata"]?["name"]?.string?.hasPrefix("system-") != true
                else { return [] }
                return [
                    .forbidden("value", "maximum allowed value of a user defined priority is 1000000000")
                ]
            }
            var errors: [FieldError] = []
            if object["value"] != old["value"] {
                errors.append(.forbidden("value", "may not be changed in an update."))
            }
            if object["preemptionPolicy"] != old["preemptionPolicy"] {
                errors.append(.invalid("preemptionPolicy", object["preemptionPolicy"] ?? .null, "field is immutable"))
            }
            return errors
        }
        return strategy
    }()

    static let persistentVolumeClaim: SimpleStrategy = {
        var strategy = SimpleStrategy("PersistentVolumeClaim")
        strategy.returnsDeletedObject = true
        strategy.skeleton = ["metadata": [:], "spec": ["resources": [:]], "status": ["phase": "Pending"]]
        strategy.finalizers = ["kubernetes.io/pvc-protection"]
        strategy.defaults = [(["spec", "volumeMode"], "Filesystem"), (["status", "phase"], "Pending")]
        strategy.columns = [
            .name, TableColumn("Status", path: "status.phase"), TableColumn("Volume", path: "spec.volumeName"),
            TableColumn("Capacity", path: "status.capacity.storage"),
            TableColumn("Access Modes") { object, _ in
                let short = [
                    "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP",
                ]
                let modes = object["status"]?["accessModes"]?.strings ?? []
                return .string(modes.map { short[$0] ?? $0 }.joined(separator: ","))
            },
            TableColumn("StorageClass", path: "spec.storageClassName"),
            TableColumn("VolumeAttributesClass", path: "spec.volumeAttributesClassName", absent: "<unset>"), .age,
            TableColumn("VolumeMode", path: "spec.volumeMode", priority: 1),
        ]
        return strategy
    }()
}
