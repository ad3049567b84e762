import JSON
import KubernetesSchema
import Testing

struct StrategicMergeTests {
    private func merged(
        _ target: String, _ patch: String, _ type: String = "PodSpec", by merge: StrategicMerge = StrategicMerge()
    ) throws -> String {
        try merge.apply(JSONValue(parsing: patch), to: JSONValue(parsing: target), TypeTable.Shape.type(type)).text
    }

    @Test(arguments: [
        // Objects, values and null.
        (#"{"hostname":"a","priority":1}"#, #"{"hostname":null,"priority":2}"#, #"{"priority":2}"#),
        (
            #"{"nodeSelector":{"a":"1"}}"#, #"{"nodeSelector":{"b":"2"}}"#, #"{"nodeSelector":{"a":"1","b":"2"}}"#
        ),
        (#"{"unknown":{"a":[1]}}"#, #"{"unknown":{"a":[2],"b":1}}"#, #"{"unknown":{"a":[2],"b":1}}"#),
        // Lists by their key, new elements first.
        (
            #"{"volumes":[{"name":"a","emptyDir":{}},{"name":"b"}]}"#,
            #"{"volumes":[{"name":"c"},{"name":"b","hostPath":{"path":"/"}}]}"#,
            #"{"volumes":[{"name":"c"},{"emptyDir":{},"name":"a"},{"hostPath":{"path":"/"},"name":"b"}]}"#
        ),
        // By the patch merge key alone, but elements of one patch are kept apart in a list that is not there.
        (
            #"{"containers":[{"name":"a","ports":[{"containerPort":53,"protocol":"TCP"}]}]}"#,
            #"{"containers":[{"name":"a","ports":[{"containerPort":53,"protocol":"UDP"}]}]}"#,
            #"{"containers":[{"name":"a","ports":[{"containerPort":53,"protocol":"UDP"}]}]}"#
        ),
        (
            #"{"containers":[{"name":"a"}]}"#,
            #"{"containers":[{"name":"a","ports":[{"containerPort":5,"name":"a"},{"containerPort":5,"name":"b"}]}]}"#,
            #"{"containers":[{"name":"a","ports":[{"containerPort":5,"name":"a"},{"containerPort":5,"name":"b"}]}]}"#
        ),
        // Lists without a key are replaced, and so are list maps without a patch merge key.
        (#"{"tolerations":[{"key":"a"}]}"#, #"{"tolerations":[{"key":"b"}]}"#, #"{"tolerations":[{"key":"b"}]}"#),
        (
            #"{"resources":{"claims":[{"name":"a"}]}}"#, #"{"resources":{"claims":[{"name":"b"}]}}"#,
            #"{"resources":{"claims":[{"name":"b"}]}}"#
        ),
        // Directives.
        (#"{"volumes":[{"name":"a"}]}"#, #"{"volumes":[{"$patch":"delete","name":"a"}]}"#, #"{"volumes":[]}"#),
        (#"{"hostname":"a"}"#, #"{"volumes":[{"$patch":"delete","name":"a"}]}"#, #"{"hostname":"a","volumes":[]}"#),
        (
            #"{"volumes":[{"name":"a"}]}"#, #"{"volumes":[{"$patch":"replace"},{"name":"b"}]}"#,
            #"{"volumes":[{"name":"b"}]}"#
        ),
        (#"{"hostname":"a"}"#, #"{"$patch":"replace","subdomain":"b"}"#, #"{"subdomain":"b"}"#),
        (#"{"hostname":"a"}"#, #"{"$patch":"delete"}"#, "null"),
        (
            #"{"volumes":[{"name":"a"},{"name":"b"}]}"#,
            #"{"$setElementOrder/volumes":[{"name":"b"},{"name":"c"},{"name":"a"}],"volumes":[{"name":"c"}]}"#,
            #"{"volumes":[{"name":"b"},{"name":"c"},{"name":"a"}]}"#
        ),
    ])
    func `A strategic merge patch does what Kubernetes does`(_ target: String, _ patch: String, _ expected: String)
        throws
    {
        #expect(try merged(target, patch) == expected)
    }

    @Test(arguments: [
        ("[]", "a strategic merge patch must be an object"),
        (#"{"$patch":"x"}"#, "Unknown patch type found: x"),
        (#"{"volumes":[{"x":1}]}"#, #"map: {"x":1} does not contain declared merge key: name"#),
        (#"{"volumes":[1]}"#, "map: 1 does not contain declared merge key: name"),
    ])
    func `A malformed patch is an error in the API server's words`(_ patch: String, _ message: String) {
        let error = #expect(throws: StrategicMergeError.self) { try merged(#"{"volumes":[{"name":"a"}]}"#, patch) }
        #expect(error?.description == message)
    }

    @Test func `A list can be joined instead, with fields that may be missing, and new elements go last`() throws {
        let merge = StrategicMerge(
            changing: ["tolerations": .join(keys: ["key", "effect"])], puttingNewElementsLast: true)
        #expect(
            try merged(
                #"{"tolerations":[{"key":"a"},{"effect":"NoExecute","key":"a"}],"volumes":[{"name":"a"}]}"#,
                #"{"tolerations":[{"key":"b"},{"key":"a","operator":"Exists"}],"volumes":[{"name":"b"},{"name":"a"}]}"#,
                by: merge)
                == #"{"tolerations":[{"key":"a","operator":"Exists"},{"effect":"NoExecute","key":"a"},{"key":"b"}],"#
                + #""volumes":[{"name":"a"},{"name":"b"}]}"#
        )
    }
}
