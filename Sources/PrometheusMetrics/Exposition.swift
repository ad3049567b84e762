/// The text of a scrape, in version 0.0.4 of Prometheus' format.
struct Exposition {
    /// One line: what is added to the metric's name, the labels, the value.
    struct Line {
        var suffix = ""
        var labels: [MetricLabel]
        var value: Double
    }

    struct Family {
        var kind: String
        var help: String?
        /// The lines of each series, by its labels.
        var series: [[MetricLabel]: [Line]] = [:]
    }

    private var families: [String: Family] = [:]

    /// Adds the lines of one series. What is known already under its name and its labels stays; so does a metric's kind.
    mutating func add(_ name: String, kind: String, help: String?, labels: [MetricLabel], lines: [Line]) {
        var family = families[name] ?? Family(kind: kind, help: help)
        guard family.kind == kind, family.series[labels] == nil else { return }
        family.series[labels] = lines
        families[name] = family
    }

    /// Metrics by name, their series by labels.
    var text: String {
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            if let help = family.help { text += "# HELP \(name) \(Self.escape(help, quotes: false))\n" }
            text += "# TYPE \(name) \(family.kind)\n"
            let series = family.series.sorted { left, right in
                left.key.lexicographicallyPrecedes(right.key) { ($0.name, $0.value) < ($1.name, $1.value) }
            }
            for (_, lines) in series {
                for line in lines {
                    text += name + line.suffix + Self.text(of: line.labels) + " " + Self.text(of: line.value) + "\n"
                }
            }
        }
        return text
    }

    private static func text(of labels: [MetricLabel]) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    /// As Prometheus reads numbers; whole ones without a fraction.
    static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude < 0x1p53, let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The name with an underscore for whatever may not be in it.
    static func name(_ text: String, allowsColon: Bool = true) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
            case "0"..."9":
                if result.isEmpty { result = "_" }
                result.unicodeScalars.append(scalar)
            case ":" where allowsColon: result += ":"
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }
}
