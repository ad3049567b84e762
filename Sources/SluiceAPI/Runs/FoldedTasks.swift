/// Tasks of a large run that have nothing to tell but their phase and reason: written as one entry, so that a run of 10,000 tasks
/// stays small enough to be stored.
public struct FoldedTasks: Sendable, Hashable {
    public var phase: TaskPhase
    public var reason: String
    /// Their paths: `prepare,shard[0-4811,4813-4999],step(1-90),outer[0-9]/train`.
    public var tasks: String

    /// Folded tasks, as they are written.
    public init(phase: TaskPhase, reason: String, tasks: String) {
        self.phase = phase
        self.reason = reason
        self.tasks = tasks
    }

    /// Folds paths: those that differ in one number alone come together. O(length of all, and a sort).
    public init(phase: TaskPhase, reason: String, paths: [String]) {
        self.init(phase: phase, reason: reason, tasks: Self.text(paths))
    }

    /// The statuses of the tasks, as far as they are told. O(tasks). A text that is not what ``init(phase:reason:paths:)`` gives is
    /// read as far as it can be; no more than ``limit`` paths come of it.
    public var statuses: [TaskStatus] {
        Self.paths(tasks).map { path in
            var status = TaskStatus(name: path, phase: phase)
            status.reason = reason
            return status
        }
    }

    /// Most tasks in one entry, and in one status.
    static let limit = 100_000

    // MARK: Writing

    /// A path around the number in which it differs from others.
    private struct Frame: Hashable {
        var prefix: String
        var suffix: String
        /// Whether the number is the index of an item, or the end of a name.
        var isItem: Bool
    }

    private static func split(_ path: String) -> (frame: Frame, number: Int)? {
        let bytes = path.utf8
        if let open = bytes.firstIndex(of: UInt8(ascii: "[")),
            let close = bytes[open...].firstIndex(of: UInt8(ascii: "]")),
            let number = Int(Substring(bytes[bytes.index(after: open)..<close]))
        {
            let frame = Frame(
                prefix: String(path[..<open]), suffix: String(path[path.index(after: close)...]), isItem: true)
            return (frame, number)
        }
        var start = bytes.endIndex
        while start > bytes.startIndex,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[bytes.index(before: start)])
        {
            start = bytes.index(before: start)
        }
        let digits = bytes[start...]
        // A number with zeros before it would not come back as it was.
        guard let first = digits.first, digits.count <= 9, first != UInt8(ascii: "0") || digits.count == 1,
            let number = Int(Substring(digits))
        else { return nil }
        return (Frame(prefix: String(path[..<start]), suffix: "", isItem: false), number)
    }

    private static func text(_ paths: [String]) -> String {
        var frames: [Frame] = []
        var numbers: [Frame: [Int]] = [:]
        var entries: [String] = []
        for path in paths {
            guard let (frame, number) = split(path) else {
                entries.append(path)
                continue
            }
            if numbers[frame] == nil { frames.append(frame) }
            numbers[frame, default: []].append(number)
        }
        for frame in frames {
            let found = numbers[frame] ?? []
            if found.count == 1, !frame.isItem {
                entries.append("\(frame.prefix)\(found[0])")
                continue
            }
            let (open, close) = frame.isItem ? ("[", "]") : ("(", ")")
            entries.append(frame.prefix + open + ranges(found.sorted()) + close + frame.suffix)
        }
        return entries.joined(separator: ",")
    }

    private static func ranges(_ numbers: [Int]) -> String {
        var texts: [String] = []
        var start = 0
        while start < numbers.count {
            var end = start
            while end + 1 < numbers.count, numbers[end + 1] <= numbers[end] + 1 { end += 1 }
            texts.append(numbers[end] > numbers[start] ? "\(numbers[start])-\(numbers[end])" : "\(numbers[start])")
            start = end + 1
        }
        return texts.joined(separator: ",")
    }

    // MARK: Reading

    private static func paths(_ text: String) -> [String] {
        var paths: [String] = []
        for entry in entries(text) {
            // The first bracket is that of the numbers; later ones are part of the path.
            guard let open = entry.firstIndex(where: { $0 == "[" || $0 == "(" }),
                let close = entry[open...].firstIndex(where: { $0 == "]" || $0 == ")" })
            else {
                if !entry.isEmpty { paths.append(String(entry)) }
                continue
            }
            let isItem = entry[open] == "["
            let prefix = entry[..<open]
            let suffix = entry[entry.index(after: close)...]
            for range in entry[entry.index(after: open)..<close].split(separator: ",") {
                let ends = range.split(separator: "-", maxSplits: 1)
                guard let first = ends.first.flatMap({ Int($0) }), let last = ends.last.flatMap({ Int($0) }),
                    first >= 0, first <= last, last - first < limit - paths.count
                else { continue }
                for number in first...last {
                    paths.append(isItem ? "\(prefix)[\(number)]\(suffix)" : "\(prefix)\(number)")
                }
            }
        }
        return paths
    }

    /// The parts between the commas that are outside of brackets.
    private static func entries(_ text: String) -> [Substring] {
        var entries: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "[", "(": depth += 1
            case "]", ")": depth = max(0, depth - 1)
            case "," where depth == 0:
                entries.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        entries.append(text[start...])
        return entries
    }
}

extension PipelineRunStatus {
    /// All tasks of which the status tells, those that are folded after the others. O(tasks).
    public var allTasks: [TaskStatus] {
        var all = tasks
        for entry in folded where all.count < FoldedTasks.limit { all += entry.statuses }
        return all
    }
}
