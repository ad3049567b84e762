import JSON
import KubernetesModel
import KubernetesSchema

/// What people write who know Tekton, Argo Workflows, GitHub Actions or Kubernetes' Jobs, and how it is said here.
enum PeerSpellings {
    /// What to write instead of an unknown field of a task, a pipeline or a run, told apart by the fields that they have; nil for
    /// a field that is none of these.
    static func hint(for field: String, among known: Set<String>) -> String? {
        if known.contains("dependsOn") { return task[field] ?? containerHint(for: field) ?? podHint(for: field) }
        if known.contains("pipelineSpec") { return run[field] ?? podHint(for: field) }
        return known.contains("finally") ? pipeline[field] : nil
    }

    private static let parameters =
        "declare parameters in the pipeline, and give their values in the run as parameters: {name: value}"
    private static let tasks = "write tasks: [{name: ..., container: {...}}]"

    private static let task: [String: String] = {
        var hints: [String: String] = [:]
        for name in ["needs", "runAfter", "depends", "dependencies", "after", "upstream"] {
            hints[name] = "write dependsOn: [task, ...]"
        }
        for name in ["retries", "retryStrategy", "backoffLimit", "maxRetries"] {
            hints[name] = "write retry: {limit: 3}"
        }
        for name in ["activeDeadlineSeconds", "timeoutSeconds", "deadline", "timeout-minutes"] {
            hints[name] = "write timeout: 10m"
        }
        for name in ["params", "arguments", "with", "inputs"] {
            hints[name] =
                "a container takes values by references such as $(params.name); parameters: {name: value} is for a pipelineRef"
        }
        for name in ["taskRef", "template", "templateRef", "uses"] {
            hints[name] = "write the container in place, or pipelineRef: {name: ...}"
        }
        for name in ["taskSpec", "steps", "script", "run"] {
            hints[name] = "a task is one container: write container: {image: ..., command: [...]}"
        }
        for name in ["withItems", "withParam", "withSequence", "matrix", "strategy"] {
            hints[name] = "write forEach: {items: [...]}"
        }
        for name in ["continueOn", "onError", "continue-on-error"] { hints[name] = "write onFailure: Ignore" }
        for name in ["if", "condition", "conditions", "whenExpressions"] {
            hints[name] = "write when: a CEL expression"
        }
        for name in ["outputs"] { hints[name] = "write results: [name, ...]" }
        for name in ["workspaces"] { hints[name] = "write volumes below podTemplate.spec, and container.volumeMounts" }
        for name in ["parallelism", "completions"] { hints[name] = "write replicas, or forEach.parallelism" }
        return hints
    }()

    private static let pipeline: [String: String] = [
        "params": "write parameters", "arguments": parameters, "inputs": parameters, "dag": tasks, "steps": tasks,
        "templates": tasks, "jobs": tasks, "entrypoint": tasks,
        "onExit": "write finally: [{name: ..., container: {...}}]",
        "workspaces": "write podTemplate.spec.volumes in the run, and container.volumeMounts in tasks",
        "outputs": "write results: [{name: ..., value: ...}]",
    ]

    private static let run: [String: String] = [
        "params": "write parameters: {name: value}", "arguments": "write parameters: {name: value}",
        "inputs": "write parameters: {name: value}", "tasks": "tasks go below pipelineSpec",
        "finally": "it goes below pipelineSpec", "results": "they go below pipelineSpec",
        "templates": "tasks go below pipelineSpec", "entrypoint": "tasks go below pipelineSpec",
        "dag": "tasks go below pipelineSpec", "steps": "tasks go below pipelineSpec",
        "workspaces": "write podTemplate.spec.volumes", "timeouts": "write timeout: 1h",
        "activeDeadlineSeconds": "write timeout: 1h", "suspend": "write state: Suspended",
        "shutdown": "write state: Cancelled or Terminated", "status": "write state: Cancelled",
        "ttlStrategy": "write ttlSecondsAfterFinished", "taskRunTemplate": "write podTemplate: {spec: {...}}",
    ]

    private static func containerHint(for field: String) -> String? {
        CoreTypes.fields(of: "Container").contains { $0.name == field }
            ? "it goes below container: container.\(field)" : nil
    }

    private static func podHint(for field: String) -> String? {
        PodTemplateSchema.podSpec.properties[field] != nil
            ? "fields of the pod go below podTemplate: podTemplate.spec.\(field)" : nil
    }

    // MARK: References

    /// What in a text was meant as a reference, by the spelling of a peer or with a slip, and what to write; in the order of the text.
    /// None of it is ours: it stays as it is and reaches the container. At most ``most``, and none longer than ``longest``. O(text).
    static func strangeReferences(in text: String) -> [(text: String, advice: String)] {
        var found: [(String, String)] = []
        var rest = Substring(text)
        while found.count < most, let start = rest.firstIndex(where: { $0 == "{" || $0 == "$" }) {
            let isEscaped = rest[start...].hasPrefix("$$")
            rest = rest[start...]
            if rest.hasPrefix("{{") {
                guard let end = rest.firstRange(of: "}}") else { break }
                let whole = rest[..<end.upperBound]
                if whole.utf8.count <= longest, let advice = advice(forBraces: trimmed(whole.dropFirst(2).dropLast(2)))
                {
                    found.append((String(whole), advice))
                }
                rest = rest[end.upperBound...]
            } else if rest.hasPrefix("$("), !isEscaped {
                if let strange = strangeParenthesis(rest) { found.append(strange) }
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst(isEscaped ? 2 : 1)
            }
        }
        return found
    }

    /// The author of a text of more mistakes has seen enough of them.
    private static let most = 10
    /// Nobody means so many characters as a reference, and a text of half a megabyte may be one line.
    private static let longest = 128
    /// What such a reference begins with. Looked at before anything else is: the shell has `$(` of its own, and tenants write what they
    /// please.
    private static let words = [
        "params", "tasks", "run", "replica", "task", "item", "workspaces", "results", "context", "inputs", "outputs",
        "parameters",
    ].map { Array($0.utf8) }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func advice(forBraces text: String) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        switch parts.first {
        case "inputs" where parts.count == 3 && parts[1] == "parameters",
            "workflow" where parts.count == 3 && parts[1] == "parameters":
            return "write $(params.\(parts[2]))"
        case "tasks", "steps":
            guard parts.count >= 4, parts[2] == "outputs" else { return nil }
            return "write $(tasks.\(parts[1]).results.\(parts.count == 5 ? parts[4] : parts[3]))"
        case "params" where parts.count == 2, "tasks" where parts.count == 4, "run" where parts.count == 2:
            return "write $(\(text))"
        case "item": return "write $(\(text))"
        case "workflow" where parts == ["workflow", "name"]: return "write $(run.name)"
        case "workflow" where parts == ["workflow", "uid"]: return "write $(run.uid)"
        default: return nil
        }
    }

    /// What begins with `$(` and was meant as a reference.
    private static func strangeParenthesis(_ text: Substring) -> (String, String)? {
        let inner = text.dropFirst(2)
        let begin = inner.utf8.prefix(16).drop { $0 == 0x20 || $0 == 0x09 }
        guard words.contains(where: { begin.starts(with: $0) }) else { return nil }
        let line = inner.prefix(longest).prefix { !$0.isNewline }
        let name = trimmed(line.prefix { $0 != ")" })
        let first = name.prefix { $0 != "." }
        guard name.contains("."), !name.contains(where: \.isWhitespace) else { return nil }
        guard line.contains(")") else {
            return ["params", "tasks", "run"].contains(String(first))
                ? ("$(\(name)", "the closing parenthesis is missing") : nil
        }
        let whole = "$(" + line.prefix { $0 != ")" } + ")"
        switch first {
        case "params", "tasks", "run", "replica", "task", "item":
            // With a blank at the end alone it is a reference that is refused.
            return line.first?.isWhitespace == true ? (whole, "write it without blanks: $(\(name))") : nil
        case "workspaces":
            return (whole, "there are no workspaces: write the mountPath of a volume of podTemplate.spec.volumes")
        case "results":
            return (whole, "a task writes its results as one JSON object to the file $SLUICE_RESULTS")
        case "context", "inputs", "outputs", "parameters":
            return (whole, "references are $(params.NAME), $(tasks.TASK.results.NAME), $(run.name) and their like")
        default: return nil
        }
    }
}
