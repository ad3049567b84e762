import SeededRandom
import SluiceAPI
import Testing

/// Tasks that are told by their phase alone.
struct FoldedTasksTests {
    @Test(
        arguments: [
            (["a"], "a"), (["a", "b"], "a,b"), (["s[0]"], "s[0]"), (["s[0]", "s[1]", "s[2]"], "s[0-2]"),
            (["s[0]", "s[2]", "s[3]"], "s[0,2-3]"), (["t1", "t2", "t10"], "t(1-2,10)"), (["t7"], "t7"),
            (["t01", "t02"], "t01,t02"), (["o[0]/x", "o[1]/x", "o[0]/y"], "o[0-1]/x,o[0]/y"),
            (["o[0]/w[3]", "o[1]/w[3]"], "o[0-1]/w[3]"), (["a", "s[1]", "b"], "a,b,s[1]"),
            (["x/t1", "x/t2"], "x/t(1-2)"),
        ] as [([String], String)])
    func `Paths that differ in one number alone come together, and come back`(paths: [String], text: String) {
        let folded = FoldedTasks(phase: .succeeded, reason: "", paths: paths)
        #expect(folded.tasks == text)
        #expect(folded.statuses.map(\.name).sorted() == paths.sorted())
    }

    @Test func `Whatever is folded comes back`() {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var paths: Set<String> = []
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                var path = ["a", "step", "t0", "x-1-", "9"].randomElement(using: &random) ?? ""
                path += ["", "\(Int.random(in: 0...12, using: &random))"].randomElement(using: &random) ?? ""
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    path += "[\(Int.random(in: 0...9, using: &random))]"
                    if Bool.random(using: &random) { path += "/in\(Int.random(in: 0...3, using: &random))" }
                }
                paths.insert(path)
            }
            let folded = FoldedTasks(phase: .skipped, reason: "WhenFalse", paths: paths.sorted())
            #expect(folded.statuses.map(\.name).sorted() == paths.sorted(), "seed \(seed)")
        }
    }

    @Test(arguments: [
        "", ",", "a[", "a[1", "a[1-", "a[5-1]", "a[-1]", "a[0-99999999999]", "a[1-2-3]", "]a[", "a(1", "[0-2]", "a[x]",
    ])
    func `A text that nobody wrote harms nothing`(text: String) {
        #expect(FoldedTasks(phase: .succeeded, reason: "", tasks: text).statuses.count < 10)
    }

    @Test func `10,000 tasks fold into little`() {
        let names = (0..<10_000).map { "shard[\($0)]" } + (0..<10_000).map { "step-\($0)" }
        #expect(FoldedTasks(phase: .succeeded, reason: "", paths: names).tasks == "shard[0-9999],step-(0-9999)")
    }
}
