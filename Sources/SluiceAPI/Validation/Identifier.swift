import KubernetesModel

/// The names of parameters and results: what a reference can hold.
enum Identifier {
    static let maximumLength = 63

    /// What is wrong with a text that has to be the name of a parameter or a result; nil when it is valid.
    static func problem(_ text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= maximumLength else {
            return "must have 1 to \(maximumLength) characters"
        }
        let isFine = text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
        return isFine ? nil : "must consist of letters, digits, _ and -"
    }
}

extension Names {
    /// ``labelProblem(_:)`` in a short sentence, for lint.
    static func plainLabelProblem(_ text: String) -> String? {
        guard labelProblem(text) != nil else { return nil }
        guard text.utf8.count <= maximumLabelLength else {
            return "must be no more than \(maximumLabelLength) characters"
        }
        return "must consist of lower case letters, digits and -, and begin and end with a letter or digit"
    }

    /// ``subdomainProblem(_:maximumLength:)`` in a short sentence, for lint.
    static func plainSubdomainProblem(_ text: String, maximumLength: Int = maximumSubdomainLength) -> String? {
        guard subdomainProblem(text, maximumLength: maximumLength) != nil else { return nil }
        guard text.utf8.count <= maximumLength else { return "must be no more than \(maximumLength) characters" }
        return "must consist of lower case letters, digits, - and ., and begin and end with a letter or digit"
    }
}
