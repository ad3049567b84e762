import CEL
import JSON

/// How many conditions a second are worked out, and how many are read.
enum Expressions {
    static func run() throws -> JSONValue {
        let environment = CELEnvironment(["params": .dyn, "tasks": .dyn, "inputs": .dyn])
        let values: JSONObject = [
            "params": ["n": 7, "list": .array((0..<100).map { .int($0) })],
            "tasks": ["fit": ["results": ["accuracy": 0.93]]],
            "inputs": ["parameter_values": ["pipelinechannel--x": "heads", "n": "12"]],
        ]
        let sources = [
            "params.n > 3", "tasks.fit.results.accuracy >= 0.9 && params.n != 8",
            "inputs.parameter_values['pipelinechannel--x'] == 'heads' && int(inputs.parameter_values['n']) > 9",
            "params.list.exists(x, x == 99)",
        ]
        let clock = ContinuousClock()
        return .array(
            try sources.map { source in
                let expression = try CELExpression(source, in: environment)
                let begin = clock.now
                var count = 0
                while clock.now - begin < .milliseconds(300) {
                    for _ in 0..<100 { _ = try expression.evaluateBool { values[$0] } }
                    count += 100
                }
                let evaluations = Double(count) / ((clock.now - begin).milliseconds / 1000)
                let start = clock.now
                for _ in 0..<2000 { _ = try CELExpression(source, in: environment) }
                let readings = 2000 / ((clock.now - start).milliseconds / 1000)
                return [
                    "expression": .string(source), "evaluationsASecond": .int(Int64(evaluations)),
                    "readingsASecond": .int(Int64(readings)),
                ]
            })
    }
}
