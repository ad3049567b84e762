/// The rules for names (RFC 1123), worded as Kubernetes words them. Each function returns what is wrong with a text, and nil when
/// it is valid.
public enum Names {
    /// The longest DNS label, and the longest name part of a label or its value, in bytes.
    public static let maximumLabelLength = 63
    /// The longest DNS subdomain, in bytes.
    public static let maximumSubdomainLength = 253

    /// Whether a text is a DNS label: at most 63 lower case letters, digits and `-`, with none of these at its ends.
    public static func isLabel(_ text: String) -> Bool { text.utf8.count <= maximumLabelLength && isPart(text[...]) }

    /// What is wrong with a text that has to be a DNS label: names of namespaces, containers, tasks.
    public static func labelProblem(_ text: String) -> String? {
        if text.utf8.count > maximumLabelLength { return tooLong(maximumLabelLength) }
        guard !isPart(text[...]) else { return nil }
        return
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
            + " end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
            + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    }

    /// What is wrong with a text that has to be a DNS subdomain: names of most objects. A part of it may be longer than a label.
    public static func subdomainProblem(_ text: String, maximumLength: Int = maximumSubdomainLength) -> String? {
        if text.utf8.count > maximumLength { return tooLong(maximumLength) }
        guard !text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isPart) else { return nil }
        return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
            + " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
            + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    }

    /// What is wrong with the key of a label or an annotation: `prefix/name` or `name`.
    public static func qualifiedNameProblem(_ key: String) -> String? {
        let parts = key.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last else {
            return "a qualified name must consist of a name and an optional prefix separated by '/'"
        }
        if parts.count == 2, let problem = subdomainProblem(String(parts[0])) { return "prefix part \(problem)" }
        guard isLabelText(name), !name.isEmpty, name.utf8.count <= maximumLabelLength else {
            return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
                + " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
                + " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        }
        return nil
    }

    /// What is wrong with the value of a label.
    public static func labelValueProblem(_ value: String) -> String? {
        if value.utf8.count > maximumLabelLength { return "must be no more than \(maximumLabelLength) bytes" }
        guard !isLabelText(value[...]) else { return nil }
        return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
            + " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
            + " validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    }

    private static func tooLong(_ limit: Int) -> String { "must be no more than \(limit) characters" }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// A label of any length.
    private static func isPart(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
    }

    private static func isLabelText(_ text: Substring) -> Bool {
        func isEdge(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || (0x41...0x5A).contains(byte) }
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return isEdge(first) && isEdge(last)
            && text.utf8.allSatisfy { isEdge($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
