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

/// Follows the logs of a run's pods: keeps each in a file, and shows the lines of all where that is wanted. Holds pieces, never a
/// whole log.
final class LogKeeper: Sendable {
    private enum Event: Sendable {
        case pod(Pod)
        case closed
        /// No more pods come.
        case end
    }

    /// Where the log of a pod came to be.
    private struct Kept: Sendable {
        var pod: PodIdentity
        var file: String
    }

    private struct State {
        /// By the name of the pod.
        var kept: [String: Kept] = [:]
        /// How main containers ended, likewise.
        var ends: [String: ContainerStatus.Termination] = [:]
        var failure: String?
        /// How many bytes have been read.
        var bytes = 0
    }

    /// Most logs that are read at once; those of pods that run take no more than `followed` of them.
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
        let (kept, ends) = state.withLock { ($0.kept, $0.ends) }
        let byTask = Dictionary(grouping: kept.filter { ends[$0.key]?.exitCode != 0 }) { $0.value.pod.path }
        var lines: [String] = []
        var shown = 0
        for task in status.allTasks where task.phase == .failed {
            let pods = (byTask[task.name] ?? []).filter { $0.value.pod.attempt == task.attempt }
            let first = pods.min {
                let (left, right) = (ends[$0.key]?.finishedAt, ends[$1.key]?.finishedAt)
                return (left?.microseconds ?? .max, $0.value.pod.replica) < (
                    right?.microseconds ?? .max, $1.value.pod.replica
                )
            }
            guard let first, let end = folder.end(of: first.value.file) else { continue }
            shown += 1
            guard shown <= Self.mostFailed else { continue }
            let last = LogLines.last(Self.lastLines, of: end.bytes, isWhole: end.isWhole)
            lines.append("\(LogName.label(first.value.pod)) failed; the end of its output:")
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
            var waiting: [Pod] = []
            var (active, isEnding) = (0, false)
            for await event in events {
                switch event {
                case .pod(let pod):
                    let state = pod.status.containers.first { $0.name == Sluice.mainContainer }?.state
                    if case .running = state { onStart(pod.metadata.name) }
                    if case .terminated(let end) = state { self.state.withLock { $0.ends[pod.metadata.name] = end } }
                    guard !seen.contains(pod.metadata.uid) else { break }
                    switch state {
                    case .running where active < Self.followed: waiting.insert(pod, at: 0)
                    case .terminated: waiting.append(pod)
                    default: continue
                    }
                    seen.insert(pod.metadata.uid)
                case .closed: active -= 1
                case .end: isEnding = true
                }
                while active < Self.most, !waiting.isEmpty {
                    let pod = waiting.removeFirst()
                    guard let identity = PodIdentity(pod.metadata, in: owner) else { continue }
                    active += 1
                    group.addTask {
                        await self.read(identity, pod.metadata.name)
                        self.source.yield(.closed)
                    }
                }
                if isEnding, active == 0, waiting.isEmpty { break }
            }
        }
    }

    /// Reads one log to its end, from where it broke off as often as that happens.
    private func read(_ pod: PodIdentity, _ name: String) async {
        var options = PodLogOptions()
        options.container = Sluice.mainContainer
        options.follow = true
        var sink = Sink(pod: pod, file: LogName.file(pod, podName: name), label: LogName.label(pod))
        for _ in 0..<20 where !Task.isCancelled {
            do {
                var skipped = sink.count
                for try await bytes in try await pods.logs(name, options) {
                    let new = bytes.dropFirst(skipped)
                    skipped -= bytes.count - new.count
                    take(new, name, &sink)
                }
                break
            } catch let status as APIStatus where status.code == 404 {
                break
            } catch {
                // A container that has just started may have no log yet; a connection may break.
                try? await SystemClock().sleep(for: .milliseconds(100))
            }
        }
        var lines: [String] = []
        let label = sink.label
        sink.lines.finish { lines.append("\(label) | \($0)") }
        show?(lines)
    }

    private struct Sink {
        var pod: PodIdentity
        var file: String
        let label: String
        var count = 0
        var lines = LogLines()
        var writer: LogFileWriter?
    }

    private func take(_ bytes: ArraySlice<UInt8>, _ name: String, _ sink: inout Sink) {
        guard !bytes.isEmpty else { return }
        if let show {
            let label = sink.label
            var lines: [String] = []
            sink.lines.feed(bytes) { lines.append("\(label) | \($0)") }
            show(lines)
        }
        do {
            if sink.count == 0 {
                sink.writer = try folder.open(sink.file)
                let kept = Kept(pod: sink.pod, file: sink.file)
                state.withLock { $0.kept[name] = kept }
            }
            try sink.writer?.write(bytes)
        } catch {
            // The run goes on; that its logs are not whole is told at its end.
            sink.writer = nil
            state.withLock { $0.failure = $0.failure ?? "\(error)" }
        }
        sink.count += bytes.count
        state.withLock { $0.bytes += bytes.count }
    }
}
