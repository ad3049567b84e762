/// The rules for names (RFC 1123), with the messages of Kubernetes. Functions return the error, nil when the name is
/// valid.
enum NameRules {
    static func isLabel(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last) && bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    static func labelError(_ name: String) -> String? {
        if name.utf8.count > 63 { return "must be no more than 63 characters" }
        guard !isLabel(name) else { return nil }
        return
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
            + " end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
            + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    }

    static func subdomainError(_ name: String) -> String? {
        if name.utf8.count > 253 { return "must be no more than 253 characters" }
        // A part of a subdomain may be longer than a label.
        let isSubdomain = name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.utf8.first, let last = part.utf8.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && part.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
        }
        guard !isSubdomain else { return nil }
        return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
            + " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
            + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    }

    /// The error of a label or annotation key: `prefix/name` or `name`.
    static func qualifiedNameError(_ key: String) -> String? {
        let parts = key.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last else {
            return "a qualified name must consist of a name and an optional prefix separated by '/'"
        }
        if parts.count == 2, let error = subdomainError(String(parts[0])) { return "prefix part \(error)" }
        guard isLabelText(name), !name.isEmpty, name.utf8.count <= 63 else {
            return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
                + " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
                + " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        }
        return nil
    }

    static func labelValueError(_ value: String) -> String? {
        if value.utf8.count > 63 { return "must be no more than 63 bytes" }
        guard !isLabelText(value[...]) else { return nil }
        return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
            + " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
            + " validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    }

    private static func isLabelText(_ text: Substring) -> Bool {
        func isEdge(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || (0x41...0x5A).contains(byte) }
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return isEdge(first) && isEdge(last)
            && text.utf8.allSatisfy { isEdge($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
