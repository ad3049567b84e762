import ArgumentParser
import Clocks
import CronSchedule
import JSON
import KubernetesModel
import ZoneInfo

/// `sluice schedule`: what there is to know about schedules.
struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Shows when a schedule fires, and starts runs by hand.",
        subcommands: [ScheduleNextCommand.self, ScheduleTriggerCommand.self])
}

/// `sluice schedule next`: a cron expression in words, and the next times of it.
struct ScheduleNextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Says in words what a cron expression means, and when it fires next.",
        discussion: """
            Five fields (minute, hour, day of month, month, day of week), a macro such as
            @daily, or @every with a duration, which counts from --after. The expression
            is one argument: put it in quotes.

            A fixed time that daylight saving skips fires right after the gap, and one
            that comes twice fires once. Where minute or hour begin with * the schedule
            goes by elapsed time.

            Exit code 2 for a mistake in the expression, the zone or the time.

            EXAMPLES
              sluice schedule next '30 2 * * MON-FRI' --time-zone Europe/Berlin
              sluice schedule next '*/15 * * * *' --after 2026-03-29T00:00:00Z -o json
            """)

    /// What is printed.
    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Argument(help: ArgumentHelp("A cron expression.", valueName: "expression"))
    var text: String

    @Option(help: "The zone of the expression, as the tz database names it; UTC when left out.")
    var timeZone: String = "UTC"

    @Option(help: ArgumentHelp("Shows the times strictly after this one; now when left out.", valueName: "RFC 3339"))
    var after: String?

    @Option(parsing: .unconditional, help: "How many times to show, 1 to 1000.")
    var count: Int = 5

    @Option(name: [.customShort("o"), .customLong("output")], help: "table or json; a table when left out.")
    var output: Output = .table

    func run() throws {
        let expression: CronExpression
        let zone: ZoneRules
        do {
            expression = try CronExpression(text)
            zone = try ZoneDatabase().rules(timeZone)
        } catch let error as CronError {
            Console.error("\(error.message)\n  \(Self.shown(text))\n  \(Self.caret(under: text, at: error.position))")
            throw ExitCode(ExitStatus.badInput)
        } catch let error as ZoneError {
            Console.error(error.message)
            throw ExitCode(ExitStatus.badInput)
        }
        var start = SystemClock().now.wholeSecond
        if let after {
            guard let time = Timestamp(rfc3339: after) else {
                Console.error("--after \(after): expected a time in RFC 3339, such as 2026-03-29T00:00:00Z")
                throw ExitCode(ExitStatus.badInput)
            }
            start = time
        }
        guard (1...1000).contains(count) else {
            Console.error("--count \(count): expected 1 to 1000")
            throw ExitCode(ExitStatus.badInput)
        }
        let rule = CronRule(expression, zone: zone, anchor: start)
        var times: [Timestamp] = []
        var last = start
        while times.count < count, let next = rule.next(after: last) {
            times.append(next)
            last = next
        }
        try show(expression, zone, start, times)
    }

    private func show(_ expression: CronExpression, _ zone: ZoneRules, _ start: Timestamp, _ times: [Timestamp]) throws
    {
        switch output {
        case .json:
            let value = JSONValue.object([
                "schedule": .string(expression.text), "timeZone": .string(zone.name),
                "english": .string(expression.english), "after": .string(start.description),
                "times": .array(
                    times.map { .object(["local": .string(zone.rfc3339($0)), "utc": .string($0.rfc3339)]) }),
            ])
            try Console.print(value.prettyText)
        case .table:
            try Console.print("\(expression.english), \(zone.name)")
            for time in times {
                try Console.print("  \(zone.weekday(time).prefix(3)) \(zone.rfc3339(time))  \(time.rfc3339)")
            }
            if times.count < count { try Console.print(times.isEmpty ? "  never again" : "  and never again") }
        }
    }

    /// The text on one line of a terminal: characters that would move the cursor are shown as blanks.
    private static func shown(_ text: String) -> String {
        String(text.map { $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } ? $0 : " " })
    }

    private static func caret(under text: String, at position: Int) -> String {
        String(repeating: " ", count: position) + "^"
    }
}
