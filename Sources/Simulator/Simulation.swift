/// Runs, and the world around them, in virtual time: what `sluice simulate` is.
///
/// ``SimulationInput`` is what is given: runs, Pipelines and a ``Scenario``. ``Simulation/run(_:)`` lets it happen and gives a
/// ``SimulationReport``. Inside, a `World` holds the pods as values that look as kubelets leave them, so that the engine judges them as
/// it judges real ones, and drives each run's `RunDriver`: the same value as the operator's, with an API server that answers at once.
///
/// All that happens in one instant is seen in one step: ends of pods first, then runs that come, then actions, then time-outs, then
/// starts. Where there are nodes or queues a `QueueDriver`, the same value as the operator's as well, decides after that, once a
/// step, and what it says is done in the same instant. Admitted pods are bound to their planned nodes and run from the moment that
/// they are created. With no node the capacity has no end.
///
/// A `ScheduleEngine` decides on each ScheduledRun whenever something of it happens or comes due, by the operator's wall clock, and
/// its runs are like all others. The rules of time zones are part of the input.
///
/// Not simulated: `ttlSecondsAfterFinished`, since a dry run is to show what became of its runs; grace periods; and evictions by taints
/// (NoExecute).
///
/// What the module must never do:
/// - No I/O, no clock, no random numbers. Same input, same bytes, on any machine: nothing depends on the order of a dictionary.
/// - No rule of the engine a second time, and no order of effects: the engine decides, the driver orders.
public enum Simulation {
    /// Lets everything happen. The cost is that of the engine's steps: some microseconds a pod, and for each instant in which a run
    /// changes, its status.
    public static func run(_ input: SimulationInput) -> SimulationReport {
        let world = World(input)
        world.run()
        return world.report
    }
}
