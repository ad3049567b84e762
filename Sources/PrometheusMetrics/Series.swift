import CoreMetrics
import Synchronization

/// What a metric is called and labelled, apart from its kind.
struct SeriesName: Sendable, Hashable {
    var metric: String
    var labels: [MetricLabel]

    init(_ label: String, _ dimensions: [(String, String)]) {
        metric = Exposition.name(label)
        labels = []
        for (name, value) in dimensions {
            let name = Exposition.name(name, allowsColon: false)
            // Of a label that is given twice the first counts: Prometheus refuses a line with both.
            guard !labels.contains(where: { $0.name == name }) else { continue }
            labels.append(MetricLabel(name, value))
        }
        labels.sort { $0.name < $1.name }
    }
}

/// One series of the registry.
protocol Series: AnyObject, Sendable {
    static var kind: String { get }
    var name: SeriesName { get }
    var lines: [Exposition.Line] { get }
}

/// A number that only grows.
final class CounterSeries: Series, CounterHandler, FloatingPointCounterHandler {
    static let kind = "counter"
    let name: SeriesName
    private let value = Mutex(0.0)

    init(_ name: SeriesName) { self.name = name }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) {
        guard amount > 0 else { return }
        value.withLock { $0 += amount }
    }
    func reset() { value.withLock { $0 = 0 } }

    var lines: [Exposition.Line] { [Exposition.Line(labels: name.labels, value: value.withLock(\.self))] }
}

/// A number that goes up and down.
final class GaugeSeries: Series, MeterHandler, RecorderHandler {
    static let kind = "gauge"
    let name: SeriesName
    private let value = Mutex(0.0)

    init(_ name: SeriesName) { self.name = name }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }

    var lines: [Exposition.Line] { [Exposition.Line(labels: name.labels, value: value.withLock(\.self))] }
}

/// How often values came to how much; of times, in seconds.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    static let kind = "histogram"
    let name: SeriesName

    private struct State {
        /// By the first bound that is not less than the value; the last is of what is above all of them.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// The bounds ascend.
    init(_ name: SeriesName, bounds: [Double]) {
        self.name = name
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[index] += 1
            state.sum += value
        }
    }

    var lines: [Exposition.Line] {
        let state = state.withLock(\.self)
        var lines: [Exposition.Line] = []
        var total = 0.0
        for (bound, count) in zip(bounds + [.infinity], state.counts) {
            total += Double(count)
            let labels = name.labels + [MetricLabel("le", Exposition.text(of: bound))]
            lines.append(Exposition.Line(suffix: "_bucket", labels: labels, value: total))
        }
        lines.append(Exposition.Line(suffix: "_sum", labels: name.labels, value: state.sum))
        lines.append(Exposition.Line(suffix: "_count", labels: name.labels, value: total))
        return lines
    }
}
