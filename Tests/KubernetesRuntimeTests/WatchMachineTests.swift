import CurlHTTP
import JSON
import KubernetesClient
import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite struct WatchMachineTests {
    private func names(_ events: [WatcherEvent<Widget>]) -> [String] {
        events.map { event in
            switch event {
            case .initStart: "initStart"
            case .initApply(let item): "initApply \(item.metadata.name)"
            case .initDone(let version): "initDone \(version)"
            case .apply(let item): "apply \(item.metadata.name)"
            case .delete(let item): "delete \(item.metadata.name)"
            case .progress(let version): "progress \(version)"
            }
        }
    }

    private func page(_ names: [String], token: String? = nil) -> ObjectList<Widget> {
        ObjectList(
            items: names.map { .object(Widget($0, version: 3)) }, resourceVersion: "7", continueToken: token)
    }

    private static let expired = APIStatus(code: 410, reason: "Expired", message: "too old")

    @Test func `A list is taken in pages and followed by a watch from its version`() {
        var machine = WatchMachine<Widget>(pageSize: 2)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
        #expect(names(machine.received(page(["a", "b"], token: "t"))) == ["initStart", "initApply a", "initApply b"])
        #expect(machine.state == .paging(continueToken: "t"))
        #expect(machine.request == .list(continueToken: "t", limit: 2))
        #expect(names(machine.received(page(["c"], token: ""))) == ["initApply c", "initDone 7"])
        #expect(machine.state == .listed(resourceVersion: "7"))
        #expect(machine.request == .watch(resourceVersion: "7"))
    }

    @Test func `A watch resumes from the last version, bookmarks included`() {
        var machine = WatchMachine<Widget>()
        _ = machine.received(page([]))
        let (events, failure) = machine.received([
            .added(.object(Widget("a", version: 8))), .modified(.object(Widget("a", version: 9))),
            .deleted(.object(Widget("a", version: 10))),
        ])
        #expect(names(events) == ["apply a", "apply a", "delete a"] && failure == nil)
        #expect(machine.request == .watch(resourceVersion: "10"))
        _ = machine.received([.bookmark(resourceVersion: "40", endsInitialEvents: false)])
        #expect(machine.state == .watching(resourceVersion: "40"))
    }

    @Test func `An object that cannot be decoded moves the watch on like any other`() {
        var machine = WatchMachine<Widget>()
        _ = machine.received(page([]))
        let bad = Decoded<Widget>.undecodable(Widget("a", version: 12).metadata, JSONError("bad", offset: 0))
        #expect(names(machine.received([.added(bad)]).events) == ["apply a"])
        #expect(machine.request == .watch(resourceVersion: "12"))
    }

    @Test func `410 in the stream leads to a new list, after what came before it has been told`() {
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page([]))
        let (events, failure) = machine.received([
            .added(.object(Widget("a", version: 8))), .error(Self.expired), .added(.object(Widget("b", version: 9))),
        ])
        #expect(names(events) == ["apply a"] && failure == Self.expired)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
        #expect(names(machine.received(page(["x"]))) == ["initStart", "initApply x", "initDone 7"])
    }

    @Test func `A continue token that expired leads to a list in one piece, once`() {
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page(["a", "b"], token: "t"))
        machine.failed(Self.expired)
        #expect(machine.request == .list(continueToken: nil, limit: nil))
        _ = machine.received(page(["a", "b", "c"]))
        machine.failed(Self.expired)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
    }

    @Test func `Any other error leads to the same request again`() {
        var machine = WatchMachine<Widget>(pageSize: 2)
        let error = APIStatus(code: 500, reason: "InternalError", message: "etcd")
        machine.failed(error)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
        _ = machine.received(page(["a", "b"], token: "t"))
        machine.failed(error)
        #expect(machine.request == .list(continueToken: "t", limit: 2))
        _ = machine.received(page(["c"]))
        #expect(machine.received([.error(error)]).failure == error)
        #expect(machine.request == .watch(resourceVersion: "7"))
        machine.failed(CancellationError())
        #expect(machine.request == .watch(resourceVersion: "7"))
    }

    @Test func `A list in one piece that fails is followed by pages again`() {
        for error in [Self.expired, KubernetesClientError(.transport, "the answer is too large")] as [any Error] {
            var machine = WatchMachine<Widget>(pageSize: 2)
            _ = machine.received(page(["a", "b"], token: "t"))
            machine.failed(Self.expired)
            #expect(machine.request == .list(continueToken: nil, limit: nil))
            machine.failed(error)
            #expect(machine.request == .list(continueToken: nil, limit: 2))
        }
    }

    @Test(
        arguments: [
            KubernetesClientError(.unexpectedBody, "no event"),
            APIStatus(code: 400, reason: "BadRequest", message: "no"),
            APIStatus(code: 0, reason: "", message: "unknown"),
            APIStatus(code: 404, reason: "NotFound", message: "gone"),
        ] as [any Error])
    func `What asking again from the same version cannot mend leads to a list at once`(error: any Error) {
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page(["a"]))
        machine.failed(error, hadWorked: true)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
        _ = machine.received(page(["a"]))
        if let status = error as? APIStatus {
            _ = machine.received([.error(status)])
            #expect(machine.request == .list(continueToken: nil, limit: 2))
        }
    }

    @Test func `A version or a token with which the server fails time after time leads to a list`() {
        let error = APIStatus(code: 500, reason: "InternalError", message: "etcd")
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page(["a", "b"], token: "t"))
        for _ in 0..<4 { machine.failed(error) }
        #expect(machine.request == .list(continueToken: "t", limit: 2))
        machine.failed(error)
        #expect(machine.request == .list(continueToken: nil, limit: 2))
        _ = machine.received(page(["a"]))
        for version in 8..<20 {
            // Progress begins the count anew.
            for _ in 0..<4 { _ = machine.received([.error(error)]) }
            _ = machine.received([.added(.object(Widget("a", version: UInt64(version))))])
        }
        #expect(machine.request == .watch(resourceVersion: "19"))
        for _ in 0..<5 { machine.failed(error) }
        #expect(machine.request == .list(continueToken: nil, limit: 2))
    }

    @Test func `A server that is busy or not reached is not listed for that`() {
        var unreachable = KubernetesClientError(.transport, "connection refused")
        unreachable.transport = HTTPError(
            .connect, "connection refused", method: "GET", url: "", mayHaveBeenSent: false)
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page(["a"]))
        for _ in 0..<20 {
            machine.failed(unreachable)
            machine.failed(APIStatus(code: 429, reason: "TooManyRequests", message: "later"))
            machine.failed(KubernetesClientError(.transport, "broke"), hadWorked: true)
        }
        #expect(machine.request == .watch(resourceVersion: "7"))
    }

    @Test func `A server that is behind the version asked for is listed anew`() {
        var machine = WatchMachine<Widget>(pageSize: 2)
        _ = machine.received(page(["a"]))
        machine.failed(APIStatus(code: 504, reason: "Timeout", message: "Too large resource version: 7, current: 3"))
        #expect(machine.state == .empty)
    }

    @Test func `The backoff goes from 0.8 to 30 s, doubling with jitter, and starts over after two minutes`() {
        var backoff = Backoff()
        var now = Duration.zero
        var delays: [Duration] = []
        for _ in 0..<8 {
            delays.append(backoff.next(at: now) { 0 })
            now += delays[delays.count - 1]
        }
        #expect(
            delays.prefix(5) == [
                .milliseconds(800), .milliseconds(1600), .milliseconds(3200), .milliseconds(6400), .milliseconds(12800),
            ])
        #expect(delays.suffix(2) == [.seconds(20), .seconds(20)])
        #expect(backoff.next(at: now) { 0.999_999 } > .seconds(29))
        now += .seconds(60)
        #expect(backoff.next(at: now) { 0 } == .seconds(20))
        now += .seconds(20 + 121)
        #expect(backoff.next(at: now) { 0 } == .milliseconds(800))
    }
}
