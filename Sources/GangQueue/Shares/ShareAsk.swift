/// What one queue brings to the sharing of one resource among its siblings (Q3).
struct ShareAsk: Sendable {
    var weight: Int64
    /// Kept for it, whatever the others ask.
    var guarantee: Int64
    /// What its manifest says that it deserves; nil where that comes from the weight.
    var deserved: Int64?
    /// Never more than this.
    var capability: Int64
    /// Allocated and waiting.
    var demand: Int64

    var low: Int64 { min(guarantee, capability) }
    var high: Int64 { max(low, min(capability, demand)) }
    /// What an explicit share asks for.
    func asked(_ deserved: Int64) -> Int64 { max(low, min(deserved, high)) }

    /// Whether the shares of all stay as they are when this one, whose share is given, asks so instead.
    func changesNothing(_ other: ShareAsk, share: Int64) -> Bool {
        if let deserved { return asked(deserved) == other.asked(deserved) }
        // The level is below its high mark either way.
        return share < high && share < other.high
    }

    /// Q3: what each deserves of `available`, in whole units rounded down. Since usage is whole, comparing it with the rounded share
    /// is the same as comparing it with the exact fraction.
    ///
    /// - Guarantees come first. Where they add up to more than there is, they shrink in proportion, and nothing else is shared.
    /// - Then explicit shares as far as they are asked for; where those do not fit, what they ask above guarantees shrinks in proportion.
    /// - The rest is filled by weight: clamp(level x weight, guarantee, min(capability, demand)), one level for all.
    static func shares(of available: Int64, among asks: [ShareAsk]) -> [Int64] {
        let guaranteed = asks.reduce(Int128(0)) { $0 + Int128($1.low) }
        if guaranteed > Int128(available) {
            return asks.map { Int64(Int128($0.low) * Int128(available) / guaranteed) }
        }
        let room = Int128(available) - guaranteed
        let asked = asks.reduce(Int128(0)) { sum, ask in sum + Int128(ask.deserved.map { ask.asked($0) - ask.low } ?? 0)
        }
        if asked > room {
            return asks.map { ask in
                guard let deserved = ask.deserved else { return ask.low }
                return ask.low + Int64(Int128(ask.asked(deserved) - ask.low) * room / asked)
            }
        }
        return filled(asks, rest: room - asked)
    }

    /// The level rises from 0: each queue stays at its low mark, then grows by its weight, then stays at its high mark.
    private static func filled(_ asks: [ShareAsk], rest: Int128) -> [Int64] {
        var events: [(level: Fraction, ask: Int, starts: Bool)] = []
        for (index, ask) in asks.enumerated() where ask.deserved == nil && ask.high > ask.low {
            events.append((Fraction(numerator: ask.low, denominator: 1, weight: ask.weight), index, true))
            events.append((Fraction(numerator: ask.high, denominator: 1, weight: ask.weight), index, false))
        }
        events.sort { $0.level < $1.level }
        // What is left for those that grow, with what they have, and the sum of their weights.
        var pool = rest
        var weights: Int128 = 0
        var level: (pool: Int128, weights: Int128)?
        for event in events {
            if weights * Int128(event.level.numerator) > pool * Int128(event.level.weight) {
                level = (pool, weights)
                break
            }
            let ask = asks[event.ask]
            pool += Int128(event.starts ? ask.low : -ask.high)
            weights += Int128(event.starts ? ask.weight : -ask.weight)
        }
        return asks.map { ask in
            if let deserved = ask.deserved { return ask.asked(deserved) }
            guard let level else { return ask.high }
            return max(ask.low, min(ask.high, Int64(clamping: level.pool * Int128(ask.weight) / level.weights)))
        }
    }
}
