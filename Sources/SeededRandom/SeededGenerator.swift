/// Random numbers of which a seed is the whole state, for tests that can be had again (SplitMix64).
///
/// SeededRandom is a module of its own, so that the tests of every module can use it without linking anything else. It is for
/// tests and simulations: nothing here is secret.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The generator of that seed.
    public init(seed: UInt64) { state = seed }

    /// The generator of several numbers together, such as a scenario's and a replica's.
    public init(mixing seeds: UInt64...) {
        state = 0x51_7CC1_B727_220A
        for seed in seeds {
            state ^= seed
            _ = next()
        }
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True with that probability.
    public mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    /// A number of the range.
    public mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// An element; there must be one.
    public mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}
