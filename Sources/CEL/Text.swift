internal import KubernetesSchema

/// Whether two texts have the same bytes. Swift's `==` also holds for texts that only look the same.
func isSameText(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
}

/// Whether one text contains another. O(length of both).
func contains(_ text: String, _ part: String) -> Bool {
    let part = Array(part.utf8)
    guard let first = part.first else { return true }
    guard text.utf8.count >= part.count else { return false }
    // How much of the part is matched again after a mismatch behind so many bytes (Knuth, Morris and Pratt).
    var fallback = [0]
    fallback.reserveCapacity(part.count)
    var length = 0
    for byte in part.dropFirst() {
        while length > 0, part[length] != byte { length = fallback[length - 1] }
        if part[length] == byte { length += 1 }
        fallback.append(length)
    }
    length = 0
    for byte in text.utf8 {
        if length == 0, byte != first { continue }
        while length > 0, part[length] != byte { length = fallback[length - 1] }
        if part[length] == byte { length += 1 }
        if length == part.count { return true }
    }
    return false
}

/// Whether a pattern matches a part of a text. Each character costs by the states of the pattern.
func matches(_ text: String, _ pattern: Pattern, _ meter: inout Meter) throws(Failure) -> Bool {
    let (states, overflow) = (text.utf8.count + 1).multipliedReportingOverflow(by: pattern.size)
    try meter.charge(overflow ? .max : states / 4)
    return pattern.matches(text)
}

/// A pattern of `matches`.
func compile(_ text: String) throws(Failure) -> Pattern {
    var problem: String?
    if text.utf8.count(where: { $0 == UInt8(ascii: "(") }) > maximumGroups {
        problem = "it has too many groups: expected \(maximumGroups) at most"
    } else {
        do { return try Pattern(text) } catch { problem = (error as? PatternError)?.message }
    }
    throw .evaluation("\(excerpt(text)) is no regular expression: \(problem ?? "it cannot be read")")
}

/// The pattern engine recurses into groups: this many in one another take some 150 KiB of stack where nothing is optimised.
private let maximumGroups = 50

/// A double as Go writes it, which is what CEL's `string()` gives elsewhere: `1`, `0.5`, `1e+06`, `+Inf`.
func goText(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    // Swift writes the same shortest digits, in another form.
    var digits: [UInt8] = []
    var pointAt: Int?
    var exponent = 0
    let written = Array(value.magnitude.description.utf8)
    for (index, byte) in written.enumerated() {
        if byte == UInt8(ascii: ".") {
            pointAt = digits.count
        } else if byte == UInt8(ascii: "e") {
            exponent = Int(String(decoding: written[(index + 1)...], as: UTF8.self)) ?? 0
            break
        } else {
            digits.append(byte)
        }
    }
    exponent += pointAt ?? digits.count
    while digits.count > 1, digits.first == UInt8(ascii: "0") {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    func text(_ digits: some Sequence<UInt8>) -> String { String(decoding: Array(digits), as: UTF8.self) }
    if digits == [UInt8(ascii: "0")] { return sign + "0" }
    // The digits are 0.ddd times ten to the exponent.
    let scientific = exponent - 1
    if scientific < -4 || scientific >= 6 {
        let rest = digits.count > 1 ? "." + text(digits.dropFirst()) : ""
        let magnitude = String(scientific.magnitude)
        return sign + text(digits.prefix(1)) + rest + "e" + (scientific < 0 ? "-" : "+")
            + (magnitude.utf8.count < 2 ? "0" : "") + magnitude
    }
    if exponent <= 0 { return sign + "0." + String(repeating: "0", count: -exponent) + text(digits) }
    if exponent >= digits.count {
        return sign + text(digits) + String(repeating: "0", count: exponent - digits.count)
    }
    return sign + text(digits.prefix(exponent)) + "." + text(digits.dropFirst(exponent))
}
