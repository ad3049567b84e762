public import JSON

/// Durations as text for people.
public enum HumanDuration {
    /// A duration as kubectl prints ages (apimachinery's `duration.HumanDuration`), with a second unit while the first
    /// is small: "95s", "2m30s", "3h"; `<invalid>` when it is negative by more than a second.
    public static func age(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if seconds < -1 { return "<invalid>" }
        if seconds < 0 { return "0s" }
        if seconds < 120 { return "\(seconds)s" }
        let minutes = seconds / 60
        if minutes < 10 { return join(minutes, "m", seconds % 60, "s") }
        if minutes < 180 { return "\(minutes)m" }
        let hours = minutes / 60
        if hours < 8 { return join(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        let days = hours / 24
        if hours < 192 { return join(days, "d", hours % 24, "h") }
        if days < 365 * 2 { return "\(days)d" }
        let years = days / 365
        return years < 8 ? join(years, "y", days % 365, "d") : "\(years)y"
    }

    private static func join(_ large: Int64, _ unit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large)\(unit)" : "\(large)\(unit)\(small)\(smallUnit)"
    }

    /// How long ago a time was; `<unknown>` when it is absent or malformed.
    public static func age(since time: JSONValue?, now: Timestamp) -> String {
        guard let text = time?.string, let then = Timestamp(rfc3339: text) else { return "<unknown>" }
        return age(now - then)
    }

    /// How long something took, with a tenth of a second while it is short: "1.3s", "2m05s", "1h02m".
    public static func elapsed(_ duration: Duration) -> String {
        let tenths = duration.microseconds / 100_000
        if tenths < 600 { return "\(tenths / 10).\(tenths % 10)s" }
        let seconds = tenths / 10
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
        return "\(seconds / 3600)h\(two(seconds / 60 % 60))m"
    }
}
