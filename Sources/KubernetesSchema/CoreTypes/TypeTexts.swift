/// What the structs of ``TypeTable`` and their fields are, in words, for `kubectl explain`.
public struct TypeTexts: Sendable {
    /// The texts by the name of a struct, or of a struct and a field: `Pod`, `Pod.spec`.
    public private(set) var texts: [String: String] = [:]
    /// What is wrong with the texts, in words.
    public private(set) var problems: [String] = []

    /// The texts of the built-in kinds.
    public static let kubernetes = TypeTexts(pods + "\n" + objects)

    /// Reads a text with a line for each struct and each field: `Name: What it is.`, and `  field: What it is.` for the
    /// fields of the struct above. `  +Name` stands for the fields of a struct that was before.
    public init(_ text: String) {
        var type = ""
        for line in text.split(separator: "\n") {
            let isField = line.first == " "
            let words = line.drop { $0 == " " }
            if isField, words.first == "+" {
                let prefix = words.dropFirst() + "."
                for (name, text) in texts where name.hasPrefix(prefix) {
                    add(type + "." + name.dropFirst(prefix.count), text)
                }
                continue
            }
            guard let colon = words.firstIndex(of: ":") else {
                problems.append("expected a name and a text, not \(words)")
                continue
            }
            let name = String(words[..<colon])
            if !isField { type = name }
            add(isField ? "\(type).\(name)" : name, String(words[colon...].dropFirst(2)))
        }
    }

    private mutating func add(_ name: String, _ text: String) {
        if texts.updateValue(text, forKey: name) != nil { problems.append("\(name) is there twice") }
    }

    /// What a struct is; nil when it has no text.
    public func text(of type: String) -> String? { texts[type] }

    /// What a field of a struct is; nil when it has no text.
    public func text(of type: String, field: String) -> String? { texts["\(type).\(field)"] }
}
