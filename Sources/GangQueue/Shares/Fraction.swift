/// An exact fraction of whole numbers that are not negative, compared by cross-multiplication.
struct Fraction: Sendable, Comparable {
    var numerator: Int64
    /// Two factors, neither of them 0.
    var denominator: Int64
    var weight: Int64

    static let zero = Fraction(numerator: 0, denominator: 1, weight: 1)

    static func < (left: Fraction, right: Fraction) -> Bool {
        let one = (Int128(left.numerator) * Int128(right.denominator)).multipliedFullWidth(by: Int128(right.weight))
        let two = (Int128(right.numerator) * Int128(left.denominator)).multipliedFullWidth(by: Int128(left.weight))
        return (one.high, one.low) < (two.high, two.low)
    }

    static func == (left: Fraction, right: Fraction) -> Bool { !(left < right) && !(right < left) }
}
