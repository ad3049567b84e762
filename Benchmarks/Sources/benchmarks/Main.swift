import Foundation
import JSON

/// Runs the benchmarks that are named, or all, and prints their figures as one JSON object.
@main enum Main {
    // In this order: a child's peak of memory is never less than what its parent had when it started the child, so the children
    // are measured while this process is small.
    private static let all: [(name: String, run: @Sendable () async throws -> JSONValue)] = [
        ("localRun", { try await LocalRun.run() }),
        ("localUp", { try await LocalUp.run() }),
        ("engineStep", { try EngineStep.run() }),
        ("expressions", { try Expressions.run() }),
        ("gangQueue", { try GangQueueing.run() }),
        ("simulate", { try Simulate.run() }),
        ("clientRequests", { try await ClientRequests.run() }),
    ]

    /// Those that are run only when they are named: the queue is too slow to be waited for.
    private static let onDemand: Set<String> = []

    static func main() async {
        let wanted = CommandLine.arguments.dropFirst()
        for name in wanted where !all.contains(where: { $0.name == name }) {
            fail("there is no benchmark \(name); there are \(all.map(\.name).joined(separator: ", "))")
        }
        #if DEBUG
            fail("a debug build says nothing of speed: build with -c release")
        #endif
        var figures: JSONValue = [
            "machine": [
                "cores": .int(Int64(ProcessInfo.processInfo.activeProcessorCount)), "loadBefore": .double(load()),
            ]
        ]
        for (name, run) in all where wanted.isEmpty ? !onDemand.contains(name) : wanted.contains(name) {
            say("running \(name)")
            do { figures[name] = try await run() } catch { fail("\(name): \(error)") }
        }
        print(figures.prettyText)
    }

    /// The machine's load over the last minute: figures of a busy machine are worth little.
    private static func load() -> Double {
        var average = 0.0
        return getloadavg(&average, 1) == 1 ? rounded(average) : -1
    }

    static func say(_ text: String) { FileHandle.standardError.write(Data("benchmarks: \(text)\n".utf8)) }

    private static func fail(_ text: String) -> Never {
        say(text)
        exit(1)
    }
}

/// The memory of this process that is in use, in bytes.
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
}

/// A figure with three digits after the point.
func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

extension Duration {
    var milliseconds: Double { Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15 }
}

/// The median of some figures; there must be one.
func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
