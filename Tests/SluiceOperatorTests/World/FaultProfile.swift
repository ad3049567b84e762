import KubernetesModel
import SeededRandom

/// What one request may meet.
enum RequestFault: String, CaseIterable {
    case webhook, quota, contention, tooLarge, unprocessable, tooMany, internalError, unavailable
    case lostBefore, lostAfter, lostLate

    /// The answer of the API server; nil where the connection is lost.
    var answer: APIStatus? {
        switch self {
        case .webhook:
            APIStatus(code: 400, reason: "BadRequest", message: "admission webhook \"w\" denied the request: not now")
        case .quota: APIStatus(code: 403, reason: "Forbidden", message: "pods \"p\" is forbidden: exceeded quota: q")
        case .contention:
            APIStatus(code: 409, reason: "Conflict", message: "Operation cannot be fulfilled: the object was modified")
        case .tooLarge:
            APIStatus(code: 413, reason: "RequestEntityTooLarge", message: "Request entity too large: limit is 3145728")
        case .unprocessable: APIStatus(code: 422, reason: "Invalid", message: "the object is invalid")
        case .tooMany: APIStatus(code: 429, reason: "TooManyRequests", message: "too many requests")
        case .internalError: APIStatus(code: 500, reason: "InternalError", message: "etcdserver: request timed out")
        case .unavailable: APIStatus(code: 503, reason: "ServiceUnavailable", message: "the server is starting")
        case .lostBefore, .lostAfter, .lostLate: nil
        }
    }

    /// Whether a read can meet it.
    var concernsReads: Bool {
        switch self {
        case .tooMany, .internalError, .unavailable, .lostBefore: true
        default: false
        }
    }
}

/// How rough the world of one seed is. A swarm: many profiles have one kind of fault alone and much of it, since kinds hide each
/// other when all of them happen at once; some have none.
struct FaultProfile {
    /// How likely each request meets each fault.
    var requests: [RequestFault: Double] = [:]
    /// How likely a watch breaks after an event, sends one again, or says 410.
    var watchCuts = 0.0
    var watchRepeats = 0.0
    var watchExpires = 0.0
    /// The longest time by which a watch is behind.
    var lag: Duration = .zero
    /// How often the operator is killed in the rough part, and whether a standby goes on then.
    var kills = 0
    var hasStandby = false
    /// Objects are kept as a real server keeps them.
    var normalises = false
    /// By how much clocks of nodes differ at most.
    var clockSkew: Duration = .zero
    /// How likely each pod is evicted, is deleted by force, loses its node, gets a sidecar that runs on after the main container.
    var evictions = 0.0
    var forcedDeletions = 0.0
    var lostNodes = 0.0
    var podDeletions = 0.0
    var sidecars = 0.0
    /// How often users do something to runs.
    var userActions = 0

    static let kinds = 14

    /// The profile of a seed.
    init(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 0xFA17)
        switch random.pick(0...9) {
        case 0: break
        case 1...5: add(random.pick(0...Self.kinds - 1), heavily: true, &random)
        default: for kind in 0..<Self.kinds where random.chance(0.35) { add(kind, heavily: false, &random) }
        }
        // A gang of eight is refused as a whole where one pod is: at a third of refusals that takes hours.
        for fault in [RequestFault.quota, .webhook] { requests[fault] = requests[fault].map { min($0, 0.15) } }
        // More than half of all requests failing is no world in which anything ends.
        let sum = requests.values.reduce(0, +)
        if sum > 0.5 { requests = requests.mapValues { $0 * 0.5 / sum } }
    }

    private mutating func add(_ kind: Int, heavily: Bool, _ random: inout SeededGenerator) {
        let factor = heavily ? 1.0 : 0.3
        switch kind {
        case 0:
            for fault in RequestFault.allCases where fault.answer != nil && random.chance(0.4) {
                requests[fault] = 0.15 * factor
            }
        case 1: requests[random.pick(RequestFault.allCases)] = 0.35 * factor
        case 2: for fault in [RequestFault.lostBefore, .lostAfter, .lostLate] { requests[fault] = 0.15 * factor }
        case 3: watchCuts = factor / 2
        case 4: watchRepeats = factor / 2
        case 5: watchExpires = factor / 3
        case 6: lag = .milliseconds(Int64(random.pick([300, 3000, 30_000, 150_000])))
        case 7:
            kills = random.pick(1...(heavily ? 12 : 4))
            hasStandby = random.chance(0.5)
        case 8: normalises = true
        case 9: clockSkew = .seconds(Int64(random.pick([2, 60, 3600])))
        case 10:
            evictions = 0.2 * factor
            podDeletions = 0.2 * factor
        case 11:
            forcedDeletions = 0.2 * factor
            lostNodes = 0.1 * factor
        case 12: sidecars = heavily ? 1 : 0.3
        default: userActions = random.pick(1...(heavily ? 15 : 5))
        }
    }

    /// How rough the older tests have it: a share of requests fails.
    init(share: Double) {
        for fault in [RequestFault.internalError, .tooMany, .unavailable] { requests[fault] = share * 0.45 }
        for fault in [RequestFault.lostBefore, .lostAfter] { requests[fault] = share * 0.25 }
        watchCuts = share / 10
        watchExpires = share / 50
    }

    var text: String {
        var parts = requests.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
        func add(_ name: String, _ value: Double) { if value > 0 { parts.append("\(name) \(value)") } }
        add("watchCuts", watchCuts)
        add("watchRepeats", watchRepeats)
        add("watchExpires", watchExpires)
        add("evictions", evictions)
        add("forcedDeletions", forcedDeletions)
        add("lostNodes", lostNodes)
        add("podDeletions", podDeletions)
        add("sidecars", sidecars)
        if lag > .zero { parts.append("lag \(lag)") }
        if kills > 0 { parts.append("kills \(kills)\(hasStandby ? " with standby" : "")") }
        if normalises { parts.append("normalises") }
        if clockSkew > .zero { parts.append("clockSkew \(clockSkew)") }
        if userActions > 0 { parts.append("userActions \(userActions)") }
        return parts.isEmpty ? "calm" : parts.joined(separator: ", ")
    }
}
