public import KubernetesModel

/// What a container wrote, out of a log in which each line has its time: a connection may break anywhere and the next one goes on there.
///
/// Asked again from the time of the last line, a server begins with lines that are known. Those of the same microsecond are counted,
/// and of the one under way the bytes, so that nothing is missed or repeated, whatever older files of the log are gone. Keeps the time of
/// one line at most.
public struct TimedLog: Sendable {
    /// The longest time with its blank; what has no blank up to there is text.
    private static let longestHead = 40

    /// The time of the last line that has begun.
    private var last: Timestamp?
    /// How many lines have ended: of that time, and of all.
    private var (ended, endedInAll) = (0, 0)
    /// How many bytes are known of the line under way; nil between lines.
    private var under: Int?
    /// Whether all lines have had times, and later ones no earlier times. Where a clock was put back all lines are counted instead.
    private var isOrdered = true

    /// The beginning of a line whose time has not come whole.
    private var head: [UInt8] = []
    /// How many lines of a new connection are still known, and how many bytes of the one after them; nil once all is new.
    private var known: (lines: Int, bytes: Int?)?
    /// What becomes of the rest of the line that is read.
    private var reading = Reading.head

    private enum Reading {
        case head
        /// Known: passed over.
        case old
        /// Passed over for so many bytes.
        case text(after: Int)
    }

    /// A log of which nothing is known.
    public init() {}

    /// From when on to ask for lines; nil from the beginning.
    public var since: Timestamp? { isOrdered ? last : nil }

    /// What is fed from now on comes over a new connection, from ``since`` on.
    public mutating func reconnect() {
        head = []
        reading = .head
        known = (isOrdered ? ended : endedInAll, under)
    }

    /// What these bytes tell that is new, without times.
    public mutating func feed(_ bytes: [UInt8]) -> [UInt8] {
        var new: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if case .head = reading {
                let byte = rest.removeFirst()
                head.append(byte)
                if byte == 0x20 || byte == 0x0A || head.count > Self.longestHead { begin(&new) }
                continue
            }
            let end = rest.firstIndex(of: 0x0A)
            let text = rest[..<(end.map { $0 + 1 } ?? rest.endIndex)]
            rest = rest[text.endIndex...]
            take(text, isEnd: end != nil, &new)
        }
        return new
    }

    /// What is left when nothing comes any more.
    public mutating func finish() -> [UInt8] {
        var new: [UInt8] = []
        if !head.isEmpty { begin(&new) }
        return new
    }

    /// A line begins: its time is in the head, or it has none.
    private mutating func begin(_ new: inout [UInt8]) {
        let line = head
        head = []
        let time = line.last == 0x20 ? Timestamp(rfc3339: String(decoding: line.dropLast(), as: UTF8.self)) : nil
        reading = place(of: time, &new)
        if case .text(0) = reading {
            if let time {
                if let last, time < last { isOrdered = false }
                if time != last { ended = 0 }
                last = time
            } else {
                isOrdered = false
            }
            under = 0
        }
        if time == nil { take(line[...], isEnd: line.last == 0x0A, &new) }
    }

    /// Whether a line is known, and how much of it.
    private mutating func place(of time: Timestamp?, _ new: inout [UInt8]) -> Reading {
        guard let (lines, bytes) = known else { return .text(after: 0) }
        if isOrdered, let time, let last {
            if time < last { return .old }
            if time > last {
                // The rest of the line under way is gone.
                if bytes != nil { new.append(0x0A) }
                known = nil
                under = nil
                return .text(after: 0)
            }
        }
        if lines > 0 {
            known = (lines - 1, bytes)
            return .old
        }
        known = nil
        return .text(after: bytes ?? 0)
    }

    private mutating func take(_ text: ArraySlice<UInt8>, isEnd: Bool, _ new: inout [UInt8]) {
        if case .text(let skipped) = reading {
            let fresh = text.dropFirst(skipped)
            new += fresh
            reading = .text(after: skipped - (text.count - fresh.count))
            under = (under ?? 0) + fresh.count
            if isEnd {
                under = nil
                ended += 1
                endedInAll += 1
            }
        }
        if isEnd { reading = .head }
    }
}
