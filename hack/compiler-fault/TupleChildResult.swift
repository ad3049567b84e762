// A miscompilation of Swift 6.3.1 under -O: a tuple as the child result of a task group is copied wrongly when it holds a
// struct with references. `hack/compiler-fault.sh` builds and runs this; it prints every line whole, or it crashes.

struct Identity: Sendable {
    var task: String
    var attempt: Int
    var replica: Int
}

final class Box: Sendable {
    let text: String
    init(_ text: String) { self.text = text }
}

actor Runner {
    nonisolated func make(_ name: String) async throws -> Box {
        try await Task.sleep(nanoseconds: 100_000)
        return Box(name + name)
    }

    /// How many answers came back as they were sent.
    func create(_ actions: [(Identity, String)]) async -> Int {
        var right = 0
        await withTaskGroup(of: (Identity, Result<Box, any Error>).self) { group in
            for (identity, name) in actions {
                group.addTask { [self] in
                    do {
                        return (identity, .success(try await make(name)))
                    } catch {
                        return (identity, .failure(error))
                    }
                }
            }
            while let (identity, result) = await group.next() {
                guard case .success(let box) = result else { continue }
                if box.text == identity.task + identity.task { right += 1 }
            }
        }
        return right
    }
}

@main enum Main {
    static func main() async {
        let runner = Runner()
        for round in 0..<500 {
            let actions = (0..<8).map { number in
                let name = "a task with a name too long to be kept inline \(round) \(number)"
                return (Identity(task: name, attempt: round, replica: number), name)
            }
            let right = await runner.create(actions)
            guard right == actions.count else {
                print("round \(round): \(right) of \(actions.count) answers came back whole")
                return
            }
        }
        print("sound")
    }
}
