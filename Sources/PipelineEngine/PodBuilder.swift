import JSON
import KubernetesModel
import SluiceAPI

/// Makes the pods of an attempt from the task, its run and the values of the references.
struct PodBuilder {
    /// Gives the value of a reference; nil leaves it as it is in the text.
    typealias Resolver = (Reference) throws -> JSONValue?

    var run: RunIdentity
    var runTemplate: JSONValue?

    /// The pod of one replica. `names` are those of all pods of the attempt, as far as they are known. `inRun` and `inTask` give the values of the references of the run's template and of the task, and their
    /// errors pass through. Throws `StrategicMergeError` when the templates cannot be merged.
    func pod(
        _ identity: PodIdentity, of task: TaskPlan, names: [String], inRun: Resolver, inTask: Resolver
    ) throws -> JSONValue {
        var template = try runTemplate.map { try Self.filled(template: $0, ForEachSpec.defaultItemName, inRun) } ?? [:]
        if let overlay = task.spec.podTemplate {
            template = try PodTemplateMerge.merge(Self.filled(template: overlay, task.item, inTask), over: template)
        }
        var main = try Self.filled(task.spec.container ?? [:], task.item, inTask)

        main["name"] = .string(Sluice.mainContainer)
        // The file of the results is the termination log, which travels in the pod's status and cannot get lost (E12).
        let resultsPath = main["terminationMessagePath"]?.string ?? "/dev/termination-log"
        var environment = main["env"]?.array ?? []
        if !environment.contains(where: { $0["name"]?.string == Sluice.resultsVariable }) {
            environment.append(["name": .string(Sluice.resultsVariable), "value": .string(resultsPath)])
        }
        main["env"] = .array(environment)
        // A failed task that wrote nothing shows the end of its log instead.
        if main["terminationMessagePolicy"] == nil { main["terminationMessagePolicy"] = "FallbackToLogsOnError" }

        var metadata = ObjectMeta(name: identity.name(in: run), namespace: run.namespace)
        // What GitOps tools track by is not copied: they would take the pod for an object that Git does not have, and delete it.
        metadata.labels = (template["metadata"]?["labels"]?.stringMap ?? [:]).filter { !Sluice.isTracking($0.key) }
        metadata.labels.merge(identity.labels(in: run)) { _, ours in ours }
        metadata.annotations = (template["metadata"]?["annotations"]?.stringMap ?? [:])
            .filter { !Sluice.isTracking($0.key) }
        if identity.path != identity.task { metadata.annotations[Sluice.pathAnnotation] = identity.path }
        metadata.ownerReferences = [run.ownerReference]
        metadata.finalizers = [Sluice.podFinalizer]

        var spec = template["spec"] ?? [:]
        PodGang(identity, of: task.spec, in: run, names: names)?.join(&main, &metadata, &spec)
        // Containers of the template are sidecars. As native ones they end with the task; as plain ones they would keep the
        // pod alive.
        let sidecars = (spec["containers"]?.array ?? []).map { sidecar in
            var sidecar = sidecar
            sidecar["restartPolicy"] = "Always"
            return sidecar
        }
        if !sidecars.isEmpty {
            spec["initContainers"] = .array((spec["initContainers"]?.array ?? []) + sidecars)
        }
        spec["containers"] = [main]
        spec["restartPolicy"] = "Never"
        if let timeout = task.spec.timeout, timeout > .zero {
            // The kubelet holds the time-out too, should the operator be away when it is due.
            spec["activeDeadlineSeconds"] = .int(
                min(max(1, (timeout.microseconds + 999_999) / 1_000_000), Int64(Int32.max)))
        }
        return ["apiVersion": "v1", "kind": "Pod", "metadata": metadata.json, "spec": spec]
    }

    /// The pod with a required node affinity that leaves the scheduler that one node: each term that it has already gets the node's
    /// name besides.
    static func bound(_ pod: JSONValue, to node: String) -> JSONValue {
        var spec = pod["spec"] ?? [:]
        var affinity = spec["affinity"] ?? [:]
        var nodes = affinity["nodeAffinity"] ?? [:]
        let field = "requiredDuringSchedulingIgnoredDuringExecution"
        let terms = nodes[field]?["nodeSelectorTerms"]?.array ?? [[:]]
        nodes[field] = [
            "nodeSelectorTerms": .array(
                terms.map { term in
                    var term = term
                    let name: JSONValue = ["key": "metadata.name", "operator": "In", "values": [.string(node)]]
                    term["matchFields"] = .array((term["matchFields"]?.array ?? []) + [name])
                    return term
                })
        ]
        affinity["nodeAffinity"] = nodes
        spec["affinity"] = affinity
        var pod = pod
        pod["spec"] = spec
        return pod
    }

    /// A pod template with its references filled in.
    private static func filled(template: JSONValue, _ item: String, _ resolve: Resolver) throws -> JSONValue {
        var template = template
        if let metadata = template["metadata"] {
            template["metadata"] = try metadata.substitutingReferences(asText: true, item: item, resolve)
        }
        guard var parts = template["spec"]?.object else { return template }
        try parts.mapValues { name, value in
            value =
                name == "containers" || name == "initContainers"
                ? .array(try (value.array ?? []).map { try filled($0, item, resolve) })
                : try value.substitutingReferences(asText: true, item: item, resolve)
        }
        template["spec"] = .object(parts)
        return template
    }

    /// A container with its references filled in. The kubelet expands `$(NAME)` and `$$` in command, args and env once more, so every
    /// `$` of a value is doubled there: the value arrives byte for byte, and cannot read the environment of the task (rule E3).
    private static func filled(_ container: JSONValue, _ item: String, _ resolve: Resolver) throws -> JSONValue {
        func doubled(_ reference: Reference) throws -> JSONValue? {
            try resolve(reference).map { .string($0.rendered.replacing("$", with: "$$")) }
        }
        guard var fields = container.object else { return container }
        try fields.mapValues { name, value in
            switch name {
            case "command", "args": value = try value.substitutingReferences(asText: true, item: item, doubled)
            case "env":
                value = .array(
                    try (value.array ?? []).map { variable in
                        guard var entry = variable.object else { return variable }
                        try entry.mapValues { name, value in
                            value =
                                name == "value"
                                ? try value.substitutingReferences(asText: true, item: item, doubled)
                                : try value.substitutingReferences(asText: true, item: item, resolve)
                        }
                        return .object(entry)
                    })
            default: value = try value.substitutingReferences(asText: true, item: item, resolve)
            }
        }
        return .object(fields)
    }
}
