import AsyncPrimitives
import Clocks
import FoundationEssentials
import Glibc
public import KubernetesModel
import KubernetesRuntime
import Synchronization

extension NodeAgent {
    /// The log of a container, from the beginning or from its last `tailLines` lines.
    ///
    /// With `follow` the stream continues until the container has ended; with `previous` it is the log of the run
    /// before the last restart. Throws `APIStatus` 400 when there is no such log, and for options that need times
    /// (`timestamps`, `sinceSeconds`, `sinceTime`), since lines are stored without times.
    public func logs(
        namespace: String, pod: String, uid: String, container: String, options: PodLogOptions
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        func refusal(_ message: String) -> APIStatus { APIStatus(code: 400, reason: "BadRequest", message: message) }
        if options.timestamps || options.sinceSeconds != nil || options.sinceTime != nil {
            throw refusal("logs of this node have no times: --timestamps and --since are not supported")
        }
        let files = PodFiles(node: configuration.directory, namespace: namespace, name: pod, uid: uid)
        let worker = workers.withLock { $0[uid] }
        let known = await worker?.logs(of: container)
        let last = Self.lastAttempt(files, container)
        let kept =
            known ?? PodWorker.Logs(current: last, previous: last > 0 ? last - 1 : nil, isComplete: true, waiting: "")
        guard let attempt = options.previous ? kept.previous : kept.current else {
            throw refusal(
                options.previous
                    ? "previous terminated container \"\(container)\" in pod \"\(pod)\" not found"
                    : "container \"\(container)\" in pod \"\(pod)\" is waiting to start: \(kept.waiting)")
        }
        let file: LogFile
        do {
            file = try await DetachedThread.run {
                let file = try LogFile(files.log(container, attempt))
                if let tailLines = options.tailLines { file.seekToLastLines(tailLines) }
                return file
            }
        } catch let error as LogFile.OpenError where error.code != ENOENT {
            throw refusal("the log of container \"\(container)\" in pod \"\(pod)\" cannot be read: \(error.reason)")
        } catch {
            throw refusal("container \"\(container)\" in pod \"\(pod)\" is waiting to start: ContainerCreating")
        }
        return Self.stream(file, worker, container, attempt, options, clock)
    }

    private static func stream(
        _ file: LogFile, _ worker: PodWorker?, _ container: String, _ attempt: Int, _ options: PodLogOptions,
        _ clock: SystemClock
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        // Read when it is asked for: of a log larger than memory, no more than a piece is held.
        let allowed = Atomic(options.limitBytes ?? .max)
        return AsyncThrowingStream {
            while true {
                let left = allowed.load(ordering: .relaxed)
                guard left > 0 else { return nil }
                // Ask before reading: what the container wrote until then is read below.
                let state = await worker?.logs(of: container)
                let isComplete = state.map { $0.isComplete || $0.current ?? attempt > attempt } ?? true
                let limit = min(left, 65_536)
                let chunk = try await DetachedThread.run { file.read(limit) }
                if !chunk.isEmpty {
                    allowed.store(left - chunk.count, ordering: .relaxed)
                    return chunk
                }
                guard options.follow, !isComplete else { return nil }
                try await clock.sleep(for: .milliseconds(50))
            }
        }
    }

    /// The number of the last log file of a container.
    private static func lastAttempt(_ files: PodFiles, _ container: String) -> Int {
        var attempt = 0
        while FileManager.default.fileExists(atPath: files.log(container, attempt + 1)) { attempt += 1 }
        return attempt
    }
}
