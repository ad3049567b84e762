import AsyncPrimitives
import Clocks
import CurlHTTP
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import PipelineEngine
import RunDisplay
import SluiceAPI
import Synchronization

/// Follows the logs of all containers of a run's pods: keeps each in a file, and shows the lines of all where that is wanted. Holds pieces, never a
/// whole log.
final class LogKeeper: Sendable {
    private enum Event: Sendable {
        case pod(Pod)
        case closed
        /// No more pods come.
        case end
    }

    /// Where the log of a container came to be.
    private struct Kept: Sendable {
        var log: ContainerIdentity
        var file: String
    }

    /// How a pod stands: the container that tells, and how that ended.
    private struct Standing: Sendable {
        var container: String
        var end: ContainerStatus.Termination?
        /// Whether it was stopped, for its time or since another one had failed.
        var isStopped: Bool
    }

    /// A log to be read.
    private struct Wanted: Sendable {
        var pod: String
        var log: ContainerIdentity
    }

    private struct State {
        /// By the name of the pod.
        var kept: [String: [Kept]] = [:]
        /// Likewise.
        var standings: [String: Standing] = [:]
        var failure: String?
        /// How many bytes have been read.
        var bytes = 0
    }

    /// Most logs that are read at once; those of containers that run take no more than `followed` of them.
    private static let (most, followed) = (24, 16)

    private let client: APIClient
    private let owner: RunIdentity
    private let folder: LogFolder
    private let show: (@Sendable ([String]) -> Void)?
    private let events: AsyncStream<Event>
    private let source: AsyncStream<Event>.Continuation
    private let ended = AsyncLatch()
    private let onStart: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// `show` gets the lines of all tasks, each with its task; nil shows none. `onStart` gets the name of each pod whose main
    /// container has started, at least once.
    init(
        client: APIClient, run: RunIdentity, folder: LogFolder, show: (@Sendable ([String]) -> Void)?,
        onStart: @escaping @Sendable (String) -> Void
    ) {
        self.onStart = onStart
        self.client = client
        owner = run
        self.folder = folder
        self.show = show
        (events, source) = AsyncStream.makeStream(of: Event.self)
    }

    /// Why one was not, in a sentence.
    var failure: String? { state.withLock(\.failure) }

    private var pods: ResourceClient<Pod> { client.resource(Pod.self, namespace: owner.namespace) }
    private var selector: String { "\(Sluice.Label.run)=\(owner.name)" }

    /// Reads logs until ``finish(silence:)`` is called and all are read, or the task is cancelled.
    func run() async {
        let informer = Informer(pods.listWatch, labelSelector: selector, logger: Logger(label: "sluice.logs"))
        informer.store.addHandler { [source] event in
            if let pod = event.entry.object { source.yield(.pod(pod)) }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask { await self.readAll() }
            await group.next()
            group.cancelAll()
        }
        ended.open()
    }

    /// Reads what the pods of a run that has ended still have to tell; returns when that is done, or nothing has come for so long.
    func finish(silence: Duration) async {
        if let list = try? await pods.listAll(ListOptions(labelSelector: selector)) {
            for case .object(let pod) in list.items { source.yield(.pod(pod)) }
        }
        source.yield(.end)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.ended.wait() }
            group.addTask {
                var before = -1
                while self.state.withLock(\.bytes) != before {
                    before = self.state.withLock(\.bytes)
                    do { try await SystemClock().sleep(for: silence) } catch { return }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// The last lines of the tasks that failed: of each the pod of its last attempt that failed first.
    func endsOfFailed(_ status: PipelineRunStatus) -> [String] {
        let (kept, standings) = state.withLock { ($0.kept, $0.standings) }
        // Of each pod the log of the container that tells, from its last start.
        let telling = kept.compactMap { pod, logs -> (log: Kept, standing: Standing)? in
            guard let standing = standings[pod], standing.end?.exitCode != 0 else { return nil }
            let log = logs.filter { $0.log.container == standing.container }.max { $0.log.restart < $1.log.restart }
            return log.map { ($0, standing) }
        }
        let byTask = Dictionary(grouping: telling) { $0.log.log.pod.path }
        var lines: [String] = []
        var shown = 0
        for task in status.allTasks where task.phase == .failed {
            let pods = (byTask[task.name] ?? []).filter { $0.log.log.pod.attempt == task.attempt }
            // Times are whole seconds: who was stopped may have ended in that of the one that failed.
            func order(_ pod: (log: Kept, standing: Standing)) -> (Int, Int64, Int) {
                (
                    pod.standing.isStopped ? 1 : 0, pod.standing.end?.finishedAt?.microseconds ?? .max,
                    pod.log.log.pod.replica
                )
            }
            let first = pods.min { order($0) < order($1) }?.log
            guard let first, let end = folder.end(of: first.file) else { continue }
            shown += 1
            guard shown <= Self.mostFailed else { continue }
            let last = LogLines.last(Self.lastLines, of: end.bytes, isWhole: end.isWhole)
            lines.append("\(LogName.label(first.log)) failed; the end of its output:")
            lines += last.map { "  \($0)" }
        }
        if shown > Self.mostFailed { lines.append("\(shown - Self.mostFailed) more failed tasks have logs") }
        return lines
    }

    /// How many lines are shown of a task that failed, and of how many tasks.
    private static let (lastLines, mostFailed) = (20, 10)

    private func readAll() async {
        await withDiscardingTaskGroup { group in
            var seen: Set<String> = []
            var waiting: [Wanted] = []
            var (active, isEnding) = (0, false)
            for await event in events {
                switch event {
                case .pod(let pod):
                    note(pod)
                    guard let identity = PodIdentity(pod.metadata, in: owner) else { continue }
                    let containers = pod.allContainers
                    for container in containers {
                        guard let start = container.lastStart else { continue }
                        let key = "\(pod.metadata.uid)/\(container.name)/\(start)"
                        let isRunning = if case .running = container.state { true } else { false }
                        guard !seen.contains(key), !isRunning || active < Self.followed else { continue }
                        seen.insert(key)
                        let log = ContainerIdentity(
                            identity, container: container.name, restart: start,
                            isAlone: containers.count == 1)
                        waiting.insert(
                            Wanted(pod: pod.metadata.name, log: log), at: isRunning ? 0 : waiting.endIndex)
                    }
                case .closed: active -= 1
                case .end: isEnding = true
                }
                while active < Self.most, !waiting.isEmpty {
                    let next = waiting.removeFirst()
                    active += 1
                    group.addTask {
                        await self.read(next)
                        self.source.yield(.closed)
                    }
                }
                if isEnding, active == 0, waiting.isEmpty { break }
            }
        }
    }

    private func note(_ pod: Pod) {
        let name = pod.metadata.name
        if case .running = pod.allContainers.first(where: { $0.name == Sluice.mainContainer })?.state { onStart(name) }
        let container = pod.tellingContainer
        let standing = Standing(
            container: container, end: pod.allContainers.first { $0.name == container }?.termination,
            isStopped: pod.status.reason == "DeadlineExceeded")
        state.withLock { $0.standings[name] = standing }
    }

    /// Reads one log to its end, from where it broke off as often as that happens.
    private func read(_ wanted: Wanted) async {
        var options = PodLogOptions()
        options.container = wanted.log.container
        options.follow = true
        options.timestamps = true
        var sink = Sink(wanted)
        // How often it may break off without a word in between.
        var left = 20
        while left > 0, !Task.isCancelled {
            left -= 1
            do {
                sink.source.reconnect()
                options.sinceTime = sink.source.since
                for try await bytes in try await pods.logs(wanted.pod, options) {
                    left = 20
                    take(sink.source.feed(bytes), &sink)
                }
                break
            } catch let status as APIStatus where status.code == 404 {
                break
            } catch {
                // A container that has just started may have no log yet; a connection may break.
                try? await SystemClock().sleep(for: .milliseconds(100))
            }
        }
        take(sink.source.finish(), &sink)
        var lines: [String] = []
        let label = sink.label
        sink.lines.finish { lines.append("\(label) | \($0)") }
        show?(lines)
    }

    private struct Sink {
        let pod: String
        let kept: Kept
        let label: String
        var source = TimedLog()
        var isOpen = false
        var lines = LogLines()
        var writer: LogFileWriter?

        init(_ wanted: Wanted) {
            pod = wanted.pod
            kept = Kept(log: wanted.log, file: LogName.file(wanted.log, podName: wanted.pod))
            label = LogName.label(wanted.log)
        }
    }

    private func take(_ bytes: [UInt8], _ sink: inout Sink) {
        guard !bytes.isEmpty else { return }
        if let show {
            let label = sink.label
            var lines: [String] = []
            sink.lines.feed(bytes) { lines.append("\(label) | \($0)") }
            show(lines)
        }
        do {
            if !sink.isOpen {
                sink.isOpen = true
                sink.writer = try folder.open(sink.kept.file)
                let (pod, kept) = (sink.pod, sink.kept)
                state.withLock { $0.kept[pod, default: []].append(kept) }
            }
            try sink.writer?.write(bytes[...])
        } catch {
            // The run goes on; that its logs are not whole is told at its end.
            sink.writer = nil
            state.withLock { $0.failure = $0.failure ?? "\(error)" }
        }
        state.withLock { $0.bytes += bytes.count }
    }
}
