public import CoreMetrics
import Synchronization

/// What swift-metrics reports to, as a text that Prometheus scrapes.
///
/// Counters are counters, gauges and meters are gauges, timers and recorders that aggregate are histograms, of timers in seconds. A
/// metric of the same name and labels is the same series, whoever makes it. One whose name another kind of metric has already takes its
/// values and is not shown: a mistake in a metric must not end the process.
public final class PrometheusRegistry: MetricsFactory {
    private struct State {
        /// By the name of the metric, then by its labels.
        var series: [String: [[MetricLabel]: any Series]] = [:]
        var help: [String: String] = [:]
        var collectors: [@Sendable () -> [MetricFamily]] = []
    }

    /// The bounds of histograms: half a millisecond to a minute, in seconds.
    public static let defaultBounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    private let bounds: [Double]
    private let state = Mutex(State())

    /// A registry without metrics. `bounds` are those of its histograms.
    public init(bounds: [Double] = PrometheusRegistry.defaultBounds) { self.bounds = bounds.sorted() }

    /// The media type of ``exposition()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Says what a metric counts, in one sentence, for those who read the text.
    public func describe(_ name: String, _ help: String) { state.withLock { $0.help[Exposition.name(name)] = help } }

    /// Adds metrics that are worked out when they are asked for. What `collect` does not give any more is gone from the text. It is
    /// called for each scrape and must answer at once.
    public func addCollector(_ collect: @escaping @Sendable () -> [MetricFamily]) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// All metrics as text, in the same order each time.
    public func exposition() -> String {
        let state = state.withLock(\.self)
        var exposition = Exposition()
        for (metric, all) in state.series {
            for (labels, series) in all {
                exposition.add(
                    metric, kind: type(of: series).kind, help: state.help[metric], labels: labels, lines: series.lines)
            }
        }
        for collect in state.collectors {
            for family in collect() {
                for sample in family.samples {
                    let name = SeriesName(family.name, sample.labels.map { ($0.name, $0.value) })
                    exposition.add(
                        name.metric, kind: family.kind.rawValue, help: family.help, labels: name.labels,
                        lines: [Exposition.Line(labels: name.labels, value: sample.value)])
                }
            }
        }
        return exposition.text
    }

    // MARK: swift-metrics

    /// The series of that name, made where there is none; one that is not shown where the name is of another kind.
    private func series<Made: Series>(
        _ label: String, _ dimensions: [(String, String)], _ make: (SeriesName) -> Made
    ) -> Made {
        let name = SeriesName(label, dimensions)
        return state.withLock { state in
            let all = state.series[name.metric] ?? [:]
            if let known = all[name.labels] as? Made { return known }
            let made = make(name)
            let isOfOtherKind = all.values.contains { type(of: $0).kind != Made.kind }
            if !isOfOtherKind { state.series[name.metric, default: [:]][name.labels] = made }
            return made
        }
    }

    private func remove(_ handler: AnyObject) {
        guard let series = handler as? any Series else { return }
        let name = series.name
        state.withLock { state in
            guard state.series[name.metric]?[name.labels] === series else { return }
            state.series[name.metric]?[name.labels] = nil
            if state.series[name.metric]?.isEmpty ?? false { state.series[name.metric] = nil }
        }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, CounterSeries.init)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, CounterSeries.init)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, GaugeSeries.init)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? series(label, dimensions) { HistogramSeries($0, bounds: bounds) }
            : series(label, dimensions, GaugeSeries.init)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions) { HistogramSeries($0, bounds: bounds) }
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
