import Synchronization

/// How many requests were answered, by what they asked for and with which code: `apiserver_request_total` of `/metrics`, with the name,
/// the verbs and the labels of kube-apiserver. A watch counts when it begins.
final class RequestCounts: Sendable {
    private struct Key: Hashable {
        var verb: String
        var group = ""
        var version = ""
        var resource = ""
        var subresource = ""
        var code: Int
    }

    private let counts = Mutex<[Key: Int]>([:])

    /// Counts a request to the API; others (discovery, health) are not counted.
    func count(_ request: InboundRequest, code: Int) {
        guard case .resource(let path) = APIPath(request.path) else { return }
        let verb =
            switch (request.method, path.name) {
            case ("GET", _) where request.flag("watch"): "WATCH"
            case ("GET", nil): "LIST"
            case ("DELETE", nil): "DELETECOLLECTION"
            default: request.method
            }
        let key = Key(
            verb: verb, group: path.group, version: path.version, resource: path.resource,
            subresource: path.subresource ?? "", code: code)
        // What does not exist is named by strangers, without bound.
        counts.withLock { counts in
            if counts.count < 5_000 || counts[key] != nil { counts[key, default: 0] += 1 }
        }
    }

    /// The text format of Prometheus.
    var text: String {
        let lines = counts.withLock { counts in
            counts.map { key, count in
                let labels = [
                    ("code", "\(key.code)"), ("group", key.group), ("resource", key.resource),
                    ("subresource", key.subresource), ("verb", key.verb), ("version", key.version),
                ]
                let text = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
                return "apiserver_request_total{\(text)} \(count)\n"
            }
        }
        return "# HELP apiserver_request_total Requests by verb, resource and HTTP code.\n"
            + "# TYPE apiserver_request_total counter\n" + lines.sorted().joined()
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
