import AsyncPrimitives
import CLibcurl

/// The thread that owns a curl multi handle. Only it starts, pauses, resumes and removes transfers.
final class TransferLoop {
    private let multi: UnsafeMutableRawPointer
    private let mailbox: Mailbox
    private let configuration: HTTPClient.Configuration
    private var transfers: [UInt64: Transfer] = [:]
    private var spareHandles: [EasyHandle] = []
    /// No deadline is earlier than this. It is recomputed when it has passed.
    private var nextDeadline: ContinuousClock.Instant?
    /// By their local ports.
    private var connections: [Int32: ConnectionLife] = [:]
    private var nextSilenceCheck = ContinuousClock.now
    private var isRetired = false

    /// How many easy handles are kept for later transfers.
    private static let maximumSpareHandles = 64

    /// curl's initialisation, once per process. curl documents it as thread-safe where it reports that feature.
    private static let globalResult = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// Starts a loop on a new thread. Throws ``HTTPError`` when the system has no thread or memory for it.
    static func start(_ configuration: HTTPClient.Configuration) throws -> Mailbox {
        func failure(_ message: String) -> HTTPError {
            HTTPError(.other, message, method: "", url: "", mayHaveBeenSent: false)
        }
        guard globalResult == CURLE_OK, let multi = curl_multi_init() else {
            throw failure("libcurl could not be initialised")
        }
        clibcurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        if let maximum = configuration.maximumConnectionsPerHost {
            clibcurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maximum)
        }
        let wakeable = Mailbox.Wakeable(multi: multi)
        let mailbox = Mailbox(wakeable)
        do {
            try DetachedThread.start { TransferLoop(wakeable.multi, mailbox, configuration).run() }
        } catch {
            _ = mailbox.close()
            curl_multi_cleanup(multi)
            throw failure("no thread could be started")
        }
        return mailbox
    }

    private init(_ multi: UnsafeMutableRawPointer, _ mailbox: Mailbox, _ configuration: HTTPClient.Configuration) {
        self.multi = multi
        self.mailbox = mailbox
        self.configuration = configuration
    }

    private func run() {
        while perform(mailbox.take()) {
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            finishTransfers()
            checkDeadlines()
            checkSilence()
            if isRetired, transfers.isEmpty, mailbox.closeIfUnused() { break }
            var wait: Int64 = 1000
            if let nextDeadline {
                wait = min(wait, max(0, (nextDeadline - .now).wholeMilliseconds + 1))
            }
            curl_multi_poll(multi, nil, 0, Int32(wait), nil)
        }
        for command in mailbox.close() {
            if case .start(let order) = command { order.fail(HTTPError.shutDown(order.request)) }
        }
        for transfer in transfers.values {
            transfer.failure = HTTPError.shutDown(transfer.order.request)
            transfer.failure?.mayHaveBeenSent = true
            end(transfer, with: CURLE_ABORTED_BY_CALLBACK)
        }
        spareHandles = []
        curl_multi_cleanup(multi)
    }

    /// Carries out commands. Returns false when one of them ends the loop.
    private func perform(_ commands: [LoopCommand]) -> Bool {
        for (index, command) in commands.enumerated() {
            switch command {
            case .start(let order): start(order)
            case .cancel(let id):
                guard let transfer = transfers.removeValue(forKey: id) else { continue }
                // Whoever has less patience than the silence limit is about to try again.
                if transfer.isUnheard, let sentAt = transfer.sentAt, .now - sentAt >= .seconds(2) { suspect() }
                release(transfer)
                transfer.order.fail(CancellationError())
            case .resume(let id):
                guard let transfer = transfers[id], transfer.isPaused else { continue }
                transfer.isPaused = false
                transfer.lastArrival = .now
                noteDeadline(of: transfer)
                // This may call back at once with the refused bytes, and they may be refused again.
                curl_easy_pause(transfer.easy.pointer, CURLPAUSE_CONT)
            case .retire: isRetired = true
            case .shutDown:
                for case .start(let order) in commands[(index + 1)...] {
                    order.fail(HTTPError.shutDown(order.request))
                }
                return false
            }
        }
        return true
    }

    private func start(_ order: TransferOrder) {
        let request = order.request
        guard let easy = spareHandles.popLast() ?? EasyHandle() else {
            return order.fail(
                HTTPError(.other, "out of memory", method: request.method, url: request.url, mayHaveBeenSent: false))
        }
        if transfers.isEmpty { connections = [:] }
        let transfer = Transfer(order, easy: easy) { [unowned self] port in
            // One that is going away gets no new requests: the port is another connection's now.
            if let known = connections[port], known.lastStream == nil { return known }
            let life = ConnectionLife()
            connections[port] = life
            return life
        }
        do {
            try transfer.configure(configuration)
        } catch {
            release(transfer)
            return order.fail(error)
        }
        transfer.deadline = request.timeouts.response.map { .now + $0 }
        transfers[order.id] = transfer
        transfer.isRunning = true
        let code = curl_multi_add_handle(multi, easy.pointer)
        guard code == CURLM_OK else {
            transfers[order.id] = nil
            transfer.isRunning = false
            release(transfer)
            let text = String(cString: curl_multi_strerror(code))
            return order.fail(
                HTTPError(.other, text, method: request.method, url: request.url, mayHaveBeenSent: false))
        }
        noteDeadline(of: transfer)
    }

    private func finishTransfers() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            let result = message.pointee.data.result
            var context: UnsafeMutableRawPointer?
            clibcurl_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
            guard let context else { continue }
            end(Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue(), with: result)
        }
    }

    private func end(_ transfer: Transfer, with result: CURLcode) {
        transfers[transfer.order.id] = nil
        // Before the handle is reset: curl's message and the number of bytes sent are read from it.
        transfer.finish(result)
        release(transfer)
    }

    /// Removes the handle from curl, which closes an incomplete transfer, and keeps it for a later transfer.
    private func release(_ transfer: Transfer) {
        if transfer.isRunning {
            curl_multi_remove_handle(multi, transfer.easy.pointer)
            transfer.isRunning = false
        }
        transfer.easy.reset()
        if spareHandles.count < Self.maximumSpareHandles { spareHandles.append(transfer.easy) }
    }

    // MARK: Dead connections

    /// Lets further transfers go elsewhere. Over HTTP/1.1 a connection ends with the transfer that waited in vain.
    private func suspect() { if configuration.usesHTTP2 { mailbox.markSuspect() } }

    private func checkSilence() {
        let now = ContinuousClock.now
        guard configuration.usesHTTP2, now >= nextSilenceCheck else { return }
        nextSilenceCheck = now + min(.seconds(1), configuration.silenceLimit)
        let isSilent = transfers.values.contains { transfer in
            transfer.silentSince.map { now - $0 >= configuration.silenceLimit } ?? false
        }
        if isSilent { suspect() }
    }

    // MARK: Deadlines

    private func deadline(of transfer: Transfer) -> (at: ContinuousClock.Instant, isIdle: Bool)? {
        if let deadline = transfer.deadline { return (deadline, false) }
        // While a stream is paused the reader holds it back, not the server.
        guard case .stream = transfer.order.receiver, !transfer.isPaused,
            let idle = transfer.order.request.timeouts.idle
        else { return nil }
        return (transfer.lastArrival + idle, true)
    }

    private func noteDeadline(of transfer: Transfer) {
        // The idle limit starts at the head, which is not noticed here; so it may start later, at this moment.
        let idle =
            transfer.deadline == nil ? nil : transfer.order.request.timeouts.idle.map { ContinuousClock.now + $0 }
        for candidate in [deadline(of: transfer)?.at, idle].compactMap({ $0 }) {
            nextDeadline = nextDeadline.map { min($0, candidate) } ?? candidate
        }
    }

    private func checkDeadlines() {
        let now = ContinuousClock.now
        guard let nextDeadline, nextDeadline <= now else { return }
        self.nextDeadline = nil
        for transfer in Array(transfers.values) {
            guard let (at, isIdle) = deadline(of: transfer) else { continue }
            guard at <= now else {
                noteDeadline(of: transfer)
                continue
            }
            if !isIdle, transfer.isUnheard { suspect() }
            let request = transfer.order.request
            let limit = isIdle ? request.timeouts.idle : request.timeouts.response
            transfer.failure = HTTPError(
                isIdle ? .idleTimeout : .responseTimeout,
                isIdle
                    ? "nothing came for \(limit.map { "\($0)" } ?? "too long")"
                    : "no answer within \(limit.map { "\($0)" } ?? "the limit")", method: request.method,
                url: request.url)
            end(transfer, with: CURLE_OPERATION_TIMEDOUT)
        }
    }
}
