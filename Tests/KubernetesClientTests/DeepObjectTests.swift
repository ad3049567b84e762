import JSON
import KubernetesModel
import Logging
import Testing

@testable import KubernetesClient

/// One object that is nested deeper than is read must not hide the others.
@Suite struct DeepObjectTests {
    private static let type = ResourceType(group: "g", version: "v1", kind: "K", plural: "ks")

    private static func object(_ name: String, depth: Int) -> String {
        let value = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        return #"{"metadata":{"name":"\#(name)","resourceVersion":"7"},"spec":{"p":\#(value)}}"#
    }

    private static func name(_ item: Decoded<DynamicObject>) -> String {
        switch item {
        case .object(let object): object.metadata.name
        case .undecodable(let metadata, _): "not \(metadata.name)"
        }
    }

    @Test(arguments: [508, 509, 513, 9_999, 100_000])
    func `A list with an object nested deep has all others, and the metadata of that one`(depth: Int) throws {
        let items = [Self.object("a", depth: 1), Self.object("deep", depth: depth), Self.object("b", depth: 1)]
        let text = #"{"metadata":{"resourceVersion":"9"},"items":[\#(items.joined(separator: ","))]}"#
        let list = try JSONReader.withReader(Array(text.utf8)) {
            try ObjectList<DynamicObject>(from: &$0, type: Self.type)
        }
        #expect(list.items.map(Self.name) == ["a", depth < 509 ? "deep" : "not deep", "b"])
    }

    @Test(arguments: ["type first", "object first"])
    func `A watch goes on after an object nested deep`(order: String) {
        var decoder = WatchDecoder<DynamicObject>(type: Self.type, logger: Logger(label: "test"))
        var text = ""
        for (name, depth) in [("a", 1), ("deep", 600), ("b", 1)] {
            let object = Self.object(name, depth: depth)
            text +=
                order == "type first"
                ? #"{"type":"ADDED","object":\#(object)}"# + "\n" : #"{"object":\#(object),"type":"ADDED"}"# + "\n"
        }
        let (events, failure) = decoder.feed(Array(text.utf8))
        let names = events.map { event in
            if case .added(let item) = event { Self.name(item) } else { "?" }
        }
        #expect(names == ["a", "not deep", "b"] && failure == nil)
    }
}
