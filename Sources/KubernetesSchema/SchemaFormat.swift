import KubernetesModel

/// The values of `format` for strings that the API server checks. An unlisted format accepts every string, as on the
/// server. The server also checks a few formats that are not in use (isbn, creditcard, ssn, colours, bsonobjectid);
/// here these accept every string too.
enum SchemaFormat {
    static func accepts(_ string: String, format: String) -> Bool {
        switch format {
        case "date-time", "datetime": Timestamp(rfc3339: string) != nil
        case "date": string.utf8.count == 10 && Timestamp(rfc3339: "\(string)T00:00:00Z") != nil
        case "duration": Duration(goText: string) != nil || isWordedDuration(string)
        case "byte": isBase64(string)
        case "ipv4": isIPv4(string)
        case "ipv6": isIPv6(string)
        case "cidr": isCIDR(string)
        case "mac": matches(string, "^([0-9A-Fa-f]{2}[:-]){5}([0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-])?[0-9A-Fa-f]{2}$")
        case "uuid": matches(string, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
        case "uuid3": matches(string, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
        case "uuid4": matches(string, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$")
        case "uuid5": matches(string, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$")
        case "email": matches(string, "^[^@\\s]+@[^@\\s]+$")
        case "uri": matches(string, "^([A-Za-z][A-Za-z0-9+.-]*:\\S+|/\\S*)$")
        case "hostname": string.utf8.count <= 255 && matches(string, "^([A-Za-z0-9_]([A-Za-z0-9_-]{0,62})\\.?)+$")
        case "k8s-short-name": string.utf8.count <= 63 && matches(string, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        case "k8s-long-name":
            string.utf8.count <= 253
                && matches(string, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
        default: true
        }
    }

    private static func matches(_ string: String, _ pattern: String) -> Bool {
        // Only the patterns above come here, and the tests check that they compile.
        (try? Pattern(pattern))?.matches(string) ?? true
    }

    /// `1 day`, `2 hours 30 min`: numbers with the words of Scala's durations, which the server accepts besides Go's.
    private static func isWordedDuration(_ string: String) -> Bool {
        matches(
            string,
            "(?i)[0-9]+\\s*((ns|us|µs|ms|s|m|h|hr|d|w|wk)([^a-zµ]|$)|nano|micro|milli|sec|min|hour|day|week)")
    }

    private static func isBase64(_ string: String) -> Bool {
        string.utf8.count % 4 == 0 && matches(string, "^[A-Za-z0-9+/]*={0,2}$")
    }

    private static func isIPv4(_ string: String) -> Bool {
        let parts = string.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (48...57).contains($0) } && (part.count == 1 || part.first != "0")
                    && UInt8(part) != nil
            }
    }

    private static func isIPv6(_ string: String) -> Bool {
        var text = string
        if let colon = text.lastIndex(of: ":"), text[colon...].contains(".") {
            // The dotted end takes the place of two groups.
            guard isIPv4(String(text[text.index(after: colon)...])) else { return false }
            text = text[...colon] + "0:0"
        }
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return false }
        var groups = 0
        for half in halves where !half.isEmpty {
            for group in half.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(group.utf8.count), UInt16(group, radix: 16) != nil, group.first != "+" else {
                    return false
                }
                groups += 1
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }

    private static func isCIDR(_ string: String) -> Bool {
        guard let slash = string.firstIndex(of: "/"), let length = Int(string[string.index(after: slash)...]) else {
            return false
        }
        let address = String(string[..<slash])
        return isIPv4(address) ? (0...32).contains(length) : isIPv6(address) && (0...128).contains(length)
    }
}
