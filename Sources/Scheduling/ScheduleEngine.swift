public import CronSchedule
public import KubernetesModel
public import SluiceAPI

/// A run that a ScheduledRun has made.
public struct ScheduleChild: Sendable, Hashable {
    public var name: String
    /// Its slot, or when it was started by hand.
    public var slot: Timestamp
    public var phase: RunPhase
    public var completionTime: Timestamp?
    /// Whether it is being deleted, or asked to end by its spec.
    public var isEnding: Bool

    /// A run.
    public init(
        name: String, slot: Timestamp, phase: RunPhase, completionTime: Timestamp? = nil, isEnding: Bool = false
    ) {
        self.name = name
        self.slot = slot
        self.phase = phase
        self.completionTime = completionTime
        self.isEnding = isEnding
    }
}

/// Decides on the slots of a ScheduledRun (DESIGN.md section 6, DECISIONS.md "Schedules"). A pure function: the object, the runs that
/// it has made and the time go in, what to do comes out.
///
/// The order of effects is the caller's: runs are created first, under names that the slot gives, then others are cancelled, then the
/// status is written, then runs are deleted. Whoever comes after a crash finds the runs that were made, and decides the rest again.
public struct ScheduleEngine: Sendable {
    /// A slot to start.
    public struct Start: Sendable, Hashable {
        public var name: String
        public var slot: Timestamp
        /// The place of the expression in `schedules`; 0 for one that was started by hand.
        public var index: Int
        /// Whether somebody asked for it by hand.
        public var isManual: Bool
    }

    /// Something to tell the user as an event of the object.
    public struct Event: Sendable, Hashable {
        public var isWarning: Bool
        public var reason: String
        public var message: String
    }

    /// What one look decided.
    public struct Decision: Sendable, Hashable {
        /// Runs to create, in this order.
        public var starts: [Start] = []
        /// Runs to cancel, before the status is written.
        public var cancels: [String] = []
        /// Finished runs to delete.
        public var deletes: [String] = []
        public var status: ScheduledRunStatus
        public var events: [Event] = []
        /// Notes that a run could not be made and never will: its slot is missed.
        public mutating func refuse(_ start: Start, reason: String) {
            starts.removeAll { $0 == start }
            status.active.removeAll { $0 == start.name }
            events.removeAll { $0.message.hasPrefix("run \(start.name) ") }
            events.append(
                Event(isWarning: true, reason: "Missed", message: "the slot \(start.slot) was missed: \(reason)"))
            status.miss(start.slot, reason)
        }

        /// Notes that a run could not be made now: its slot waits, or what was asked for by hand is asked for still. Nothing is cancelled
        /// for it meanwhile. `written` is the status that was decided on.
        public mutating func hold(_ start: Start, reason: String, since written: ScheduledRunStatus, now: Timestamp) {
            starts.removeAll { $0 == start }
            status.active.removeAll { $0 == start.name }
            events.removeAll { $0.message.hasPrefix("run \(start.name) ") || $0.reason == Self.replaced }
            if start.isManual {
                status.trigger = written.trigger
            } else {
                cancels = []
                status.waiting = (status.waiting + [.init(start.slot, index: start.index)]).sorted()
                let started = starts.filter { !$0.isManual }.map(\.slot) + [written.lastScheduleTime].compactMap(\.self)
                status.lastScheduleTime = started.max()
            }
            let message = "run \(start.name) cannot be created: \(reason)"
            events.append(Event(isWarning: true, reason: "FailedCreate", message: message))
            status.setReady(false, reason: "FailedCreate", message: message, now: now)
        }

        fileprivate static let replaced = "RunReplaced"

        /// When to look again though nothing happens.
        public var wakeUp: Timestamp?
    }

    /// A slot this much after its time, or less, starts on time.
    public static let punctuality: Duration = .seconds(30)

    private let uid: String
    private let name: String
    private let generation: Int64
    private let created: Timestamp
    private let spec: ScheduledRunSpec
    /// The value of the annotation that asks for a run by hand.
    private let trigger: String
    /// The zone of the schedule.
    public let zone: ZoneRules
    private let rules: [CronRule]
    private let jitter: Duration
    /// The window: slots after the first and through the second.
    private let opens: Timestamp
    private let closes: Timestamp?
    private let zones: @Sendable (String) -> ZoneRules?

    /// An engine for an object whose spec has passed validation. `zones` gives the rules of a zone that exists; throws ``Problem``
    /// where the schedule means nothing.
    public init(
        _ metadata: ObjectMeta, _ spec: ScheduledRunSpec, zones: @escaping @Sendable (String) -> ZoneRules?
    ) throws(Problem) {
        uid = metadata.uid
        name = metadata.name
        generation = metadata.generation
        created = metadata.creationTimestamp ?? Timestamp(seconds: 0)
        self.spec = spec
        trigger = metadata.annotations[Self.triggerAnnotation] ?? ""
        self.zones = zones
        guard let zone = zones(spec.timeZone) else {
            throw Problem(reason: "InvalidTimeZone", message: "there is no time zone \(spec.timeZone)")
        }
        self.zone = zone
        do {
            rules = try Self.rules(spec.schedules, zone, anchor: spec.startTime ?? created)
        } catch {
            throw Problem(reason: "InvalidSchedule", message: error.description)
        }
        let hash = StableHash.of(uid)
        jitter = .seconds(spec.jitterSeconds > 0 ? Int64(hash % UInt64(spec.jitterSeconds + 1)) : 0)
        // Inclusive: a slot at the very start counts; one at creation does not.
        opens = max(created, spec.startTime.map { Timestamp(seconds: $0.seconds - 1) } ?? created)
        closes = spec.endTime
    }

    /// Why a schedule means nothing.
    public struct Problem: Error, Sendable, Hashable {
        public var reason: String
        public var message: String

        /// A problem.
        public init(reason: String, message: String) {
            self.reason = reason
            self.message = message
        }
    }

    /// The annotation whose value, each time that it changes, starts a run by hand.
    public static let triggerAnnotation = "sluice.dev/trigger"
    /// The annotation of a run that holds its slot, RFC 3339 in UTC.
    public static let slotAnnotation = "sluice.dev/scheduled-time"

    private static func rules(
        _ texts: [String], _ zone: ZoneRules, anchor: Timestamp
    ) throws(CronError) -> [CronRule] {
        var rules: [CronRule] = []
        for text in texts { rules.append(CronRule(try CronExpression(text), zone: zone, anchor: anchor)) }
        return rules
    }

    // MARK: - Slots

    private typealias Slot = ScheduledRunStatus.Waiting

    /// The first slot after that instant, within the window; of expressions that name one instant the first counts.
    private func next(after instant: Timestamp) -> Slot? {
        let from = max(instant, opens)
        let found = rules.enumerated().compactMap { index, rule in rule.next(after: from).map { Slot($0, index: index) }
        }
        guard let first = found.min(), closes.map({ first.scheduled <= $0 }) ?? true else { return nil }
        return first
    }

    /// The slots after one instant through another: the newest `limit` of them in order, and how many there are in all.
    private func slots(
        _ rules: [CronRule], after: Timestamp, through: Timestamp, limit: Int
    ) -> (newest: [Slot], count: Int64) {
        let from = max(after, opens)
        let to = closes.map { min($0, through) } ?? through
        guard from < to else { return ([], 0) }
        var newest: [Slot] = []
        var before = Timestamp(seconds: to.seconds + 1)
        while newest.count < limit {
            let found = rules.enumerated().compactMap { index, rule in
                rule.previous(before: before).map { Slot($0, index: index) }
            }
            guard let latest = found.map(\.scheduled).max(), latest > from,
                let slot = found.filter({ $0.scheduled == latest }).min()
            else { return (newest.reversed(), Int64(newest.count)) }
            newest.append(slot)
            before = latest
        }
        // More of them: each expression is counted, and an instant that several name is one slot.
        let rest = Timestamp(seconds: before.seconds - 1)
        var count = Int64(newest.count)
        if rules.count == 1 {
            count += Int64(rules[0].count(after: from, through: rest, limit: Int.max))
        } else {
            var instant = from
            while let slot = rules.compactMap({ $0.next(after: instant) }).min(), slot <= rest {
                count += 1
                instant = slot
            }
        }
        return (newest.reversed(), count)
    }

    // MARK: - Deciding

    /// Decides at that time, given the status that was written last and the runs that there are.
    public func decide(_ written: ScheduledRunStatus, children: [ScheduleChild], now: Timestamp) -> Decision {
        var decision = Decision(status: written)
        decision.status.observedGeneration = generation
        takeEdits(&decision, children, now)
        var active = children.filter { !$0.phase.isFinished }
        startByHand(&decision, &active, now)
        if !spec.suspend { decideSlots(&decision, children, &active, now) }
        tidy(&decision, children, active, now)
        tell(&decision, since: written)
        decision.status.setReady(
            true, reason: spec.suspend ? "Suspended" : "Scheduled",
            message: spec.suspend ? "nothing is started while spec.suspend is true" : "runs start by the calendar",
            now: now)
        return decision
    }

    private func tell(_ decision: inout Decision, since written: ScheduledRunStatus) {
        for start in decision.starts {
            let why = start.isManual ? "as asked for by hand" : "for \(start.slot)"
            decision.events.append(
                Event(isWarning: false, reason: "RunStarted", message: "run \(start.name) started \(why)"))
        }
        for name in decision.cancels {
            decision.events.append(
                Event(
                    isWarning: false, reason: Decision.replaced,
                    message: "run \(name) is cancelled: a newer slot came due")
            )
        }
        let count = decision.status.missedCount - written.missedCount
        guard count > 0, let last = decision.status.missed.last else { return }
        let slots =
            count == 1
            ? "the slot \(last.scheduled) was missed" : "\(count) slots were missed, the last \(last.scheduled)"
        decision.events.append(Event(isWarning: true, reason: "Missed", message: "\(slots): \(last.reason)"))
    }

    /// An edited schedule is not retroactive: what the old one has left open is missed, the new one begins now.
    private func takeEdits(_ decision: inout Decision, _ made: [ScheduleChild], _ now: Timestamp) {
        let known = decision.status.schedules
        let isFirst = known.isEmpty
        let zoneBefore = decision.status.timeZone
        guard known != spec.schedules || decision.status.timeZone != spec.timeZone else { return }
        decision.status.schedules = spec.schedules
        decision.status.timeZone = spec.timeZone
        guard !isFirst else { return }
        let decided = decision.status.decidedTime ?? created
        let reason = "the schedule was changed before it started"
        // Whoever died between making a run and writing the status has started it.
        let names = Set(made.map(\.name))
        func close(_ slots: [Slot]) {
            for slot in slots {
                if names.contains(Self.runName(name, uid, slot.scheduled)) {
                    noteStart(slot.scheduled, false, &decision)
                } else {
                    miss(slot.scheduled, reason, &decision)
                }
            }
        }
        close(decision.status.waiting)
        decision.status.waiting = []
        if let zone = zones(zoneBefore), let old = try? Self.rules(known, zone, anchor: spec.startTime ?? created) {
            let (slots, count) = slots(old, after: decided, through: now, limit: ScheduledRunStatus.missedLimit)
            let first = slots.first?.scheduled ?? decided
            decision.status.missedCount += count - Int64(slots.count) - startedBetween(decided, first, made)
            close(slots)
        }
        decision.status.decidedTime = max(decided, now.wholeSecond)
    }

    private func startByHand(_ decision: inout Decision, _ active: inout [ScheduleChild], _ now: Timestamp) {
        guard !trigger.isEmpty, trigger != decision.status.trigger else { return }
        decision.status.trigger = trigger
        let start = Start(name: Self.manualName(name, uid, trigger), slot: now.wholeSecond, index: 0, isManual: true)
        begin(start, &decision, &active)
    }

    private func begin(_ start: Start, _ decision: inout Decision, _ active: inout [ScheduleChild]) {
        decision.starts.append(start)
        if !active.contains(where: { $0.name == start.name }) {
            active.append(ScheduleChild(name: start.name, slot: start.slot, phase: .pending))
        }
        noteStart(start.slot, start.isManual, &decision)
    }

    private func noteStart(_ slot: Timestamp, _ isManual: Bool, _ decision: inout Decision) {
        guard !isManual else { return }
        decision.status.lastScheduleTime = max(decision.status.lastScheduleTime ?? slot, slot)
    }

    private func decideSlots(
        _ decision: inout Decision, _ made: [ScheduleChild], _ active: inout [ScheduleChild], _ now: Timestamp
    ) {
        let decided = decision.status.decidedTime ?? created
        // What is due by now; a clock that was set back makes nothing due.
        let through = now - jitter
        // Those that may start, on time or later, and those of which the reason is kept.
        let onTime = Int(Self.punctuality.components.seconds) + 1
        let limit = (spec.catchUp == .all ? spec.catchUpLimit : 1) + onTime + ScheduledRunStatus.missedLimit
        let (fresh, count) = slots(rules, after: decided, through: through, limit: limit)
        if let newest = fresh.last { decision.status.decidedTime = newest.scheduled }
        // Of the slots before these none starts any more; whoever died before it wrote the status may have started some.
        let first = fresh.first?.scheduled ?? decided
        let uncounted = count - Int64(fresh.count) - startedBetween(decided, first, made)
        if uncounted > 0 { decision.status.missedCount += uncounted }

        var line = decision.status.waiting + fresh
        decision.status.waiting = []
        // Whoever died between making a run and writing the status has started it.
        let names = Set(made.map(\.name))
        var newest: Timestamp?
        line.removeAll { slot in
            guard names.contains(Self.runName(name, uid, slot.scheduled)) else { return false }
            noteStart(slot.scheduled, false, &decision)
            if spec.concurrencyPolicy == .replace { newest = slot.scheduled }
            return true
        }
        // And may not have come to cancelling those before it.
        if let newest {
            decision.cancels += active.filter { !$0.isEnding && $0.slot < newest }.map(\.name)
        }
        drop(&line, decision: &decision, now) { slot in
            guard let deadline = spec.startingDeadlineSeconds, lateness(slot, now).components.seconds > deadline else {
                return nil
            }
            return "it was more than its startingDeadlineSeconds of \(deadline) late"
        }
        let isReplacing = spec.concurrencyPolicy == .replace
        let catchUp = isReplacing && spec.catchUp == .all ? .latest : spec.catchUp
        switch catchUp {
        case .none:
            drop(&line, decision: &decision, now) { isLate($0, now) ? "it could not start on time" : nil }
        case .latest:
            if let newest = line.last, line.contains(where: { isLate($0, now) }) {
                drop(&line, decision: &decision, now) { slot in
                    isLate(slot, now) && slot != newest ? "a newer slot came due before it could start" : nil
                }
            }
        case .all:
            let excess = line.count - spec.catchUpLimit
            if excess > 0 {
                for slot in line.prefix(excess) {
                    miss(
                        slot.scheduled, "more than catchUpLimit (\(spec.catchUpLimit)) slots could not start on time",
                        &decision)
                }
                line.removeFirst(excess)
            }
        }
        start(line, catchUp, &decision, &active, now)
        guard let next = next(after: decision.status.decidedTime ?? created) else { return }
        wake(next.scheduled + jitter, &decision, after: now)
    }

    /// How many runs were made for slots between these two.
    private func startedBetween(_ first: Timestamp, _ second: Timestamp, _ made: [ScheduleChild]) -> Int64 {
        Int64(
            made.count { first < $0.slot && $0.slot < second && $0.name == Self.runName(name, uid, $0.slot) })
    }

    private func lateness(_ slot: Slot, _ now: Timestamp) -> Duration { max(.zero, now - (slot.scheduled + jitter)) }

    private func isLate(_ slot: Slot, _ now: Timestamp) -> Bool { lateness(slot, now) > Self.punctuality }

    private func drop(
        _ line: inout [Slot], decision: inout Decision, _ now: Timestamp, _ reason: (Slot) -> String?
    ) {
        line.removeAll { slot in
            guard let reason = reason(slot) else { return false }
            miss(slot.scheduled, reason, &decision)
            return true
        }
    }

    private func miss(_ slot: Timestamp, _ reason: String, _ decision: inout Decision) {
        decision.status.miss(slot, reason)
    }

    /// Starts what may start of what is due, in order; the rest waits or is missed.
    private func start(
        _ line: [Slot], _ catchUp: ScheduledRunSpec.CatchUp, _ decision: inout Decision,
        _ active: inout [ScheduleChild], _ now: Timestamp
    ) {
        var held: [Slot] = []
        let most = spec.concurrencyPolicy == .forbid ? 1 : spec.maxConcurrency ?? Int.max
        for (place, slot) in line.enumerated() {
            if spec.concurrencyPolicy == .replace {
                guard place == line.count - 1 else {
                    miss(slot.scheduled, "a newer slot came due before it could start", &decision)
                    continue
                }
                // All of them, those above too.
                decision.cancels = active.filter { !$0.isEnding }.map(\.name)
                begin(start(slot), &decision, &active)
            } else if active.count < most {
                begin(start(slot), &decision, &active)
            } else {
                held.append(slot)
            }
        }
        guard !held.isEmpty else { return }
        let names = active.prefix(3).map(\.name).joined(separator: ", ")
        switch catchUp {
        case .none:
            for slot in held { miss(slot.scheduled, "\(names) was still active", &decision) }
        case .latest:
            for slot in held.dropLast() {
                miss(slot.scheduled, "a newer slot came due before it could start", &decision)
            }
            decision.status.waiting = held.suffix(1)
        case .all: decision.status.waiting = held
        }
        if let deadline = spec.startingDeadlineSeconds {
            for slot in decision.status.waiting {
                wake(slot.scheduled + jitter + .seconds(deadline + 1), &decision, after: now)
            }
        }
    }

    private func start(_ slot: Slot) -> Start {
        Start(name: Self.runName(name, uid, slot.scheduled), slot: slot.scheduled, index: slot.index, isManual: false)
    }

    /// What there is to say and to keep once the slots are decided.
    private func tidy(
        _ decision: inout Decision, _ children: [ScheduleChild], _ active: [ScheduleChild], _ now: Timestamp
    ) {
        decision.status.active = active.sorted { ($0.slot, $0.name) < ($1.slot, $1.name) }.map(\.name)
        let finished = children.filter(\.phase.isFinished).sorted { ($0.slot, $0.name) < ($1.slot, $1.name) }
        for (isSuccess, limit) in [(true, spec.successfulRunsHistoryLimit), (false, spec.failedRunsHistoryLimit)] {
            let some = finished.filter { ($0.phase == .succeeded) == isSuccess }
            decision.deletes += some.prefix(max(0, some.count - limit)).filter { !$0.isEnding }.map(\.name)
        }
        for run in finished where run.phase == .succeeded {
            guard let time = run.completionTime else { continue }
            decision.status.lastSuccessfulTime = max(decision.status.lastSuccessfulTime ?? time, time)
        }
        decision.status.nextScheduleTime =
            spec.suspend ? nil : next(after: decision.status.decidedTime ?? created)?.scheduled
    }

    private func wake(_ time: Timestamp, _ decision: inout Decision, after now: Timestamp) {
        // A slot that is due and not decided was held by a clock that was set back: the next second is soon enough.
        let time = max(time, now + .seconds(1))
        decision.wakeUp = min(decision.wakeUp ?? time, time)
    }

    // MARK: - Names

    /// `NAME-YYYYMMDDHHMMSS` in UTC of the slot: the same at every time and in every process. A long name is cut, and hashed.
    public static func runName(_ name: String, _ uid: String, _ slot: Timestamp) -> String {
        let digits = slot.wholeSecond.rfc3339.filter(\.isNumber)
        return cut(name, uid, "-\(digits)")
    }

    /// The name of a run that was asked for by hand with that token.
    public static func manualName(_ name: String, _ uid: String, _ token: String) -> String {
        cut(name, uid, "-manual-\(String(StableHash.of(uid, token), radix: 36))")
    }

    private static func cut(_ name: String, _ uid: String, _ suffix: String) -> String {
        let room = Names.maximumLabelLength - suffix.utf8.count
        guard name.utf8.count > room else { return name + suffix }
        let mark = "-" + String(StableHash.of(uid, name), radix: 36)
        var short = name.prefix(room - mark.utf8.count)
        while let last = short.last, last == "-" || last == "." { short.removeLast() }
        return short + mark + suffix
    }
}
