import JSON
import Yams

/// Reads YAML as kubectl does (sigs.k8s.io/yaml with YAML 1.1 scalars), with the position of every value.
public enum YAMLReader {
    /// The default limit for the size of a text, in bytes: more than the API server accepts (3 MiB), and small enough
    /// that several copies fit in memory.
    public static let maximumSize = 8 << 20

    /// Returns the documents of a text, without empty ones. JSON is YAML too.
    ///
    /// Throws ``YAMLError`` for a syntax error, a repeated key, a key that is not a scalar, an infinity, a custom tag,
    /// nesting deeper than ``JSONReader/maximumDepth``, aliases that multiply the size of the text, and more than
    /// `maximumSize` bytes.
    public static func parse(
        _ text: String, file: String? = nil, maximumSize: Int = maximumSize
    ) throws -> [YAMLDocument] {
        guard text.utf8.count <= maximumSize else {
            throw YAMLError(
                file: file, line: 1, column: 1,
                message: "the text has \(text.utf8.count) bytes, at most \(maximumSize) are read")
        }
        // kubectl takes a byte order mark, which some editors write.
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        try AliasKeys.refuse(in: text, file: file)
        var documents: [YAMLDocument] = []
        var source = text
        source.makeContiguousUTF8()
        do {
            // `.basic` does not interpret scalars: that is done here, by other rules than Yams'.
            let parser = try Parser(yaml: source, resolver: .basic, encoding: .utf8)
            while let root = try parser.nextRoot() {
                var builder = TreeBuilder(file: file, budget: text.utf8.count + 100_000)
                let (value, places) = try builder.build(root)
                if !value.isNull { documents.append(YAMLDocument(value: value, file: file, places: places)) }
            }
        } catch let error as YamlError {
            throw YAMLError(error, file: file, text: text)
        }
        return documents
    }

    /// Returns the documents of a text in bytes. Throws ``YAMLError`` as the method above does, and when they are not
    /// UTF-8.
    public static func parse(
        bytes: [UInt8], file: String? = nil, maximumSize: Int = maximumSize
    ) throws -> [YAMLDocument] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let line = bytes.prefix { $0 < 0x80 }.count { $0 == 0x0A } + 1
            throw YAMLError(file: file, line: line, column: 1, message: "the text is not UTF-8 from this line on")
        }
        return try parse(text, file: file, maximumSize: maximumSize)
    }
}

extension YAMLError {
    init(_ error: YamlError, file: String?, text: String) {
        var place: Mark?
        var message: String
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            place = mark
            message = Self.plain(problem, at: mark, in: text)
        case .reader(let problem, let offset, _, _):
            message = problem == "control characters are not allowed" ? "a control character is not allowed" : problem
            let before = text.unicodeScalars.prefix(offset ?? 0)
            let lines = before.count { $0 == "\n" }
            let column = before.reversed().prefix { $0 != "\n" }.count
            self.init(file: file, line: lines + 1, column: column + 1, message: message)
            return
        case .duplicatedKeysInMapping(let duplicates, let context):
            place = context.mark
            let key = JSONValue.string(String((duplicates.first ?? "").prefix(64))).text
            message = "the key \(key) is given twice in one mapping"
        case .memory: message = "the text needs more memory than there is"
        default: message = "the text is not YAML"
        }
        // libyaml counts from 0 in some places, and puts the end of a text without a final line feed on an extra line.
        var line = max(place?.line ?? 1, 1)
        var column = max(place?.column ?? 1, 1)
        let lines = text.utf8.count { $0 == 0x0A } + 1
        if line > lines {
            line = lines
            column = text.unicodeScalars.reversed().prefix { $0 != "\n" }.count + 1
        }
        self.init(file: file, line: line, column: column, message: message)
    }

    /// libyaml's messages, reworded where people meet them often.
    private static func plain(_ problem: String, at mark: Mark, in text: String) -> String {
        if problem.hasPrefix("found character that cannot start any token") {
            return isTab(at: mark, in: text)
                ? "a tab cannot indent YAML, use spaces" : "a character that cannot begin a value; quote the text"
        }
        if problem.hasPrefix("Maximum nesting level") { return "nested too deep" }
        switch problem {
        case "did not find expected <document start>":
            return "this does not belong to the document above: check the indentation, or divide documents by ---"
        case "mapping values are not allowed in this context":
            return "a mapping is not allowed here: check the indentation, or quote the text if \": \" is part of it"
        case "did not find expected key": return "expected a key: check the indentation and the quotes before"
        case "could not find expected ':'": return "expected \":\" after the key"
        case "did not find expected '-' indicator": return "expected \"-\" for the next element: check the indentation"
        case "did not find expected ',' or ']'": return "expected \",\" or \"]\""
        case "did not find expected ',' or '}'": return "expected \",\" or \"}\""
        case "found unexpected end of stream": return "the text ends inside of a quoted string"
        case "found undefined alias": return "an alias of an anchor that is not defined before"
        default: return problem
        }
    }

    private static func isTab(at mark: Mark, in text: String) -> Bool {
        let lines = text.split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
        guard mark.line >= 1, lines.count >= mark.line else { return false }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first == "\t"
    }
}

/// Refuses keys that are aliases. Yams hashes every key completely, so a key that is an alias of an alias of an alias
/// could take exponential time before this module sees it. Real manifests have no such keys.
private enum AliasKeys {
    /// The number of aliases that cannot take noticeable time.
    private static let harmless = 16

    static func refuse(in text: String, file: String?) throws {
        var text = text
        text.withUTF8 { _ in }
        guard text.utf8.contains(UInt8(ascii: "*")), text.utf8.contains(UInt8(ascii: "&")) else { return }
        var aliases = 0
        var firstKey: Int?
        for (number, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            var index = line.startIndex
            while index < line.endIndex {
                defer { index = line.index(after: index) }
                guard line[index] == UInt8(ascii: "*"), isStart(line, index) else { continue }
                aliases += 1
                var end = line[index...].firstIndex { isEnd($0) } ?? line.endIndex
                // The name of an anchor may contain colons.
                if end > index, line[line.index(before: end)] == UInt8(ascii: ":") { end = line.index(before: end) }
                let rest = line[end...].drop { $0 == 0x20 || $0 == 0x09 }
                let before = line[..<index].reversed().drop { $0 == 0x20 || $0 == 0x09 }
                if rest.first == UInt8(ascii: ":") || before.first == UInt8(ascii: "?") {
                    firstKey = firstKey ?? number
                }
            }
        }
        // A key may also be alone on the line after a question mark.
        if firstKey == nil, text.utf8.contains(UInt8(ascii: "?")), hasBareQuestionMark(text) { firstKey = 0 }
        guard let firstKey, aliases > harmless else { return }
        throw YAMLError(
            file: file, line: firstKey + 1, column: 1, message: "an alias cannot be a key in a text of many aliases")
    }

    private static func isStart(_ line: Substring.UTF8View, _ index: Substring.UTF8View.Index) -> Bool {
        guard index > line.startIndex else { return true }
        return [0x20, 0x09, 0x2C, 0x5B, 0x7B, 0x3F, 0x3A].contains(line[line.index(before: index)])
    }

    private static func isEnd(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D, 0x2C, 0x5D, 0x7D].contains(byte) }

    private static func hasBareQuestionMark(_ text: String) -> Bool {
        text.utf8.split(separator: 0x0A).contains { line in
            let trimmed = line.drop { $0 == 0x20 || $0 == 0x2D }
            return trimmed.first == UInt8(ascii: "?")
                && trimmed.dropFirst().allSatisfy { [0x20, 0x09, 0x0D].contains($0) }
        }
    }
}
