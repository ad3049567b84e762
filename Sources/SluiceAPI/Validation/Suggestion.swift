/// Guesses what was meant by a name that does not exist.
package enum Suggestion {
    /// More candidates are not searched: a guess is not worth the time.
    private static let maximumCandidates = 500

    /// The candidate that is nearest to `name`, when one is near enough to be a slip.
    package static func nearest(to name: String, in candidates: some Collection<String>) -> String? {
        guard candidates.count <= maximumCandidates, (2...64).contains(name.utf8.count) else { return nil }
        let limit = name.utf8.count <= 4 ? 1 : 2
        var best: (name: String, distance: Int)?
        for candidate in candidates.sorted() {
            if candidate.lowercased() == name.lowercased() { return candidate }
            let distance = distance(Array(name.utf8), Array(candidate.utf8), limit: limit)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, changes and swaps of neighbours that lead from one text to the other; any number above
    /// `limit` when there are more.
    private static func distance(_ left: [UInt8], _ right: [UInt8], limit: Int) -> Int {
        guard abs(left.count - right.count) <= limit else { return limit + 1 }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var best = min(
                    last[column] + (left[row] == right[column] ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }

    /// " (did you mean x?)", or nothing.
    package static func phrase(for name: String, in candidates: some Collection<String>) -> String {
        nearest(to: name, in: candidates).map { " (did you mean \($0)?)" } ?? ""
    }
}
