public import PipelineEngine

/// What an operator's flags may change about how runs are handled.
public struct RunSettings: Sendable, Hashable {
    public var engine = EngineSettings()
    public var driver = RunDriver.Settings()
    /// How long a run waits for the Pipeline that it refers to: a Git sync may bring it later.
    public var pipelineDeadline: Duration = .seconds(600)
    /// Requests that only tidy and are under way at the same time, for all runs together.
    public var backgroundWrites = 2
    /// Requests of one run that are under way at the same time.
    public var concurrentWrites = 16

    /// While the operator creates so many pods a second, statuses are written as often as ``driver`` says; while it creates twice as
    /// many, half as often, so that what only informs leaves the API server to what lets runs go on.
    public var createsAtFullPace = 5.0
    /// The most by which statuses get rarer.
    public var slowestPace = 10

    /// The defaults.
    public init() {}

    func statusPace(createsPerSecond rate: Double) -> Int {
        min(max(1, Int(rate / createsAtFullPace)), slowestPace)
    }

    /// For an API server in this process with one person before it: the status follows at once.
    public static var local: RunSettings {
        var settings = RunSettings()
        settings.driver.firstStatusDelay = .zero
        settings.driver.statusInterval = .milliseconds(100)
        return settings
    }
}
