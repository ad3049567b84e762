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
    /// What it is called, as far as that is known.
    var name: String {
        run["metadata"]?["name"]?.string ?? run["metadata"]?["generateName"]?.string.map {
            String($0.drop { $0 == "-" })
        }
            ?? "run"
    }
    /// Its pipeline, for showing progress.
    private(set) var pipeline: PipelineSpec
    /// Everything else of the file, in its order; objects without a namespace are in the run's.
    private(set) var others: [JSONValue]

    /// What the command line says about parameters.
    struct Given {
        /// `name=value`, each.
        var parameters: [String] = []
        /// A YAML file with a map of values.
        var valuesFile: String?

        var isEmpty: Bool { parameters.isEmpty && valuesFile == nil }
    }

    /// Reads and checks a file. Values that the command line gives win over those of the run. Throws ``Unusable``.
    init(file: String, given: Given = Given()) throws {
        let text: String
        do {
            text = try InputFile.read(file)
        } catch let error as InputFile.Unreadable {
            throw Unusable(lines: [error.description])
        }
        let errors = Linter.check(text, file: file, isToCome: false).filter { diagnostic in
            // Values that the run lacks may be given; all are checked again below.
            diagnostic.severity == .error
                && (given.isEmpty || diagnostic.path.prefixMatch(of: /(items\[\d+\]\.)?spec\.parameters\./) == nil)
        }
        guard errors.isEmpty else { throw Unusable(lines: errors.map(\.description)) }
        let documents: [JSONValue]
        do {
            documents = try YAMLReader.parse(text, file: file).flatMap { $0.objects.map(\.value) }
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
        try take(given, file: file)
        try Self.checkPipelines(of: pipeline, among: pipelines, namespace: namespace, file: file)
    }

    /// Puts the values of the command line into the run. Throws ``Unusable``.
    private mutating func take(_ given: Given, file: String) throws {
        guard !given.isEmpty else { return }
        var values = run["spec"]?["parameters"]?.object ?? JSONObject()
        do {
            if let valuesFile = given.valuesFile {
                for (name, value) in try Self.values(in: valuesFile) {
                    do {
                        try ParameterText.parameter(name, of: pipeline)
                    } catch {
                        throw Unusable(lines: ["\(valuesFile): \(error)"])
                    }
                    values[name] = value
                    if let error = ParameterValues.resolve(values, for: pipeline, path: FieldPath()).errors.first(
                        where: { $0.path == FieldPath().field(name) })
                    {
                        throw Unusable(lines: ["\(valuesFile): \(error)"])
                    }
                }
            }
            for text in given.parameters {
                let parameter = try ParameterText.read(text, for: pipeline)
                values[parameter.name] = parameter.value
            }
        } catch let mistake as ParameterText.Mistake {
            throw Unusable(lines: ["-p \(mistake)"])
        }
        let errors = ParameterValues.resolve(values, for: pipeline).errors
        guard errors.isEmpty else { throw Unusable(lines: errors.map { "\(file): \($0)" }) }
        run["spec"]?["parameters"] = .object(values)
    }

    private static func values(in file: String) throws -> JSONObject {
        let documents: [YAMLDocument]
        do {
            documents = try YAMLReader.parse(try InputFile.read(file), file: file)
        } catch {
            throw Unusable(lines: ["\(error)"])
        }
        if documents.isEmpty { return JSONObject() }
        guard documents.count == 1, let values = documents[0].value.object else {
            throw Unusable(lines: ["\(file): expected one map of parameters, as in epochs: 3"])
        }
        return values
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
