import Foundation
import JSON
import SeededRandom
import SluiceAPI
import Testing

/// E3 over generated text. A failure names its seed: set SLUICE_SEED to have it again, SLUICE_FUZZ for the number of texts.
struct ReferenceFuzzTests {
    static let pieces = [
        "$", "$$", "(", ")", "$(", "$$(", "[", "]", ".", " ", "params", "tasks", "run", "task", "replica", "item", "x",
        "0", "1",
        "results", "phase", "name", "attempt", "index", "-", "é", "\u{301}", "\u{1F600}", "\n", "\r\n", "\u{0}", "\"",
        "\\",
        "$(params.x)", "$(tasks.a.results.r)", "$(run.name)", "{", "}", "99999999999999999999", "date",
    ]
    static let environment = ProcessInfo.processInfo.environment

    static func text(_ seed: UInt64, from pieces: [String] = pieces) -> String {
        var random = SeededGenerator(seed: seed)
        return (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
            .joined()
    }

    static var seeds: Range<UInt64> {
        if let seed = environment["SLUICE_SEED"].flatMap({ UInt64($0) }) { return seed..<seed + 1 }
        return 0..<(environment["SLUICE_FUZZ"].flatMap { UInt64($0) } ?? 20_000)
    }

    @Test func `E3: no text crashes, and the parts put together again are the text, escapes aside`() {
        for seed in Self.seeds {
            let text = Self.text(seed)
            let template = ReferenceTemplate(text)
            // References left as they stand: then only `$$(` before a reference may have changed.
            let kept = template.substitute { _ in nil }
            guard case .string(let result) = kept else {
                Issue.record("seed \(seed): \(text.debugDescription) became \(kept)")
                return
            }
            // `[01]` is read as `[1]`.
            guard text.utf8.elementsEqual(result.utf8) || text.contains("$$(") || text.contains("[0") else {
                Issue.record("seed \(seed): \(text.debugDescription) became \(result.debugDescription)")
                return
            }
        }
    }

    @Test func `E3: text in which nothing begins as a reference is unchanged, byte for byte`() {
        let roots = ["params", "tasks", "run", "task", "replica", "item"]
        let pieces = Self.pieces.filter { piece in !roots.contains { piece.contains($0) } }
        for seed in Self.seeds {
            let text = Self.text(seed, from: pieces)
            let result = ReferenceTemplate(text).substitute { _ in "REPLACED" }
            guard result.string.map({ Array($0.utf8) }) == Array(text.utf8) else {
                Issue.record("seed \(seed): \(text.debugDescription) became \(result)")
                return
            }
        }
    }

    @Test func `E3: a reference reads back as itself from its own text, wherever it stands`() {
        for seed in Self.seeds {
            var random = SeededGenerator(seed: seed)
            let reference = Self.reference(&random)
            let around = Self.text(seed, from: ["a", " ", ")", "(", "[", "é", "\u{301}", "\n", "{", "$HOME "])
            let template = ReferenceTemplate(around + "$(\(reference))" + around)
            let escaped = ReferenceTemplate(around + "$$(\(reference))" + around).substitute { _ in "REPLACED" }
            guard ReferenceTemplate("$(\(reference))").parts == [.reference(reference)],
                template.references == [reference],
                escaped.string.map({ Array($0.utf8) }) == Array((around + "$(\(reference))" + around).utf8)
            else {
                Issue.record("seed \(seed): \(reference) within \(around.debugDescription)")
                return
            }
        }
    }

    static func reference(_ random: inout SeededGenerator) -> Reference {
        func name() -> String {
            ["x", "a-b", "A_1", "0", "params", "results", "-"].randomElement(using: &random) ?? "x"
        }
        let root: Reference.Root =
            switch Int.random(in: 0..<7, using: &random) {
            case 0: .parameter(name())
            case 1: .result(task: name(), name: name())
            case 2: .taskPhase(name())
            case 3: .run([.name, .uid, .namespace, .phase].randomElement(using: &random) ?? .name)
            case 4: .attempt
            case 5: .replicaIndex
            default: .item
            }
        var steps: [Reference.Step] = []
        switch root {
        case .parameter, .result, .item:
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                steps.append(
                    Bool.random(using: &random) ? .field(name()) : .index(Int.random(in: 0...1000, using: &random)))
            }
        default: break
        }
        return Reference(root: root, steps: steps)
    }
}
