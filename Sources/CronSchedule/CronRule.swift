public import KubernetesModel

/// An expression in a zone: the instants at which it fires, whole seconds of the years 0000 to 9999.
///
/// Where minute and hour are both fixed, each local time that matches fires once: the first time that the clock of the zone
/// shows it or, where a change skips it, at the first instant after the gap. Where either begins with `*` it fires in every
/// real minute whose local fields match. See CronSchedule.md for how the instants are found.
public struct CronRule: Sendable, Hashable {
    /// The expression.
    public let expression: CronExpression
    /// The zone of its fields.
    public let zone: ZoneRules
    /// Where `@every` counts from; without meaning for the others.
    public let anchor: Timestamp

    /// Creates a rule. `@every d` fires at `anchor` + k d, k >= 1, with whole seconds of the anchor.
    public init(_ expression: CronExpression, zone: ZoneRules, anchor: Timestamp) {
        self.expression = expression
        self.zone = zone
        self.anchor = anchor
    }

    /// The first and the last second that can be written in RFC 3339.
    static let earliest: Int64 = -62_167_219_200
    static let latest: Int64 = 253_402_300_799

    /// The first instant strictly after that one; nil when it never fires again.
    public func next(after instant: Timestamp) -> Timestamp? {
        let second = max(instant.seconds + 1, Self.earliest)
        guard second <= Self.latest else { return nil }
        let found: Int64?
        switch expression.plan {
        case .every(let interval): found = next(from: second, every: interval)
        case .fields(let fields): found = next(from: second, fields)
        }
        return found.flatMap { $0 <= Self.latest ? Timestamp(seconds: $0) : nil }
    }

    /// The last instant strictly before that one; nil where there is none.
    public func previous(before instant: Timestamp) -> Timestamp? {
        let isWhole = instant.microseconds % 1_000_000 == 0
        let second = min(isWhole ? instant.seconds - 1 : instant.seconds, Self.latest)
        guard second >= Self.earliest else { return nil }
        let found: Int64?
        switch expression.plan {
        case .every(let interval): found = previous(upTo: second, every: interval)
        case .fields(let fields): found = previous(upTo: second, fields)
        }
        return found.flatMap { $0 >= Self.earliest ? Timestamp(seconds: $0) : nil }
    }

    /// How many instants there are after one and up to another, exactly; `limit` where there are as many or more.
    public func count(after: Timestamp, through: Timestamp, limit: Int) -> Int {
        let first = max(after.seconds + 1, Self.earliest)
        let last = min(through.seconds, Self.latest)
        guard limit > 0, first <= last else { return 0 }
        switch expression.plan {
        case .every(let interval):
            let total = multiples(upTo: last, every: interval) - multiples(upTo: first - 1, every: interval)
            return Int(min(total, Int64(limit)))
        case .fields(let fields):
            return Int(min(count(from: first, through: last, fields, limit: Int64(limit)), Int64(limit)))
        }
    }

    // MARK: - @every

    /// How many multiples of the interval there have been up to a second.
    private func multiples(upTo second: Int64, every interval: Int64) -> Int64 {
        max(0, (second - anchor.seconds).floorDivided(by: interval))
    }

    private func next(from second: Int64, every interval: Int64) -> Int64? {
        anchor.seconds + (multiples(upTo: second - 1, every: interval) + 1) * interval
    }

    private func previous(upTo second: Int64, every interval: Int64) -> Int64? {
        let number = multiples(upTo: second, every: interval)
        return number == 0 ? nil : anchor.seconds + number * interval
    }

    // MARK: - Fields

    // A fixed local time fires at the first instant at which the clock of the zone has come to it or gone beyond it. In one
    // segment that are the local times from the latest one shown before (`high`), those of a gap at the segment's start.

    private func next(from second: Int64, _ fields: CronFields) -> Int64? {
        var second = second
        // Rule and calendar repeat in 400 years, once the table is over.
        let limit = min(Self.latest, max(second, zone.changes.last ?? second) + 2 * CronFields.cycle)
        while second <= limit {
            // Nothing before this one matches in any offset: years without a match are passed in one step.
            guard let candidate = fields.match(from: second + zone.leastOffset) else { return nil }
            second = max(second, candidate - zone.greatestOffset)
            let segment = zone.segment(at: second)
            let local = second + segment.offset
            let from: Int64
            if !fields.isFixed {
                from = local
            } else if second == segment.start {
                from = segment.high
            } else {
                from = max(segment.high, local)
            }
            if let match = fields.match(from: from), match < segment.end + segment.offset {
                let instant = match - segment.offset
                return fields.isFixed ? max(segment.start, instant) : instant
            }
            second = segment.end
        }
        return nil
    }

    private func previous(upTo second: Int64, _ fields: CronFields) -> Int64? {
        var second = second
        let limit = max(Self.earliest, min(second, zone.changes.first ?? second) - 2 * CronFields.cycle)
        while second >= limit {
            guard let candidate = fields.match(upTo: second + zone.greatestOffset) else { return nil }
            second = min(second, candidate - zone.leastOffset)
            let segment = zone.segment(at: second)
            let lowest = fields.isFixed ? segment.high : segment.start + segment.offset
            if let match = fields.match(upTo: second + segment.offset), match >= lowest {
                let instant = match - segment.offset
                return fields.isFixed ? max(segment.start, instant) : instant
            }
            second = segment.start - 1
        }
        return nil
    }

    private func count(from first: Int64, through last: Int64, _ fields: CronFields, limit: Int64) -> Int64 {
        var total: Int64 = 0
        var second = first
        while second <= last, total < limit {
            let segment = zone.segment(at: second)
            let end = min(segment.end - 1, last) + segment.offset + 1
            let local = second + segment.offset
            if fields.isFixed {
                total += fields.count(from: max(segment.high, local), before: end)
                // A gap fires once, and not beside the local time at its end.
                if second == segment.start, fields.count(from: segment.high, before: local) > 0,
                    fields.count(from: local, before: local + 1) == 0
                {
                    total += 1
                }
            } else {
                total += fields.count(from: local, before: end)
            }
            second = segment.end
        }
        return total
    }
}
