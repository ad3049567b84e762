import SluiceLint
import Testing

/// U5 to U8: what people write who come from elsewhere, and what they are told.
@Suite struct PeerSpellingTests {
    private func messages(_ task: String, run: String = "", pipeline: String = "") -> [String] {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: x}
            spec:
            \(run)  pipelineSpec:
            \(pipeline)    parameters: [{name: a, default: x}]
                tasks:
                - {name: used, container: {image: i, args: [$(params.a)]}}
                - name: t
            \(task)
            """
        return Linter.check(text).map { "\($0.severity): \($0.path): \($0.message)" }
    }

    private static let container = "      container: {image: i}\n"

    @Test(arguments: [
        ("needs: [used]", "write dependsOn: [task, ...]"),
        ("runAfter: [used]", "write dependsOn: [task, ...]"),
        ("depends: used", "write dependsOn: [task, ...]"),
        ("retries: 3", "write retry: {limit: 3}"),
        ("activeDeadlineSeconds: 60", "write timeout: 10m"),
        (
            "arguments: {}",
            "a container takes values by references such as $(params.name); parameters: {name: value} is for a pipelineRef"
        ),
        (
            "params: []",
            "a container takes values by references such as $(params.name); parameters: {name: value} is for a pipelineRef"
        ),
        ("taskRef: {name: x}", "write the container in place, or pipelineRef: {name: ...}"),
        ("image: x", "it goes below container: container.image"),
        ("command: [x]", "it goes below container: container.command"),
        ("env: []", "it goes below container: container.env"),
        ("volumes: []", "fields of the pod go below podTemplate: podTemplate.spec.volumes"),
        ("nodeSelector: {}", "fields of the pod go below podTemplate: podTemplate.spec.nodeSelector"),
        ("withItems: [1]", "write forEach: {items: [...]}"),
        ("dependOn: [used]", "did you mean dependsOn?"),
    ])
    func `U5: a field of a peer gets the spelling of Sluice`(field: String, hint: String) {
        let name = field.prefix { $0 != ":" }
        #expect(
            messages(Self.container + "      \(field)") == [
                "error: spec.pipelineSpec.tasks[1].\(name): unknown field (\(hint))"
            ])
    }

    @Test func `U5: so does one of a run and of a pipeline`() {
        #expect(
            messages(Self.container, run: "  params: []\n") == [
                "error: spec.params: unknown field (write parameters: {name: value})"
            ])
        #expect(
            messages(Self.container, run: "  serviceAccountName: me\n") == [
                "error: spec.serviceAccountName: unknown field (fields of the pod go below podTemplate: podTemplate.spec.serviceAccountName)"
            ])
        #expect(
            messages(Self.container, pipeline: "    onExit: x\n") == [
                "error: spec.pipelineSpec.onExit: unknown field (write finally: [{name: ..., container: {...}}])"
            ])
    }

    @Test(arguments: [
        ("{{inputs.parameters.a}}", "write $(params.a)"),
        ("{{ workflow.parameters.a }}", "write $(params.a)"),
        ("{{tasks.a.outputs.result}}", "write $(tasks.a.results.result)"),
        ("{{steps.a.outputs.parameters.best}}", "write $(tasks.a.results.best)"),
        ("{{item}}", "write $(item)"),
        ("$( params.a )", "write it without blanks: $(params.a)"),
        ("$(params.a", "the closing parenthesis is missing"),
        (
            "$(workspaces.x.path)",
            "there are no workspaces: write the mountPath of a volume of podTemplate.spec.volumes"
        ),
        ("$(results.x.path)", "a task writes its results as one JSON object to the file $SLUICE_RESULTS"),
        (
            "$(context.taskRun.name)",
            "references are $(params.NAME), $(tasks.TASK.results.NAME), $(run.name) and their like"
        ),
    ])
    func `U5: a reference by the spelling of a peer is warned of`(text: String, advice: String) {
        #expect(
            messages("      container: {image: i, args: ['use \(text)']}") == [
                "warning: spec.pipelineSpec.tasks[1].container.args[0]: Invalid value: \"\(text)\": is no reference: \(advice)"
            ])
    }

    @Test(arguments: [
        "$(date +%s.%N)", "$(cat results.txt)", "{{ .Values.x }}", "{{name}}", "$$(params.a)", "$(hostname)", "${a.b}",
        "$(ls", "awk '{{print $1}}'", "{{", "$( git log )", "$$( params.a )",
    ])
    func `U5: what belongs to the shell or to a template is left alone`(text: String) {
        #expect(messages("      container: {image: i, args: [\"\(text)\"]}") == [])
    }

    @Test(arguments: [
        (
            "      timeout: 5",
            "tasks[1].timeout: Invalid value: 5: is a number, expected a string: a duration such as 5s"
        ),
        ("      replicas: two", "tasks[1].replicas: Invalid value: \"two\": is a string, expected an integer"),
        (
            "      results: best",
            "tasks[1].results: Invalid value: \"best\": is a string, expected a list: write [\"best\"]"
        ),
        (
            "      onFailure: n",
            "tasks[1].onFailure: Invalid value: false: is a boolean, expected a string: YAML reads y, n, yes, no, on, off, true and false as booleans; write it in quotes"
        ),
    ])
    func `U8: a value of the wrong type is shown, with what to write`(field: String, message: String) {
        #expect(messages(Self.container + field).first == "error: spec.pipelineSpec.\(message)")
    }

    @Test(arguments: [
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 3}",
            "4:8: data.a: Invalid value: 3: must be a string: write it in quotes"
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {a: plain!}",
            "4:8: data.a: Invalid value: must be base64; plain text goes below stringData"
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, data: {a: 1}}",
            "4:44: items[0].data.a: Invalid value: 1: must be a string: write it in quotes"
        ),
        (
            "apiVersion: v1\nkind: List",
            "1:1: items: Required value: a List has a list of objects"
        ),
        (
            """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: sluice.dev/v1alpha1
              kind: PipelineRun
              metadata: {name: r}
              spec:
                pipelineSpec: {tasks: [{name: a, dependsOn: [b], container: {image: x}}]}
            """,
            "8:50: items[0].spec.pipelineSpec.tasks[0].dependsOn[0]: Not found: \"b\": no task has that name"
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}",
            "1:1: warning: nothing here is of sluice.dev: nothing was checked"
        ),
        (
            "apiVersion: sluice.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: n}\nspec: {tasks: [{name: a, container: {image: i}}]}",
            "3:12: metadata.name: Invalid value: false: must be a string: YAML reads y, n, yes, no, on, off, true and false as booleans; write it in quotes"
        ),
    ])
    func `U6, U8: what an API server would refuse later is told with its place`(text: String, message: String) {
        #expect(Linter.check(text).map(\.description) == [message])
    }

    @Test func `U6: a volume that no template has, and a label that is none, are refused`() {
        #expect(
            messages(
                "      container: {image: i, volumeMounts: [{name: dta, mountPath: /d}, {name: own, mountPath: /o}]}\n      podTemplate: {spec: {volumes: [{name: own, emptyDir: {}}]}}",
                run: "  podTemplate: {metadata: {labels: {'a b': x}}, spec: {volumes: [{name: data, emptyDir: {}}]}}\n")
                == [
                    "error: spec.podTemplate.metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                    "error: spec.pipelineSpec.tasks[1].container.volumeMounts[0].name: Not found: \"dta\": no podTemplate.spec.volumes has it (did you mean data?)",
                ])
        #expect(
            messages(
                "      container: {image: i, volumeMounts: [{name: data, mountPath: /d}]}",
                run: "  podTemplate: {spec: {volumes: [{name: data, emptyDir: {}}]}}\n") == [])
    }

    @Test
    func `U6: a ConfigMap or Secret that the file lacks is warned of, and is an error where nothing else is to come`() {
        let file = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: x}
            spec:
              podTemplate:
                spec:
                  volumes:
                  - {name: a, configMap: {name: there}}
                  - {name: b, secret: {secretName: gone}}
                  - {name: c, projected: {sources: [{configMap: {name: lost}}, {configMap: {name: kube-root-ca.crt}}]}}
                  - {name: d, configMap: {name: may-be, optional: true}}
              pipelineSpec:
                parameters: [{name: p, type: object, default: {container: {configMapRef: {name: value}}}}]
                tasks:
                - name: t
                  container:
                    image: i
                    args: [$(params.p)]
                    env:
                    - {name: A, valueFrom: {secretKeyRef: {name: key, key: k}}}
                    - {name: B, valueFrom: {configMapKeyRef: {name: $(run.name), key: k}}}
                    envFrom: [{configMapRef: {name: there}}, {secretRef: {name: gone}}]
            ---
            {apiVersion: v1, kind: ConfigMap, metadata: {name: there}}
            ---
            {apiVersion: v1, kind: Secret, metadata: {name: key, namespace: default}}
            """
        func missing(_ place: String, _ name: String, _ kind: String) -> String {
            "\(place): Not found: \"\(name)\": the file has no such \(kind), without which the pod does not start"
        }
        let expected = [
            missing("spec.podTemplate.spec.volumes[1].secret.secretName", "gone", "Secret"),
            missing("spec.podTemplate.spec.volumes[2].projected.sources[0].configMap.name", "lost", "ConfigMap"),
            missing("spec.pipelineSpec.tasks[0].container.envFrom[1].secretRef.name", "gone", "Secret"),
        ]
        #expect(Linter.check(file).map { "\($0.path): \($0.message)" } == expected)
        #expect(Linter.check(file).allSatisfy { $0.severity == .warning })
        let final = Linter.check(file, isToCome: false)
        #expect(final.map { "\($0.path): \($0.message)" } == expected)
        #expect(final.allSatisfy { $0.severity == .error })
        // What may never run needs nothing for sure.
        for condition in ["when: params.p.x == 1", "dependsOn: [{task: u, \"on\": Failed}]"] {
            let conditional = file.replacing("- name: t\n", with: "- name: t\n      \(condition)\n")
            let found = Linter.check(conditional, isToCome: false).filter { $0.message.contains("without which") }
            #expect(found.map(\.severity) == [.error, .error, .warning], "\(condition)")
        }
        // A Secret of another namespace is none of the run's.
        let other = file.replacing("{name: x}", with: "{name: x, namespace: team}")
        #expect(Linter.check(other).contains { $0.path.hasSuffix("secretKeyRef.name") })
    }

    @Test func `U7: a byte order mark is passed over, as kubectl does`() {
        let text =
            "\u{FEFF}apiVersion: sluice.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: x}\nspec: {tasks: [{name: a, container: {image: i}}]}\n"
        #expect(Linter.check(text).isEmpty)
    }

    @Test func `A caret stands below the place`() throws {
        let text =
            "apiVersion: sluice.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: x}\nspec: {tasks: [{name: a, need: [b], container: {image: i}}]}\n"
        let diagnostic = try #require(Linter.check(text).first)
        #expect(
            diagnostic.excerpt(of: text) == [
                "  4 | spec: {tasks: [{name: a, need: [b], container: {image: i}}]}",
                "    |                          ^",
            ])
    }

    @Test func `A long line is cut around the place, and a line that is not there gives nothing`() throws {
        let text = String(repeating: "x", count: 500) + "\u{1B}" + String(repeating: "y", count: 500)
        var diagnostic = try #require(Linter.check("").first)
        diagnostic.column = 501
        let lines = diagnostic.excerpt(of: text)
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.count <= 110 && !$0.contains("\u{1B}") })
        // The escape character is a blank, and the caret is below it.
        let place = lines[1].prefix { $0 != "^" }.count
        #expect(Array(lines[0])[place - 1...place + 1] == ["x", " ", "y"])
        diagnostic.line = 7
        #expect(diagnostic.excerpt(of: text).isEmpty)
        diagnostic.line = 1
        #expect(diagnostic.excerpt(of: "").isEmpty)
    }
}
