extension ZoneRules {
    /// What is wrong with the name of a zone, in one sentence; nil where it is the name of one, or may be where no `names` of
    /// a database are given.
    ///
    /// Refused are the empty name, `Local`, offsets such as `+02:00` and `UTC+2`, paths, and what is not written as the tz
    /// database writes names.
    public static func nameProblem(_ name: String, among names: [String] = []) -> String? {
        let example = "expected a name of the tz database such as Europe/Berlin"
        guard !name.isEmpty else { return "the time zone is empty; \(example), or UTC" }
        let shown = name.count > 64 ? "\(name.prefix(64))..." : name
        if names.contains(name) { return nil }
        let lower = name.lowercased()
        if lower == "local" || lower == "localtime" {
            return "the time zone \(shown) depends on the machine; \(example)"
        }
        if let problem = offsetProblem(name, shown) { return problem }
        if name.hasPrefix("/")
            || name.split(separator: "/", omittingEmptySubsequences: false).contains(where: { $0.hasPrefix(".") })
        {
            return "the time zone \(shown) is a path; \(example)"
        }
        if let other = names.first(where: { $0.lowercased() == lower }) {
            return "the time zone \(shown) is not written as the tz database has it; expected \(other)"
        }
        if let wrong = name.first(where: { !isNameCharacter($0) }) {
            let underscore = name.replacing(" ", with: "_")
            if wrong == " ", let other = nearest(to: underscore, in: names) {
                return "a blank in the time zone \(shown); expected \(other)"
            }
            let hint = wrong == " " ? "expected `_` in place of blanks, as in America/New_York" : example
            return "the character `\(wrong)` in the time zone \(shown); \(hint)"
        }
        if name.utf8.count > 64 { return "the time zone \(shown) is too long; \(example)" }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.contains(where: \.isEmpty) { return "the time zone \(shown) has an empty part; \(example)" }
        if !names.isEmpty {
            let hint = nearest(to: name, in: names).map { "did you mean \($0)?" } ?? example
            return "the time zone \(shown) is unknown; \(hint)"
        }
        if parts.contains(where: { $0.first?.isUppercase != true }) {
            return
                "the time zone \(shown) is not written as the tz database has it; expected capitals, as in Europe/Berlin"
        }
        return nil
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "_+-/".contains(character))
    }

    /// `+02:00`, `-5`, `UTC+2`, `GMT-03:00`, `Z`. (The database has `GMT+0` and `GMT-0`, and `Etc/GMT-2`.)
    private static func offsetProblem(_ name: String, _ shown: String) -> String? {
        if name == "Z" || name == "z" { return "the time zone \(shown) is an offset; expected UTC" }
        guard name != "GMT+0", name != "GMT-0" else { return nil }
        var rest = name[...]
        for prefix in ["UTC", "GMT", "UT"] where name.uppercased().hasPrefix(prefix) {
            rest = rest.dropFirst(prefix.count)
            break
        }
        guard let sign = rest.first, sign == "+" || sign == "-" || sign == "\u{2212}" else { return nil }
        let digits = rest.dropFirst().filter { $0 != ":" }
        guard !digits.isEmpty, digits.count <= 6, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        // By the sign of POSIX, which counts west.
        let hours = Int(digits.prefix(digits.count > 2 ? digits.count - 2 : 2)) ?? 0
        let range = sign == "+" ? 1...14 : 1...12
        let fixed =
            range.contains(hours) ? ", or Etc/GMT\(sign == "+" ? "-" : "+")\(hours) (whose sign is turned round)" : ""
        return
            "the time zone \(shown) is an offset, which knows no daylight saving; expected a name of the tz database such as Europe/Berlin\(fixed)"
    }

    /// The name that was probably meant: with the same last part (`Berlin`), or the one with the fewest letters changed.
    static func nearest(to name: String, in names: [String]) -> String? {
        let wanted = Array(name.lowercased().utf8.prefix(64))
        guard !wanted.isEmpty else { return nil }
        let city = name.lowercased().split(separator: "/").last ?? ""
        var best: (name: String, distance: Int)?
        for other in names {
            let lower = other.lowercased()
            var distance = distance(wanted, Array(lower.utf8))
            // A city under another continent, or under none.
            if lower.split(separator: "/").last == city { distance = min(distance, 1) }
            if distance < best?.distance ?? (wanted.count / 3 + 1) { best = (other, distance) }
        }
        return best?.name
    }

    /// How many letters have to be changed, added or taken away.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for other in right.indices {
                let above = row[other + 1]
                row[other + 1] = min(diagonal + (letter == right[other] ? 0 : 1), above + 1, row[other] + 1)
                diagonal = above
            }
        }
        return row[right.count]
    }
}
