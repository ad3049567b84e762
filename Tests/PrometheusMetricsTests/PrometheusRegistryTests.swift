import CoreMetrics
import PrometheusMetrics
import SeededRandom
import Testing

@Suite struct PrometheusRegistryTests {
    @Test func `Counters, gauges and meters are lines with sorted labels under their types, metrics by name`() {
        let registry = PrometheusRegistry()
        registry.describe("b_total", "Things\\ with\nlines.")
        Counter(label: "b_total", dimensions: [("z", "1"), ("a", "2")], factory: registry).increment(by: 3)
        FloatingPointCounter(label: "c_seconds_total", factory: registry).increment(by: 0.5)
        Gauge(label: "a_depth", dimensions: [("name", "two")], factory: registry).record(7)
        Gauge(label: "a_depth", dimensions: [("name", "one")], factory: registry).record(-1.25)
        let meter = Meter(label: "d_active", factory: registry)
        meter.increment()
        meter.increment()
        meter.decrement()
        #expect(
            registry.exposition() == """
                # TYPE a_depth gauge
                a_depth{name="one"} -1.25
                a_depth{name="two"} 7
                # HELP b_total Things\\\\ with\\nlines.
                # TYPE b_total counter
                b_total{a="2",z="1"} 3
                # TYPE c_seconds_total counter
                c_seconds_total 0.5
                # TYPE d_active gauge
                d_active 1

                """)
    }

    @Test func `Timers are histograms in seconds, whose buckets add up`() {
        let registry = PrometheusRegistry(bounds: [0.1, 1])
        let timer = Timer(label: "t_seconds", dimensions: [("name", "q")], factory: registry)
        timer.recordMilliseconds(100)
        timer.recordMilliseconds(250)
        timer.recordSeconds(4)
        Recorder(label: "v", factory: registry).record(0.25)
        #expect(
            registry.exposition() == """
                # TYPE t_seconds histogram
                t_seconds_bucket{name="q",le="0.1"} 1
                t_seconds_bucket{name="q",le="1"} 2
                t_seconds_bucket{name="q",le="+Inf"} 3
                t_seconds_sum{name="q"} 4.35
                t_seconds_count{name="q"} 3
                # TYPE v histogram
                v_bucket{le="0.1"} 0
                v_bucket{le="1"} 1
                v_bucket{le="+Inf"} 1
                v_sum 0.25
                v_count 1

                """)
    }

    @Test
    func `Whoever makes a metric of the same name and labels counts in the same series, which ends when destroyed`() {
        let registry = PrometheusRegistry()
        let one = Counter(label: "n_total", dimensions: [("a", "1"), ("b", "2")], factory: registry)
        let same = Counter(label: "n_total", dimensions: [("b", "2"), ("a", "1")], factory: registry)
        one.increment()
        same.increment()
        #expect(registry.exposition() == "# TYPE n_total counter\nn_total{a=\"1\",b=\"2\"} 2\n")
        one.destroy()
        #expect(registry.exposition() == "")
    }

    @Test func `A metric whose name is of another kind takes values and is not shown`() {
        let registry = PrometheusRegistry()
        Counter(label: "n", factory: registry).increment()
        Gauge(label: "n", factory: registry).record(9)
        Gauge(label: "n", dimensions: [("a", "1")], factory: registry).record(9)
        registry.addCollector { [MetricFamily("n", .gauge, help: "", samples: [.init(5, [MetricLabel("b", "")])])] }
        #expect(registry.exposition() == "# TYPE n counter\nn 1\n")
    }

    @Test func `Names that Prometheus would refuse are mended, values of labels are escaped`() {
        let registry = PrometheusRegistry()
        Counter(
            label: "1 a.b-c:d", dimensions: [("x:y", "a\"b\\c\nd"), ("x_y", "second"), ("ü", "é")], factory: registry
        ).increment()
        #expect(
            registry.exposition() == """
                # TYPE _1_a_b_c:d counter
                _1_a_b_c:d{_="é",x_y="a\\"b\\\\c\\nd"} 1

                """)
    }

    @Test(
        arguments: [
            (0, "0"), (-3, "-3"), (0.1, "0.1"), (1e15, "1000000000000000"), (1e20, "1e+20"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1e-7, "1e-07"),
        ] as [(Double, String)])
    func `Numbers are written as Prometheus reads them`(value: Double, text: String) {
        let registry = PrometheusRegistry()
        registry.addCollector { [MetricFamily("v", .gauge, help: "A value.", samples: [.init(value)])] }
        #expect(registry.exposition() == "# HELP v A value.\n# TYPE v gauge\nv \(text)\n")
    }

    @Test func `What a collector does not give any more is gone`() {
        let registry = PrometheusRegistry()
        let queues = Queues()
        registry.addCollector {
            [
                MetricFamily(
                    "q", .gauge, help: "Waiting.", samples: queues.names.map { .init(1, [MetricLabel("queue", $0)]) })
            ]
        }
        queues.names = ["b", "a"]
        #expect(registry.exposition() == "# HELP q Waiting.\n# TYPE q gauge\nq{queue=\"a\"} 1\nq{queue=\"b\"} 1\n")
        queues.names = ["b"]
        #expect(registry.exposition() == "# HELP q Waiting.\n# TYPE q gauge\nq{queue=\"b\"} 1\n")
        queues.names = []
        #expect(registry.exposition() == "")
    }

    @Test func `No increment is lost between many tasks, while others read`() async {
        let registry = PrometheusRegistry()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for index in 0..<500 {
                        Counter(label: "n_total", factory: registry).increment()
                        if index % 100 == number { _ = registry.exposition() }
                    }
                }
            }
        }
        #expect(registry.exposition() == "# TYPE n_total counter\nn_total 4000\n")
    }
}

/// Names that a test changes between two scrapes.
private final class Queues: @unchecked Sendable {
    // @unchecked: the test and what it calls are on one thread.
    var names: [String] = []
}
