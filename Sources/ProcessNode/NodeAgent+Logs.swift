import AsyncPrimitives
import Clocks
import FoundationEssentials
import Glibc
public import KubernetesModel
import KubernetesRuntime
import Synchronization

extension NodeAgent {
    /// The log of a container, or what is asked for of it.
    ///
    /// With `follow` the stream continues until the container has ended; with `previous` it is the log of the run
    /// before the last restart. Throws `APIStatus` 400 when there is no such log.
    public func logs(
        namespace: String, pod: String, uid: String, container: String, options: PodLogOptions
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        func refusal(_ message: String) -> APIStatus { APIStatus(code: 400, reason: "BadRequest", message: message) }
        let selection = ContainerLog.Selection(
            tailLines: options.tailLines,
            since: options.sinceSeconds.map { clock.now - .seconds($0) } ?? options.sinceTime,
            hasTimes: options.timestamps, stream: options.stream, limit: options.limitBytes)
        let files = PodFiles(node: configuration.directory, namespace: namespace, name: pod, uid: uid)
        let worker = workers.withLock { $0[uid] }
        let known = await worker?.logs(of: container)
        let last = try await DetachedThread.run { files.lastAttempt(container) }
        let kept =
            known ?? PodMachine.Logs(current: last, previous: last > 0 ? last - 1 : nil, isComplete: true, waiting: "")
        guard let attempt = options.previous ? kept.previous : kept.current else {
            throw refusal(
                options.previous
                    ? "previous terminated container \"\(container)\" in pod \"\(pod)\" not found"
                    : "container \"\(container)\" in pod \"\(pod)\" is waiting to start: \(kept.waiting)")
        }
        let log: ContainerLog
        do {
            log = try await DetachedThread.run { try ContainerLog(files.log(container, attempt), selection) }
        } catch let error as LogFile.OpenError where error.code != ENOENT {
            throw refusal("the log of container \"\(container)\" in pod \"\(pod)\" cannot be read: \(error.reason)")
        } catch {
            throw refusal("container \"\(container)\" in pod \"\(pod)\" is waiting to start: ContainerCreating")
        }
        return Self.stream(log, worker, container, attempt, options.follow, clock)
    }

    private static func stream(
        _ log: ContainerLog, _ worker: PodWorker?, _ container: String, _ attempt: Int, _ isFollowed: Bool,
        _ clock: SystemClock
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        // Read when it is asked for: of a log larger than memory, no more than a piece is held.
        AsyncThrowingStream {
            while !log.isExhausted {
                // Ask before reading: what the container wrote until then is read below.
                let state = await worker?.logs(of: container)
                let isComplete = state.map { $0.isComplete || $0.current ?? attempt > attempt } ?? true
                let piece = try await DetachedThread.run {
                    let piece = try log.next()
                    return piece.isEmpty && isComplete ? log.finish() : piece
                }
                if !piece.isEmpty { return piece }
                guard isFollowed, !isComplete else { return nil }
                try await clock.sleep(for: .milliseconds(50))
            }
            return nil
        }
    }
}
