import CProcess
import Glibc
import KubernetesModel
import Synchronization

/// The log of one run of a container as it is shown, read piece by piece over all of its files while the container may still be writing.
///
/// The file with the name of the log is the newest; those put aside have a number behind the name, which counts up. Whoever reads one to its
/// end goes on with the next number, so that nothing is missed or read twice, and what was deleted meanwhile is passed over. A file of an
/// older node holds the bare text, without times. Reading takes as long as the disk does, so it belongs on a `DetachedThread`.
final class ContainerLog: Sendable {
    /// What is shown of a log.
    struct Selection: Sendable {
        /// Only so many of its last lines.
        var tailLines: Int?
        /// Only lines since then.
        var since: Timestamp?
        /// Each line with its time.
        var hasTimes = false
        var stream = PodLogOptions.Stream.all
        /// Only so many bytes.
        var limit: Int?
    }

    private struct State {
        var file: LogFile?
        /// The number that the file has, or gets when it is put aside.
        var number = 0
        /// Whether it has one.
        var isAside = false
        /// Whether the file has bare text; nil while it is empty.
        var isPlain: Bool?
        /// The beginning of an entry whose end has not been read.
        var rest: [UInt8] = []
        var isAtLineStart = true
        /// Whether the line under way is shown.
        var isShown = true
        /// How many bytes may still be shown.
        var left: Int
    }

    private let path: String
    private let selection: Selection
    private let since: [UInt8]?
    private let state: Mutex<State>

    /// How much is read at a time; no entry is longer than `longestEntry`.
    private static let (piece, longestEntry) = (131_072, 32_768)

    /// Opens a log at the first line that is wanted. Throws ``LogFile/OpenError`` and ``LogFile/ReadError``.
    init(_ path: String, _ selection: Selection = Selection()) throws {
        self.path = path
        self.selection = selection
        since = selection.since.map(LogEntry.stamp)
        state = Mutex(State(left: selection.limit ?? .max))
        try state.withLock { state in
            if let lines = selection.tailLines {
                try openTail(lines, &state)
            } else if try !openNext(&state) {
                throw LogFile.OpenError(path: path, code: ENOENT)
            }
        }
    }

    /// Whether as much was shown as is wanted.
    var isExhausted: Bool { state.withLock { $0.left <= 0 } }

    /// The next bytes to show; empty at the current end. Throws ``LogFile/OpenError`` and ``LogFile/ReadError``.
    func next() throws -> [UInt8] {
        try state.withLock { state in
            while state.left > 0 {
                guard let file = state.file else {
                    guard try openNext(&state) else { return [] }
                    continue
                }
                // Asked before reading: nothing is added to a file that was put aside, and perhaps deleted since.
                state.isAside =
                    state.isAside || access(name(state.number), F_OK) == 0
                    || file.isDeleted && numbers().contains { $0 > state.number }
                let bytes = try file.read(Self.piece)
                var shown: [UInt8] = []
                if !bytes.isEmpty {
                    show(bytes, &state, &shown)
                } else if state.isAside {
                    shown = state.rest
                    (state.file, state.isPlain, state.rest) = (nil, nil, [])
                } else {
                    return []
                }
                if let shown = Self.limited(shown, &state) { return shown }
            }
            return []
        }
    }

    /// What is left of an entry that was not written to its end, when nothing comes any more.
    func finish() -> [UInt8] {
        state.withLock { state in
            let rest = state.rest
            state.rest = []
            return Self.limited(rest, &state) ?? []
        }
    }

    /// The last bytes of all that is still to be shown. Throws ``LogFile/OpenError`` and ``LogFile/ReadError``.
    func last(_ count: Int) throws -> [UInt8] {
        var end: [UInt8] = []
        while true {
            let bytes = try next()
            let isOver = bytes.isEmpty
            end += isOver ? finish() : bytes
            if end.count > count { end.removeFirst(end.count - count) }
            if isOver { return end }
        }
    }

    private static func limited(_ bytes: [UInt8], _ state: inout State) -> [UInt8]? {
        guard !bytes.isEmpty else { return nil }
        let shown = bytes.count > state.left ? Array(bytes.prefix(state.left)) : bytes
        state.left -= shown.count
        return shown
    }

    // MARK: Files

    private func name(_ number: Int) -> String { "\(path).\(number)" }

    /// The numbers of the files that were put aside, in their order.
    private func numbers() -> [Int] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let prefix = "\(parts.last ?? "")."
        return PodFiles.names(in: parts.dropLast().joined(separator: "/")).compactMap { name in
            name.hasPrefix(prefix) ? PodFiles.number(name.dropFirst(prefix.count)) : nil
        }.sorted()
    }

    /// Opens the file after the one that was read. Whether there is one. Throws ``LogFile/OpenError``.
    private func openNext(_ state: inout State) throws -> Bool {
        while true {
            let done = state.number
            if let number = numbers().first(where: { $0 > done }) {
                do {
                    state.file = try LogFile(name(number))
                    (state.number, state.isAside) = (number, true)
                    return true
                } catch let error as LogFile.OpenError {
                    // Deleted meanwhile, or nothing of ours: others follow.
                    if error.code != ENOENT { state.number = number }
                    continue
                }
            }
            do {
                let file = try LogFile(path)
                // Put aside meanwhile: it may be one or the other.
                if numbers().contains(where: { $0 > done }) { continue }
                (state.file, state.number, state.isAside) = (file, done + 1, false)
                return true
            } catch let error as LogFile.OpenError where error.code == ENOENT {
                // The next one is about to be made.
                if numbers().contains(where: { $0 > done }) { continue }
                return false
            }
        }
    }

    /// Opens the file in which the last lines begin, there. Throws ``LogFile/OpenError`` and ``LogFile/ReadError``.
    private func openTail(_ lines: Int, _ state: inout State) throws {
        var (known, newest) = ([Int](), LogFile?.none)
        repeat {
            known = numbers()
            do {
                newest = try LogFile(path)
            } catch let error as LogFile.OpenError where error.code == ENOENT && !known.isEmpty {
                newest = nil
            }
        } while numbers() != known
        state.number = (known.last ?? 0) + 1
        var search = TailSearch(lines: lines)
        if let newest {
            state.file = newest
            let start = try search.start(in: newest)
            newest.seek(start ?? 0)
            state.isPlain = search.isPlain
            if start != nil { return }
        } else if lines == 0 {
            state.number -= 1
            return
        }
        for number in known.reversed() {
            let file: LogFile
            do {
                file = try LogFile(name(number))
            } catch is LogFile.OpenError {
                // Deleted meanwhile; so are those before it.
                return
            }
            (state.file, state.number, state.isAside) = (file, number, true)
            let start = try search.start(in: file)
            file.seek(start ?? 0)
            state.isPlain = search.isPlain
            if start != nil { return }
        }
    }

    // MARK: Text

    /// Adds what is shown of some bytes of the file.
    private func show(_ bytes: [UInt8], _ state: inout State, _ shown: inout [UInt8]) {
        if state.isPlain == nil { state.isPlain = bytes.withUnsafeBytes { LogEntry($0) == nil } }
        guard state.isPlain == false else {
            shown += bytes
            return
        }
        let all = state.rest.isEmpty ? bytes : state.rest + bytes
        shown.reserveCapacity(all.count)
        all.withUnsafeBytes { all in
            var begin = 0
            while begin < all.count, let base = all.baseAddress,
                let found = memchr(base + begin, 0x0A, all.count - begin)
            {
                let end = UnsafeRawPointer(found) - base
                show(line: UnsafeRawBufferPointer(rebasing: all[begin..<end]), &state, &shown)
                begin = end + 1
            }
            state.rest = Array(all[begin...])
        }
        if state.rest.count > Self.longestEntry {
            shown += state.rest
            state.rest = []
        }
    }

    private func show(line: UnsafeRawBufferPointer, _ state: inout State, _ shown: inout [UInt8]) {
        guard let entry = LogEntry(line) else {
            shown += line
            shown.append(0x0A)
            state.isAtLineStart = true
            return
        }
        guard selection.stream == .all || selection.stream == entry.stream else { return }
        if state.isAtLineStart {
            state.isShown = since.map(entry.isSince) ?? true
            if state.isShown, selection.hasTimes {
                shown += entry.stamp
                shown.append(0x20)
            }
        }
        state.isAtLineStart = entry.isEnd
        guard state.isShown else { return }
        shown += entry.text
        if entry.isEnd { shown.append(0x0A) }
    }
}

/// Looks for the beginning of the last lines of a log, from its end, file by file.
private struct TailSearch {
    /// How many lines end before the place that is looked for and after it; nil until the end of the last one was seen.
    private var missing: Int?
    private let lines: Int
    /// Whether the file that was looked at last has bare text; nil for an empty one.
    private(set) var isPlain: Bool?

    init(lines: Int) { self.lines = min(lines, .max - 1) }

    /// Where the last lines begin; nil where it is in a file before this one, or at its beginning. Throws ``LogFile/ReadError``.
    mutating func start(in file: LogFile) throws -> Int? {
        let size = file.size
        isPlain = nil
        guard size > 0 else { return lines > 0 ? nil : 0 }
        file.seek(0)
        let head = try file.read(LogEntry.headLength)
        let isPlain = head.withUnsafeBytes { LogEntry($0) == nil }
        self.isPlain = isPlain
        if lines == 0 {
            // What is being written may be there in part.
            let start = isPlain ? size : max(0, size - 32_768)
            file.seek(start)
            return try file.read(size - start).lastIndex(of: 0x0A).map { start + $0 + 1 } ?? size
        }
        /// Where the line ends whose beginning is looked for.
        var lineEnd: Int?
        var end = size
        while end > 0 {
            let start = max(0, end - 65_536)
            file.seek(start)
            // A bit more, so that the head of a line is whole.
            let chunk = try file.read(min(size, end + LogEntry.headLength) - start)
            guard chunk.count >= end - start else { throw LogFile.ReadError(code: EIO) }
            let found: Int? = chunk.withUnsafeBytes { chunk in
                func isEnd(_ begin: Int, _ end: Int) -> Bool {
                    let head = chunk[(begin - start)..<min(chunk.count, end - start)]
                    return isPlain || LogEntry(UnsafeRawBufferPointer(rebasing: head))?.isEnd ?? true
                }
                var index = end - start
                if isPlain, missing == nil { missing = chunk[index - 1] == 0x0A ? lines + 1 : lines }
                while true {
                    index = sluice_last_newline(chunk.baseAddress, index)
                    guard index >= 0 else { break }
                    if let lineEnd, take(isEnd(start + index + 1, lineEnd)) { return lineEnd + 1 }
                    lineEnd = start + index
                }
                if start == 0, let lineEnd, take(isEnd(0, lineEnd)) { return lineEnd + 1 }
                return nil
            }
            if let found { return found }
            end = start
        }
        return nil
    }

    /// Counts an entry. Whether the wanted lines begin behind it.
    private mutating func take(_ isEnd: Bool) -> Bool {
        // A last line without an end is one as well.
        var count = missing ?? (isEnd ? lines + 1 : lines)
        if isEnd { count -= 1 }
        missing = count
        return count == 0
    }
}
