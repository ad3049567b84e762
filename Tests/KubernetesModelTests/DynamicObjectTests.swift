import JSON
import KubernetesModel
import Testing

@Suite struct DynamicObjectTests {
    private static let text = #"""
        {"apiVersion":"v1","kind":"K","metadata":{"annotations":{"x":"1"},"finalizers":["f"],"generation":2,
        "labels":{"b":"c"},"managedFields":[{"manager":"m"}],"name":"n",
        "ownerReferences":[{"apiVersion":"v1","kind":"O","name":"o","uid":"u","extra":true}],"selfLink":"/x"},
        "spec":{"a":1}}
        """#

    @Test func `What is set in the metadata is in the tree that is sent`() throws {
        var object = try DynamicObject(JSONValue(parsing: Self.text))
        let before = object
        object.metadata = object.metadata
        #expect(object == before)
        object.metadata.labels["a"] = "b"
        object.metadata.finalizers.append("g")
        object.metadata.annotations = [:]
        #expect(object.json[path: "metadata", "labels"] == ["a": "b", "b": "c"])
        #expect(object.json[path: "metadata", "finalizers"] == ["f", "g"])
        #expect(object.json[path: "metadata", "annotations"] == nil)
        // What was not touched stays as it came, with fields that nobody here reads.
        for key in ["managedFields", "selfLink", "ownerReferences", "generation", "name"] {
            #expect(object.json[path: "metadata", key] == before.json[path: "metadata", key], "\(key)")
        }
        #expect(object.json["spec"] == ["a": 1])
        #expect(try DynamicObject(object.json) == object)
    }

    @Test func `What is set in the tree is in the metadata`() throws {
        var object = try DynamicObject(JSONValue(parsing: Self.text))
        object.json["metadata"]?["labels"] = ["z": "y"]
        #expect(object.metadata.labels == ["z": "y"] && object.metadata.name == "n")
        object.json["metadata"] = "junk"
        #expect(object.metadata.name == "n")
        object.json["metadata"] = nil
        #expect(object.metadata == ObjectMeta())
        object.metadata.name = "m"
        #expect(object.json["metadata"] == ["name": "m"])
    }
}
