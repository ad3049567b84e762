import Foundation
import JSON
import KubernetesModel
import SeededRandom
import Testing

@testable import ProcessNode

/// Logs that are on the disk, and what is shown of them.
@Suite struct ContainerLogTests {
    /// A folder with the files of one log.
    final class Folder {
        let root = FileManager.default.temporaryDirectory.path + "/sluice-log-\(UUID().uuidString)"
        var path: String { root + "/0.log" }

        init() throws { try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true) }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        /// Writes the newest file, or the one with that number.
        func write(_ text: some StringProtocol, number: Int? = nil) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: name(number)))
        }

        func append(_ text: String, number: Int? = nil) throws {
            let file = try #require(FileHandle(forWritingAtPath: name(number)))
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        }

        func name(_ number: Int?) -> String { number.map { "\(path).\($0)" } ?? path }
    }

    static func stamp(_ second: Int) -> String { String(format: "2026-01-02T03:04:%02d.123456789Z", second) }

    private static func all(_ path: String, _ selection: ContainerLog.Selection = .init()) throws -> String {
        String(decoding: try ContainerLog(path, selection).last(.max), as: UTF8.self)
    }

    private static func time(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }

    private static let sample = """
        \(stamp(1)) stdout F one
        \(stamp(2)) stderr F two
        \(stamp(3)) stdout P thr
        \(stamp(4)) stdout F ee
        \(stamp(5)) stdout F \("")
        \(stamp(6)) stderr F 2026-01-02T03:04:05.123456789Z stdout F text
        \(stamp(7)) stdout P end

        """

    @Test func `The text is what was printed, byte by byte`() throws {
        let folder = try Folder()
        try folder.write(Self.sample)
        #expect(
            try Self.all(folder.path) == "one\ntwo\nthree\n\n2026-01-02T03:04:05.123456789Z stdout F text\nend")
    }

    @Test func `Each line has the time of its beginning`() throws {
        let folder = try Folder()
        try folder.write(Self.sample)
        #expect(
            try Self.all(folder.path, .init(tailLines: 4, hasTimes: true))
                == "\(Self.stamp(3)) three\n\(Self.stamp(5)) \n"
                + "\(Self.stamp(6)) 2026-01-02T03:04:05.123456789Z stdout F text\n\(Self.stamp(7)) end")
    }

    @Test(arguments: [
        ("2026-01-02T03:04:06.123456Z", "2026-01-02T03:04:05.123456789Z stdout F text\nend"),
        // The line began before.
        ("2026-01-02T03:04:04Z", "\n2026-01-02T03:04:05.123456789Z stdout F text\nend"),
        ("2026-01-02T04:04:07+01:00", "end"), ("2026-01-02T03:04:08Z", ""), ("9999-12-31T23:59:59Z", ""),
    ]) func `Since a time`(time: String, expected: String) throws {
        let folder = try Folder()
        try folder.write(Self.sample)
        #expect(try Self.all(folder.path, .init(since: try Self.time(time))) == expected)
    }

    @Test func `Since a time out of any range is since the beginning, or nothing`() throws {
        let folder = try Folder()
        try folder.write(Self.sample)
        #expect(try Self.all(folder.path, .init(since: Timestamp(microseconds: .min))).hasPrefix("one\n"))
        #expect(try Self.all(folder.path, .init(since: Timestamp(microseconds: .max))) == "")
    }

    @Test func `One stream, and so many bytes`() throws {
        let folder = try Folder()
        try folder.write(Self.sample)
        #expect(try Self.all(folder.path, .init(stream: .stdout)) == "one\nthree\n\nend")
        #expect(try Self.all(folder.path, .init(stream: .stderr)).hasPrefix("two\n2026"))
        #expect(try Self.all(folder.path, .init(limit: 6)) == "one\ntw")
        #expect(try Self.all(folder.path, .init(hasTimes: true, limit: 5)) == "2026-")
    }

    @Test(arguments: [0, 1, 2, 3, 100, Int.max]) func `The last lines of bare text of an older node`(count: Int) throws
    {
        let folder = try Folder()
        // An entry of ours in it is text like any other.
        let lines = ["plain", "", "\(Self.stamp(1)) stdout F x", "no end"]
        try folder.write(lines.joined(separator: "\n"))
        #expect(
            try Self.all(
                folder.path, .init(tailLines: count, since: try Self.time("2030-01-01T00:00:00Z"), hasTimes: true))
                == lines.suffix(count).joined(separator: "\n"))
        try folder.write(lines.joined(separator: "\n") + "\n")
        #expect(
            try Self.all(folder.path, .init(tailLines: count))
                == lines.suffix(count).map { "\($0)\n" }.joined())
    }

    @Test func `What a container has put into its log is shown as it is`() throws {
        let folder = try Folder()
        let junk = String(repeating: "j", count: 100_000)
        try folder.write(Self.sample + "junk\n2026-01-02T03\n" + junk + "\n\(Self.stamp(8)) stdout F last\ntorn")
        let text = try Self.all(folder.path)
        #expect(text.hasSuffix("endjunk\n2026-01-02T03\n\(junk)\nlast\ntorn"))
        #expect(try Self.all(folder.path, .init(tailLines: 1)) == "last\ntorn")
        try FileManager.default.createDirectory(atPath: folder.name(3), withIntermediateDirectories: true)
        for name in ["0.log.x", "0.log.", "0.log.99999999999999999999", "0.log.-1"] {
            try Data().write(to: URL(fileURLWithPath: "\(folder.root)/\(name)"))
        }
        #expect(try Self.all(folder.path) == text)
    }

    @Test func `Files go on where the one before ended, and deleted ones are passed over`() throws {
        let folder = try Folder()
        try folder.write("\(Self.stamp(1)) stdout F one\n\(Self.stamp(2)) stdout P tw\n", number: 9)
        try folder.write("\(Self.stamp(3)) stdout F o\n", number: 10)
        try folder.write("\(Self.stamp(4)) stdout F three\n")
        let log = try ContainerLog(folder.path)
        func next() throws -> String { String(decoding: try log.next(), as: UTF8.self) }
        #expect(try [next(), next(), next(), next()] == ["one\ntw", "o\n", "three\n", ""])
        // Put aside while something is still being added.
        try FileManager.default.moveItem(atPath: folder.path, toPath: folder.name(11))
        #expect(try next() == "")
        try folder.append("\(Self.stamp(5)) stdout F four\n\(Self.stamp(6)) stdout F fi", number: 11)
        try folder.write("")
        // Since it was seen to be aside nothing is added, so a node's own log never gets there.
        #expect(try next() == "")
        try folder.append("\(Self.stamp(6)) stdout F six\n")
        #expect(try next() == "six\n")
        // Two rotations later, with what came before deleted.
        try FileManager.default.moveItem(atPath: folder.path, toPath: folder.name(12))
        try folder.write("\(Self.stamp(8)) stdout F eight\n", number: 14)
        try folder.write("\(Self.stamp(9)) stdout F nine\n")
        try FileManager.default.removeItem(atPath: folder.name(12))
        #expect(try [next(), next(), next()] == ["eight\n", "nine\n", ""])
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `The last lines over several files are those of the whole`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let folder = try Folder()
        var files: [String] = [""]
        var text = ""
        // Lines longer than what is read at a time, as pieces, and many short ones.
        for _ in 0..<Int.random(in: 1...300, using: &generator) {
            let pieces = Int.random(in: 0..<20, using: &generator) == 0 ? Int.random(in: 1...8, using: &generator) : 1
            for piece in 1...pieces {
                let count = pieces > 1 ? 16_384 : Int.random(in: 0...80, using: &generator)
                let part = String(repeating: "abc".randomElement(using: &generator) ?? "a", count: count)
                files[files.count - 1] += "\(Self.stamp(9)) stdout \(piece < pieces ? "P" : "F") \(part)\n"
                text += part
                if Int.random(in: 0..<40, using: &generator) == 0, files.count < 5 { files.append("") }
            }
            text += "\n"
        }
        if seed % 2 == 0 {
            files[files.count - 1] += "\(Self.stamp(9)) stdout P unended\n"
            text += "unended"
        }
        for (index, file) in files.dropLast().enumerated() { try folder.write(file, number: index + 7) }
        try folder.write(files.last ?? "")
        #expect(try Self.all(folder.path) == text)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "\($0)\n" }
        let last = lines.removeLast().dropLast()
        if !last.isEmpty { lines.append(String(last)) }
        for count in [0, 1, 2, 3, 10, 50, 299, 1000] {
            let found = try Self.all(folder.path, .init(tailLines: count))
            #expect(found == lines.suffix(count).joined(), "seed \(seed), \(count) lines")
        }
    }

    @Test func `A file larger than memory is read piece by piece`() throws {
        let folder = try Folder()
        try folder.write("x\n")
        // A hole: it takes no room on the disk.
        let file = try #require(FileHandle(forWritingAtPath: folder.path))
        try file.truncate(atOffset: 1 << 30)
        try file.close()
        let log = try ContainerLog(folder.path)
        var (count, longest) = (0, 0)
        while true {
            let bytes = try log.next()
            if bytes.isEmpty { break }
            count += bytes.count
            longest = max(longest, bytes.count)
        }
        #expect(count == 1 << 30)
        #expect(longest <= 131_072)
    }

    @Test func `The termination message is the end of the text, 80 lines of it and 2048 bytes`() throws {
        let folder = try Folder()
        let files = PodFiles(node: folder.root, namespace: "default", name: "p", uid: "u")
        try files.prepare(containers: ["main"], hasWork: true)
        let container = ContainerSpec(
            ["name": "main", "terminationMessagePolicy": "FallbackToLogsOnError"], isInit: false)
        func message(_ lines: [String]) throws -> String {
            let text = lines.map { "\(Self.stamp(1)) stderr F \($0)\n" }.joined()
            try Data(text.utf8).write(to: URL(fileURLWithPath: files.log("main", 2)))
            return files.terminationMessage(container, attempt: 2, exitCode: 1)
        }
        #expect(try message(["short", "text"]) == "short\ntext\n")
        let many = (1...200).map { "\($0)" }
        #expect(try message(many) == many.suffix(80).map { "\($0)\n" }.joined())
        #expect(try message([String(repeating: "x", count: 10_000)]) == String(repeating: "x", count: 2047) + "\n")
        #expect(files.terminationMessage(container, attempt: 2, exitCode: 0) == "")
    }

    @Test func `Of the logs of earlier runs the last is kept`() throws {
        let folder = try Folder()
        let files = PodFiles(node: folder.root, namespace: "default", name: "p", uid: "u")
        try files.prepare(containers: ["main"], hasWork: true)
        let names = ["0.log", "0.log.4", "1.log", "1.log.7", "2.log", "2.log.1", "message", "x.log", "1.log.y"]
        let directory = "\(files.root)/containers/main"
        for name in names { try Data().write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
        #expect(files.lastAttempt("main") == 2)
        #expect(files.lastAttempt("none") == 0)
        files.removeLogs("main", before: 2)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [
                "1.log", "1.log.7", "1.log.y", "2.log", "message", "x.log",
            ])
    }
}
