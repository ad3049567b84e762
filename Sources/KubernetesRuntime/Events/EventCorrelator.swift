import DequeModule
import JSON
import KubernetesModel

/// Decides what to send for an event, by client-go's rules and without I/O: a new event, a higher count of a known one,
/// or nothing.
///
/// Equal events (object, reason, message) are counted instead of repeated. When ten events of an object and reason
/// differ only in their messages within ten minutes, those that follow are combined into one. Each object has a token
/// bucket of 25 events that gains one every five minutes; events beyond it are dropped.
struct EventCorrelator: Sendable {
    /// An event as it was recorded.
    struct Occurrence: Sendable {
        var object: ObjectReference
        var type: Event.Kind
        var reason: String
        var message: String
        var calendar: Timestamp
        var time: Duration
        /// It must be heard, whatever came before it about the same object.
        var isImportant = false
    }

    /// What to send.
    enum Action: Sendable, Equatable {
        case create(Event)
        /// The event happened again: patch its count, last time and message. If it is gone from the server (events live
        /// for an hour), create `otherwise`.
        case patch(ObjectKey, JSONValue, otherwise: Event)
        case drop
    }

    private struct Source: Hashable {
        var apiVersion: String
        var kind: String
        var namespace: String
        var name: String
        var uid: String

        init(_ object: ObjectReference) {
            apiVersion = object.apiVersion
            kind = object.kind
            namespace = object.namespace
            name = object.name
            uid = object.uid
        }
    }

    private struct SimilarKey: Hashable {
        var source: Source
        var type: Event.Kind
        var reason: String
    }

    private struct EqualKey: Hashable {
        var similar: SimilarKey
        var fieldPath: String
        /// Nil for the one event that combines many messages.
        var message: String?
    }

    private struct Bucket {
        var tokens: Double
        var filledAt: Duration
    }

    private struct Similar {
        var messages: Set<String>
        var lastAt: Duration
    }

    static let similarLimit = 10
    static let similarInterval = Duration.seconds(600)
    private static let cacheSize = 4096

    private let component: String
    private let instance: String
    private let burst: Double
    private let refill: Duration
    private var buckets: RecentlyUsed<Source, Bucket>
    private var similar: RecentlyUsed<SimilarKey, Similar>
    private var known: RecentlyUsed<EqualKey, Event>

    init(component: String, instance: String, burst: Int = 25, refill: Duration = .seconds(300)) {
        self.component = component
        self.instance = instance
        self.burst = Double(burst)
        self.refill = refill
        buckets = RecentlyUsed(capacity: Self.cacheSize)
        similar = RecentlyUsed(capacity: Self.cacheSize)
        known = RecentlyUsed(capacity: Self.cacheSize)
    }

    mutating func correlate(_ occurrence: Occurrence) -> Action {
        let source = Source(occurrence.object)
        let similarKey = SimilarKey(source: source, type: occurrence.type, reason: occurrence.reason)
        let isCombined = isOneOfMany(similarKey, occurrence)
        let isHeard = takeToken(source, at: occurrence.time) || occurrence.isImportant

        let key = EqualKey(
            similar: similarKey, fieldPath: occurrence.object.fieldPath, message: isCombined ? nil : occurrence.message)
        let message = isCombined ? "(combined from similar events): \(occurrence.message)" : occurrence.message
        guard var event = known[key] else {
            let event = newEvent(occurrence, message: message)
            known[key] = event
            return isHeard ? .create(event) : .drop
        }
        event.count += 1
        event.lastTimestamp = occurrence.calendar
        event.message = message
        known[key] = event
        // The event is counted even so; the next one that is sent includes it.
        guard isHeard else { return .drop }
        var again = event
        again.metadata.name = Self.name(occurrence)
        return .patch(
            ObjectKey(event.metadata),
            [
                "count": .int(event.count), "lastTimestamp": .string(event.lastTimestamp.rfc3339),
                "message": .string(message),
            ], otherwise: again)
    }

    /// Notes that an event that could not be patched has been created again under another name.
    mutating func recreated(_ occurrence: Occurrence, as event: Event) {
        let similarKey = SimilarKey(
            source: Source(occurrence.object), type: occurrence.type, reason: occurrence.reason)
        for message in [occurrence.message, nil] {
            let key = EqualKey(similar: similarKey, fieldPath: occurrence.object.fieldPath, message: message)
            if known[key]?.message == event.message { known[key] = event }
        }
    }

    private mutating func isOneOfMany(_ key: SimilarKey, _ occurrence: Occurrence) -> Bool {
        var entry = similar[key] ?? Similar(messages: [], lastAt: occurrence.time)
        if occurrence.time - entry.lastAt > Self.similarInterval { entry.messages = [] }
        entry.lastAt = occurrence.time
        let isKnown = entry.messages.contains(occurrence.message)
        let isFull = entry.messages.count >= Self.similarLimit
        if !isFull { entry.messages.insert(occurrence.message) }
        similar[key] = entry
        return isFull && !isKnown
    }

    private mutating func takeToken(_ source: Source, at now: Duration) -> Bool {
        var bucket = buckets[source] ?? Bucket(tokens: burst, filledAt: now)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filledAt) / refill)
        bucket.filledAt = now
        let isAllowed = bucket.tokens >= 1
        if isAllowed { bucket.tokens -= 1 }
        buckets[source] = bucket
        return isAllowed
    }

    private func newEvent(_ occurrence: Occurrence, message: String) -> Event {
        let namespace = occurrence.object.namespace.isEmpty ? "default" : occurrence.object.namespace
        return Event(
            metadata: ObjectMeta(name: Self.name(occurrence), namespace: namespace),
            involvedObject: occurrence.object, type: occurrence.type, reason: occurrence.reason, message: message,
            component: component, instance: instance, firstTimestamp: occurrence.calendar,
            lastTimestamp: occurrence.calendar, count: 1)
    }

    /// Returns `OBJECT.HASH`, at most 253 characters.
    static func name(_ occurrence: Occurrence) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        let object = occurrence.object
        let parts = [
            object.kind, object.uid, object.fieldPath, occurrence.type.rawValue, occurrence.reason, occurrence.message,
            "\(occurrence.calendar.microseconds)",
        ]
        for byte in parts.joined(separator: "\0").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        let suffix = "." + String(repeating: "0", count: 16 - digits.count) + digits
        return object.name.prefix(253 - suffix.count) + suffix
    }
}

/// A dictionary of limited size that drops the least recently used entry. All operations are amortised O(1).
struct RecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let capacity: Int
    private var values: [Key: (value: Value, use: UInt64)] = [:]
    private var uses = Deque<(key: Key, use: UInt64)>()
    private var lastUse: UInt64 = 0

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { values.count }

    /// Setting a value counts as a use, reading does not. Setting nil does nothing.
    subscript(key: Key) -> Value? {
        get { values[key]?.value }
        set {
            guard let newValue else { return }
            lastUse += 1
            values[key] = (newValue, lastUse)
            uses.append((key, lastUse))
            // Outdated uses are skipped. The condition keeps the queue at most about twice as long as the dictionary.
            while values.count > capacity || uses.count > 2 * capacity + 16, let (oldest, use) = uses.popFirst() {
                guard let present = values[oldest] else { continue }
                if present.use == use {
                    if values.count > capacity {
                        values[oldest] = nil
                    } else {
                        uses.append((oldest, use))
                    }
                }
            }
        }
    }
}
