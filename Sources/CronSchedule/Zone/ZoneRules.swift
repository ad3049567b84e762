public import KubernetesModel

/// One time zone of the IANA database: how its clocks go, for ever.
///
/// It is made of the bytes of a TZif file (RFC 9636): a table of past changes, and a rule for the years after it.
public struct ZoneRules: Sendable, Hashable {
    /// A time during which the clocks of a zone go on without a change.
    struct Segment: Sendable, Hashable {
        /// Its first second.
        var start: Int64
        /// The first second of the next one.
        var end: Int64
        /// Seconds east of UTC.
        var offset: Int64
        /// The latest local time that any clock of the zone has shown before; local times below it are repeated here.
        var high: Int64
    }

    /// Long before and after any time that can be written, and far enough from the ends of the integers to add to.
    static let farPast = Int64.min / 4
    static let farFuture = Int64.max / 4

    /// The name, as the tz database writes it.
    public let name: String

    /// The seconds at which the offset changes, ascending.
    let changes: [Int64]
    /// The offsets before the first change, and after each.
    let offsets: [Int64]
    /// ``Segment/high`` of each.
    private let highs: [Int64]
    /// How clocks go after the last change; nil where they stay.
    let footer: ZoneFooter?

    /// The least and the greatest offset there ever is.
    let leastOffset: Int64
    let greatestOffset: Int64

    /// Coordinated Universal Time.
    public static let utc = ZoneRules(name: "UTC", changes: [], offsets: [0], footer: nil)

    /// Reads a zone from the bytes of its TZif file.
    public init(name: String, tzif: [UInt8]) throws(ZoneError) {
        if let problem = Self.nameProblem(name) { throw ZoneError(message: problem) }
        do {
            var reader = TZifReader(tzif)
            self = try reader.read(name: name)
        } catch {
            throw ZoneError(message: "the data of the time zone \(name) is damaged: \(error.message)")
        }
    }

    /// `offsets` has one element more than `changes`.
    init(name: String, changes: [Int64], offsets: [Int64], footer: ZoneFooter?) {
        self.name = name
        // Changes of the name or of the daylight-saving flag alone are none.
        var keptChanges: [Int64] = []
        var keptOffsets = [offsets.first ?? 0]
        for (change, offset) in zip(changes, offsets.dropFirst()) where offset != keptOffsets.last {
            keptChanges.append(change)
            keptOffsets.append(offset)
        }
        // The footer begins at the end of the whole table.
        if footer != nil, let last = changes.last, keptChanges.last != last {
            keptChanges.append(last)
            keptOffsets.append(offsets.last ?? 0)
        }
        var highs = [Self.farPast]
        for (change, offset) in zip(keptChanges, keptOffsets) {
            highs.append(max(highs.last ?? Self.farPast, change + offset))
        }
        self.changes = keptChanges
        self.offsets = keptOffsets
        self.highs = highs
        self.footer = footer
        let all = keptOffsets + (footer?.offsets ?? [])
        leastOffset = all.min() ?? 0
        greatestOffset = all.max() ?? 0
    }

    /// Seconds east of UTC at an instant.
    public func offset(at instant: Timestamp) -> Int64 { segment(at: instant.seconds).offset }

    /// The instant on the clock of this zone, in RFC 3339 with its offset: `2026-03-29T03:00:00+02:00`. (An offset of old
    /// times that has seconds is written with them.)
    public func rfc3339(_ instant: Timestamp) -> String {
        let offset = offset(at: instant)
        let second = min(max(instant.seconds + offset, CronRule.earliest), CronRule.latest)
        let local = Timestamp(seconds: second).rfc3339.dropLast()
        if offset == 0, name == "UTC" { return local + "Z" }
        func pad(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let size = abs(offset)
        let seconds = size % 60 == 0 ? "" : ":" + pad(size % 60)
        return "\(local)\(offset < 0 ? "-" : "+")\(pad(size / 3600)):\(pad(size / 60 % 60))\(seconds)"
    }

    /// The name of the day of the week at an instant, on the clock of this zone: `Sunday`.
    public func weekday(_ instant: Timestamp) -> String {
        let day = (instant.seconds + offset(at: instant)).floorDivided(by: 86_400) + 4
        return CronNames.fullWeekdays[Int(day - day.floorDivided(by: 7) * 7)]
    }

    /// The segment of a second.
    func segment(at second: Int64) -> Segment {
        // How many changes there have been.
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        let start = low == 0 ? Self.farPast : changes[low - 1]
        if low == changes.count, let footer { return footer.segment(at: second, start: start, high: highs[low]) }
        return Segment(
            start: start, end: low == changes.count ? Self.farFuture : changes[low], offset: offsets[low],
            high: highs[low])
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(changes.count)
    }
}
