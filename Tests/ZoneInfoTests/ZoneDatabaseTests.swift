import CronSchedule
import Foundation
import KubernetesModel
import Testing
import ZoneInfo

/// A directory that goes with the test.
private final class Directory {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("zones-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: target)
    }
}

@Suite("Zone database")
struct ZoneDatabaseTests {
    /// An hour east of UTC, in TZif of version 1.
    private let hour: [UInt8] =
        Array("TZif".utf8) + [UInt8](repeating: 0, count: 35) + [1, 0, 0, 0, 4] + [0, 0, 14, 16, 0, 0]
        + Array("XXX\0".utf8)

    private func message(_ database: ZoneDatabase, _ name: String) -> String {
        #expect(throws: ZoneError.self) { try database.rules(name) }?.message ?? ""
    }

    @Test func `The zones of this machine are read, all of them`() throws {
        let database = ZoneDatabase(directory: "/usr/share/zoneinfo")
        #expect(database.names.count > 400)
        #expect(database.names == database.names.sorted())
        for name in [
            "Europe/London", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "GMT0", "America/Port-au-Prince",
        ] {
            #expect(database.names.contains(name))
        }
        #expect(!database.names.contains { $0.hasPrefix("posix") || $0.hasPrefix("right") || $0.hasSuffix("tab") })
        for name in database.names { _ = try database.rules(name) }
        let london = try database.rules("Europe/London")
        #expect(london.offset(at: Timestamp(seconds: 1_782_864_000)) == 3600)
    }

    @Test func `Where no database is installed the error says so, and UTC is there`() throws {
        let database = ZoneDatabase(directory: "/nowhere/zoneinfo")
        #expect(database.names.isEmpty)
        #expect(try database.rules("UTC") == .utc)
        #expect(
            message(database, "Europe/London").contains(
                "there is no tz database in /nowhere/zoneinfo; expected the package tzdata"))
        let directory = try Directory()
        #expect(
            message(ZoneDatabase(directory: directory.path), "Europe/London").contains(
                "is empty; expected the package tzdata"))
    }

    @Test func `An unknown zone is refused with the name that was meant`() throws {
        let database = ZoneDatabase(directory: "/usr/share/zoneinfo")
        #expect(message(database, "Europe/Lodnon").contains("is unknown; did you mean Europe/London?"))
        #expect(message(database, "europe/london").contains("expected Europe/London"))
        #expect(message(database, "Europe").contains("is a group of time zones"))
        #expect(message(database, "+02:00").contains("is an offset"))
        #expect(message(database, "").contains("is empty"))
    }

    @Test func `No path leads out of the directory`() throws {
        let directory = try Directory()
        try directory.write("Test/Hour", hour)
        try directory.link("Test/Alias", to: "Hour")
        try directory.link("Test/Out", to: "/usr/share/zoneinfo/Europe/London")
        try directory.link("Out", to: "/usr/share/zoneinfo")
        try directory.link("Loop", to: "Loop")
        let database = ZoneDatabase(directory: directory.path)
        #expect(try database.rules("Test/Hour").offset(at: Timestamp(seconds: 0)) == 3600)
        #expect(try database.rules("Test/Alias").offset(at: Timestamp(seconds: 0)) == 3600)
        #expect(message(database, "Test/Out").contains("leads out of"))
        #expect(message(database, "Out/Europe/London").contains("leads out of"))
        #expect(message(database, "../../etc/passwd").contains("is a path"))
        #expect(message(database, "/etc/passwd").contains("is a path"))
        #expect(!message(database, "Loop").isEmpty)
    }

    @Test func `A file that is no zone is refused`() throws {
        let directory = try Directory()
        try directory.write("Damaged", Array("nonsense".utf8))
        try directory.write("Long", [UInt8](repeating: 0, count: 2 << 20))
        let database = ZoneDatabase(directory: directory.path)
        #expect(message(database, "Damaged").contains("the data of the time zone Damaged is damaged"))
        #expect(message(database, "Long").contains("larger than 1 MiB"))
    }

    @Test func `What was read stays, and many may ask at once`() async throws {
        let directory = try Directory()
        try directory.write("Hour", hour)
        let database = ZoneDatabase(directory: directory.path)
        let first = try database.rules("Hour")
        try FileManager.default.removeItem(atPath: directory.path + "/Hour")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let rules = try database.rules("Hour")
                    #expect(rules == first)
                }
            }
            try await group.waitForAll()
        }
    }
}
