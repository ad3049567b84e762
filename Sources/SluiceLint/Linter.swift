import JSON
import KubernetesModel
public import SluiceAPI
import YAML

/// Finds the mistakes in manifests before a cluster does.
public enum Linter {
    /// Every error and warning in a YAML text, in the order of the lines. Documents of other groups are passed
    /// over, but for the mistakes in ConfigMaps and Secrets that an API server refuses.
    /// Runs whose Pipeline is in the same text are checked against its parameters. A ConfigMap or Secret that pods need and the text
    /// lacks is an error where nothing else `isToCome` and the task is sure to be tried, a warning otherwise.
    public static func check(
        _ text: String, file: String? = nil, isToCome: Bool = true, zones: Validator.ZoneCheck? = nil
    ) -> [Diagnostic] {
        func whole(_ message: String) -> [Diagnostic] {
            [Diagnostic(file: file, line: 1, column: 1, path: "", severity: .error, message: message)]
        }
        let documents: [YAMLDocument]
        do {
            documents = try YAMLReader.parse(text, file: file)
        } catch let error as YAMLError {
            return [
                Diagnostic(
                    file: file, line: error.line, column: error.column, path: "", severity: .error,
                    message: error.message)
            ]
        } catch {
            return whole("\(error)")
        }
        guard !documents.isEmpty else { return whole("the text is empty: expected a PipelineRun or a Pipeline") }

        let objects = documents.flatMap { document in document.objects.map { (document: document, object: $0) } }
        let values = objects.map(\.object.value)
        var diagnostics: [Diagnostic] = []
        var isOurs = false
        for (document, object) in objects {
            let own = report(on: object.value, among: values, zones)
            // A kustomization lists files, and is linted with them by a wildcard.
            let isList = object.value["apiVersion"]?.string?.hasPrefix("kustomize.config.k8s.io/") ?? false
            isOurs = isOurs || own != nil || isList
            guard var report = own ?? CoreDocuments.report(on: object.value) else { continue }
            for missing in MissingObjects.mistakes(in: object.value, among: values) {
                if isToCome || missing.isConditional {
                    report.warnings.append(missing.error)
                } else {
                    report.errors.append(missing.error)
                }
            }
            for (errors, severity) in [(report.errors, Diagnostic.Severity.error), (report.warnings, .warning)] {
                for error in errors {
                    let path = FieldPath(object.path.steps + error.path.steps)
                    let position = document.position(of: path)
                    diagnostics.append(
                        Diagnostic(
                            file: file, line: position.line, column: position.column, path: path.description,
                            severity: severity, message: error.body))
                }
            }
        }
        if !isOurs, diagnostics.isEmpty {
            diagnostics.append(
                Diagnostic(
                    file: file, line: documents[0].start.line, column: documents[0].start.column, path: "",
                    severity: .warning, message: "nothing here is of \(Sluice.group): nothing was checked"))
        }
        return diagnostics.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }

    /// nil for an object that is not ours.
    private static func report(
        on value: JSONValue, among all: [JSONValue], _ zones: Validator.ZoneCheck?
    ) -> ValidationReport? {
        if value.object != nil {
            let group = (value["apiVersion"]?.string ?? "").split(separator: "/", omittingEmptySubsequences: false)
            // A document without apiVersion or kind belongs to no group: it is a mistake, and is checked.
            if let first = group.first, first != Sluice.group, !first.isEmpty, value["kind"]?.string != nil {
                return nil
            }
        }
        var report = Validator.validate(value, zones: zones)
        guard value["kind"]?.string == Sluice.pipelineRuns.kind,
            let name = value["spec"]?["pipelineRef"]?["name"]?.string,
            let pipeline = all.first(where: { isPipeline($0, name, beside: value) })?["spec"],
            pipeline.object != nil
        else { return report }
        let given = value["spec"]?["parameters"]?.object ?? JSONObject()
        report.errors += ParameterValues.resolve(given, for: PipelineSpec(validated: pipeline)).errors
        return report
    }

    private static func isPipeline(_ value: JSONValue, _ name: String, beside run: JSONValue) -> Bool {
        value["apiVersion"]?.string == Sluice.apiVersion && value["kind"]?.string == Sluice.pipelines.kind
            && value["metadata"]?["name"]?.string == name
            && value["metadata"]?["namespace"] == run["metadata"]?["namespace"]
    }
}
