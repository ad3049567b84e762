public import JSON
import KubernetesModel

/// Writes JSON values as YAML in one stable form: block style, two spaces a level, fields ordered by name. In a whole
/// object, apiVersion, kind, metadata, spec and status come first, in that order.
public enum YAMLWriter {
    private static let leading = ["apiVersion", "kind", "metadata", "spec", "status"]

    /// One document, with a line feed at its end. ``YAMLReader`` reads a value equal to `value` from it.
    public static func text(_ value: JSONValue) -> String {
        var output = ""
        switch value {
        case .object(let object) where !object.isEmpty:
            let isWhole = object.contains("apiVersion") && object.contains("kind")
            write(object, indentation: 0, isWhole: isWhole, to: &output)
        case .array(let elements) where !elements.isEmpty: write(elements, indentation: 0, to: &output)
        default: output = scalar(value, indentation: 0) + "\n"
        }
        return output
    }

    /// Several documents, separated by `---`.
    public static func text(_ documents: [JSONValue]) -> String { documents.map(text).joined(separator: "---\n") }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

    private static func write(
        _ object: JSONObject, indentation: Int, isWhole: Bool = false, afterDash: Bool = false, to output: inout String
    ) {
        var fields = Array(object)
        if isWhole {
            let first = leading.compactMap { name in object[name].map { (key: name, value: $0) } }
            fields = first + fields.filter { !leading.contains($0.key) }
        }
        for (index, field) in fields.enumerated() {
            if index > 0 || !afterDash { output += spaces(indentation) }
            output += string(field.key, indentation: nil) + ":"
            switch field.value {
            case .object(let inner) where !inner.isEmpty:
                output += "\n"
                write(inner, indentation: indentation + 2, to: &output)
            case .array(let elements) where !elements.isEmpty:
                output += "\n"
                write(elements, indentation: indentation, to: &output)
            default: output += " " + scalar(field.value, indentation: indentation + 2) + "\n"
            }
        }
    }

    private static func write(_ elements: [JSONValue], indentation: Int, to output: inout String) {
        for element in elements {
            output += spaces(indentation) + "-"
            switch element {
            case .object(let object) where !object.isEmpty:
                output += " "
                write(object, indentation: indentation + 2, afterDash: true, to: &output)
            case .array(let inner) where !inner.isEmpty:
                output += "\n"
                write(inner, indentation: indentation + 2, to: &output)
            default: output += " " + scalar(element, indentation: indentation + 2) + "\n"
            }
        }
    }

    private static func scalar(_ value: JSONValue, indentation: Int) -> String {
        switch value {
        case .string(let text): string(text, indentation: indentation)
        case .object: "{}"
        case .array: "[]"
        default: value.text
        }
    }

    /// Writes a string plain where that is safe, as a block if it has several lines (and `indentation` is given),
    /// otherwise quoted.
    private static func string(_ text: String, indentation: Int?) -> String {
        if isPlain(text) { return text }
        if let indentation, indentation > 0, let block = block(text, indentation: indentation) { return block }
        return quoted(text)
    }

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else { return false }
        guard case .value(.string) = PlainScalar.resolve(text) else { return false }
        guard text.utf8.count <= 500, isPlainStart(first), last != " ", last != ":" else { return false }
        var previous: Unicode.Scalar = first
        for scalar in text.unicodeScalars {
            guard scalar.value >= 0x20, scalar.value < 0x7F else { return false }
            if previous == ":", scalar == " " { return false }
            if previous == " ", scalar == "#" { return false }
            previous = scalar
        }
        // `---` and `...` begin and end documents, and `<<` merges. A plain scalar here cannot begin like them.
        return true
    }

    private static func isPlainStart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "/", "_", "(", "$", "^", ";", "\\": true
        default: false
        }
    }

    private static func block(_ text: String, indentation: Int) -> String? {
        guard let first = text.unicodeScalars.first, first != " ", first != "\n", first != "\t",
            text.unicodeScalars.contains("\n"), text.unicodeScalars.allSatisfy(isBlockScalar)
        else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let header: String
        if text.utf8.last == 0x0A {
            lines.removeLast()
            header = lines.last?.isEmpty ?? true ? "|+" : "|"
        } else {
            header = "|-"
        }
        // A last line that contains only white space would be lost.
        guard lines.allSatisfy({ $0.isEmpty || $0.contains { $0 != " " && $0 != "\t" } }) else { return nil }
        return header + lines.map { "\n" + ($0.isEmpty ? "" : spaces(indentation) + $0) }.joined()
    }

    private static func isBlockScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
            0x10000...0x10FFFF:
            true
        default: false
        }
    }

    /// Double quotes with JSON's escapes, and YAML's for characters that JSON does not escape.
    private static func quoted(_ text: String) -> String {
        var result = ""
        for scalar in JSONValue.string(text).text.unicodeScalars {
            if scalar.value < 0x7F || (isBlockScalar(scalar) && scalar.value < 0xFFFE) {
                result.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16)
                let (letter, width) = scalar.value > 0xFFFF ? ("U", 8) : ("u", 4)
                result += "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
            }
        }
        return result
    }
}
