import JSON
import KubernetesModel
import SluiceAPI
import SluiceLint
import YAML

/// What `sluice run` was given: the run, and what it needs.
struct RunManifest {
    /// Why it cannot be run: a line a mistake.
    struct Unusable: Error {
        var lines: [String]
    }

    /// The PipelineRun as it is created.
    private(set) var run: JSONValue
    private(set) var namespace: String
    /// Its pipeline, for showing progress.
    private(set) var pipeline: PipelineSpec
    /// Everything else of the file, in its order; objects without a namespace are in the run's.
    private(set) var others: [JSONValue]

    /// Reads and checks a file. Throws ``Unusable``.
    init(file: String) throws {
        let text: String
        do {
            text = try InputFile.read(file)
        } catch let error as InputFile.Unreadable {
            throw Unusable(lines: [error.description])
        }
        let errors = Linter.check(text, file: file).filter { $0.severity == .error }
        guard errors.isEmpty else { throw Unusable(lines: errors.map(\.description)) }
        let documents: [JSONValue]
        do {
            documents = try YAMLReader.parse(text, file: file).map(\.value)
        } catch {
            throw Unusable(lines: ["\(error)"])
        }
        func all(_ kind: String) -> [JSONValue] {
            documents.filter { $0["kind"]?.string == kind && $0["apiVersion"]?.string == Sluice.apiVersion }
        }
        let runs = all("PipelineRun")
        let pipelines = all("Pipeline")
        switch (runs.count, pipelines.count) {
        case (1, _): run = runs[0]
        case (0, 1):
            let name = pipelines[0]["metadata"]?["name"]?.string ?? "pipeline"
            run = [
                "apiVersion": .string(Sluice.apiVersion), "kind": "PipelineRun",
                "metadata": ["name": .string(name)], "spec": ["pipelineRef": ["name": .string(name)]],
            ]
            if let namespace = pipelines[0]["metadata"]?["namespace"] { run["metadata"]?["namespace"] = namespace }
        default:
            throw Unusable(lines: [
                "\(file): expected one PipelineRun, or no PipelineRun and one Pipeline; found \(runs.count) and \(pipelines.count)"
            ])
        }
        let namespace = run["metadata"]?["namespace"]?.string ?? "default"
        self.namespace = namespace
        others = documents.filter { $0["kind"]?.string != "PipelineRun" }.map { object in
            var object = object
            if object["metadata"]?["namespace"] == nil { object["metadata"]?["namespace"] = .string(namespace) }
            return object
        }
        if namespace != "default" {
            others.insert(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]], at: 0)
        }
        let name = run["spec"]?["pipelineRef"]?["name"]?.string
        let spec =
            if let name {
                pipelines.first { $0["metadata"]?["name"]?.string == name }?["spec"]
            } else {
                run["spec"]?["pipelineSpec"]
            }
        guard let spec else {
            throw Unusable(lines: ["\(file): spec.pipelineRef.name: the file has no Pipeline \(name ?? "")"])
        }
        pipeline = PipelineSpec(validated: spec)
        try Self.checkPipelines(of: pipeline, among: pipelines, namespace: namespace, file: file)
    }

    /// The Pipelines that tasks run must be in the file, at every depth: nothing else can come to that cluster. Throws ``Unusable``.
    private static func checkPipelines(
        of pipeline: PipelineSpec, among pipelines: [JSONValue], namespace: String, file: String
    ) throws {
        var specs: [String: JSONValue] = [:]
        for pipeline in pipelines where pipeline["metadata"]?["namespace"]?.string ?? namespace == namespace {
            if let name = pipeline["metadata"]?["name"]?.string { specs[name] = pipeline["spec"] }
        }
        var seen: Set<String> = []
        var open = [pipeline]
        while let next = open.popLast() {
            for task in next.tasks + next.finally {
                if let inner = task.pipelineSpec { open.append(inner) }
                guard let name = task.pipelineRef, seen.insert(name).inserted else { continue }
                guard let spec = specs[name] else {
                    throw Unusable(lines: [
                        "\(file): the file has no Pipeline \(name), which the task \(task.name) runs"
                    ])
                }
                open.append(PipelineSpec(validated: spec))
            }
        }
    }
}
