import JSON
import KubernetesModel

/// A column of the tables that `kubectl get` prints.
struct TableColumn: Sendable {
    var name: String
    var type = "string"
    var format = ""
    var description = ""
    /// 0 is always shown, 1 only with `-o wide`.
    var priority = 0
    /// Makes the cell for an object at a given time.
    var cell: @Sendable (_ object: JSONValue, _ now: Timestamp) -> JSONValue

    init(
        _ name: String, type: String = "string", format: String = "", priority: Int = 0, description: String = "",
        _ cell: @escaping @Sendable (_ object: JSONValue, _ now: Timestamp) -> JSONValue
    ) {
        self.name = name
        self.type = type
        self.format = format
        self.priority = priority
        self.description = description
        self.cell = cell
    }

    /// A column with the text of the field at a path; `absent` where there is none.
    init(_ name: String, path: String, priority: Int = 0, description: String = "", absent: String = "") {
        let parts = path.split(separator: ".").map(String.init)
        self.init(name, priority: priority, description: description) { object, _ in
            var value: JSONValue? = object
            for part in parts { value = value?[part] }
            guard let value, !value.isNull else { return .string(absent) }
            return .string(value.rendered)
        }
    }

    static let name = TableColumn(
        "Name", format: "name", description: ColumnTexts.name
    ) { object, _ in object["metadata"]?["name"] ?? "" }

    static let age = TableColumn("Age", description: ColumnTexts.creationTimestamp) { object, now in
        .string(HumanDuration.age(since: object["metadata"]?["creationTimestamp"], now: now))
    }

    var definition: JSONValue {
        [
            "name": .string(name), "type": .string(type), "format": .string(format),
            "description": .string(description), "priority": .int(Int64(priority)),
        ]
    }
}

/// Descriptions of the columns that most tables share.
enum ColumnTexts {
    static let name = "The name of the object, unique among the objects of its kind in its namespace."
    static let creationTimestamp = "How long ago the server created the object."
}
