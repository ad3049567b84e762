import Testing

@Suite struct ScheduleNextTests {
    private func next(_ arguments: String...) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(Tools.sluice, ["schedule", "next"] + arguments)
    }

    @Test func `sluice schedule next says what an expression means and when it fires, with both clocks`() async throws {
        let result = try await next(
            "30 1 * * *", "--time-zone", "Europe/London", "--after", "2026-03-28T12:00:00Z", "--count", "2")
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.output == """
                at 01:30 every day, Europe/London
                  Sun 2026-03-29T02:00:00+01:00  2026-03-29T01:00:00Z
                  Mon 2026-03-30T01:30:00+01:00  2026-03-30T00:30:00Z

                """)
        let json = try await next("@every 90m", "--after", "2026-01-01T00:00:00Z", "--count", "1", "-o", "json")
        #expect(json.status == 0, "\(json.errors)")
        for part in [
            "\"english\": \"every 1 hour 30 minutes\"", "\"utc\": \"2026-01-01T01:30:00Z\"", "\"timeZone\": \"UTC\"",
        ] {
            #expect(json.output.contains(part), "\(json.output)")
        }
        let now = try await next("@hourly")
        #expect(now.output.split(separator: "\n").count == 6, "\(now.output)")
    }

    @Test func `What is wrong with an expression is pointed at, and the exit code is 2`() async throws {
        let result = try await next("0 0 * * FRI-SUN")
        #expect(result.status == 2)
        #expect(
            result.errors == """
                error: the range `FRI-SUN` of the day of week goes down; expected it to go up: FRI-7
                  0 0 * * FRI-SUN
                          ^

                """)
        for (arguments, part) in [
            (["* * * * *", "--time-zone", "berlin"], "did you mean Europe/Berlin?"),
            (["* * * * *", "--time-zone", "+02:00"], "is an offset"),
            (["* * * * *", "--after", "tomorrow"], "RFC 3339"),
            (["* * * * *", "--count", "0"], "expected 1 to 1000"),
        ] {
            let result = try await Program.run(Tools.sluice, ["schedule", "next"] + arguments)
            #expect(result.status == 2)
            #expect(result.errors.contains(part), "\(result.errors)")
            #expect(result.output.isEmpty)
        }
        let without = try await Program.run(
            Tools.sluice, ["schedule", "next", "@daily", "--time-zone", "Europe/Berlin"],
            environment: ["TZDIR": "/nowhere"])
        #expect(without.status == 2)
        #expect(
            without.errors.contains("there is no tz database in /nowhere; expected the package tzdata"),
            "\(without.errors)")
    }
}
