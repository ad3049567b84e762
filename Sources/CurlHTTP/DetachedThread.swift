import CLibcurl

/// Runs `body` on a thread of its own, for what blocks and must not hold up the tasks' threads. False when the system has
/// no thread to give.
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    let box = Unmanaged.passRetained(ThreadBody(run: body))
    let failure = clibcurl_start_thread(
        { argument in
            guard let argument else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    if failure != 0 { box.release() }
    return failure == 0
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}
