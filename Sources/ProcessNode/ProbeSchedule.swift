/// When each probe of one running container is due, and what comes of the outcomes. A pure value: it is told of the time and of outcomes, and
/// counts as a kubelet does. Times are since the start of the container.
///
/// The startup probe holds back the others until it succeeds. Between the beginnings of two probes of a kind is the period, or the time that
/// the first took where that is longer; no two of a kind are under way at once.
struct ProbeSchedule: Sendable, Hashable {
    /// What a probe is for.
    enum Kind: String, Sendable, CaseIterable {
        case startup, readiness, liveness
    }

    /// What came of one probe.
    enum Outcome: Sendable {
        case success, failure
        /// It could not be carried out. It does not count.
        case unknown
    }

    /// The figures of a probe, with the defaults of the API.
    struct Timing: Sendable, Hashable {
        var initialDelay = Duration.zero
        var period = Duration.seconds(10)
        var successThreshold = 1
        var failureThreshold = 3
    }

    private struct Course: Hashable {
        var timing: Timing
        /// When the next one is due.
        var next: Duration
        /// When the one under way has begun; nil for none.
        var begun: Duration?
        /// Whether there is no further one.
        var isOver = false
        var last: Outcome?
        /// How often `last` came in a row.
        var count = 0
    }

    private var courses: [Kind: Course]
    /// Whether the startup probe has succeeded, or there is none.
    private(set) var isStarted: Bool
    /// Whether the last that counts of the readiness probe was a success.
    private var isPassing = false
    /// The probe by which the container has failed: it has to be ended.
    private(set) var failed: Kind?

    /// The schedule of a container that has just started.
    init(_ timings: [Kind: Timing]) {
        courses = timings.mapValues { Course(timing: $0, next: $0.initialDelay) }
        isStarted = timings[.startup] == nil
    }

    /// Whether the container is ready: without a readiness probe it is when it has started.
    var isReady: Bool { isStarted && (courses[.readiness] == nil || isPassing) }

    /// When the next probe is due; nil while none will be by itself.
    var next: Duration? { courses.filter { isWanted($0.key, $0.value) }.map(\.value.next).min() }

    private func isWanted(_ kind: Kind, _ course: Course) -> Bool {
        !course.isOver && course.begun == nil && (kind == .startup || isStarted)
    }

    /// Begins the probes that are due, each of which ends with ``end(_:_:at:)``.
    mutating func begin(at now: Duration) -> [Kind] {
        let due = Kind.allCases.filter { kind in courses[kind].map { isWanted(kind, $0) && $0.next <= now } ?? false }
        for kind in due { courses[kind]?.begun = now }
        return due
    }

    /// Takes what came of a probe.
    mutating func end(_ kind: Kind, _ outcome: Outcome, at now: Duration) {
        guard var course = courses[kind], let begun = course.begun else { return }
        course.begun = nil
        course.next = max(begun + course.timing.period, now)
        if outcome != .unknown, !course.isOver {
            course.count = course.last == outcome ? course.count + 1 : 1
            course.last = outcome
            let isSuccess = outcome == .success
            if course.count >= (isSuccess ? course.timing.successThreshold : course.timing.failureThreshold) {
                switch kind {
                case .readiness: isPassing = isSuccess
                case .startup:
                    course.isOver = true
                    if isSuccess { start(at: now) } else { failed = .startup }
                case .liveness where !isSuccess:
                    course.isOver = true
                    failed = .liveness
                case .liveness: break
                }
            }
        }
        courses[kind] = course
    }

    private mutating func start(at now: Duration) {
        isStarted = true
        for kind in [Kind.readiness, .liveness] {
            guard let delay = courses[kind]?.timing.initialDelay else { continue }
            courses[kind]?.next = max(delay, now)
        }
    }

    /// The container is being ended: it is only asked whether it is ready any more.
    mutating func stop() {
        for kind in [Kind.startup, .liveness] { courses[kind]?.isOver = true }
    }
}
