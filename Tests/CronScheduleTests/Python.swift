import Foundation
import Testing

/// Python of `.venv`, which hack/setup.sh --tests makes; else the one of the system.
enum Python {
    /// `.venv` of the repository that this file is in.
    static let environment: String? = {
        var directory = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { directory.deleteLastPathComponent() }
        let path = directory.appendingPathComponent(".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// One that has zoneinfo.
    static let executable: String? = works(environment, "zoneinfo") ?? works("/usr/bin/python3", "zoneinfo")

    /// One that has cronsim: of CRONSIM_PYTHON, else of `.venv`.
    static let cronsim: String? =
        works(ProcessInfo.processInfo.environment["CRONSIM_PYTHON"], "cronsim, zoneinfo")
        ?? works(environment, "cronsim, zoneinfo")

    private static func works(_ path: String?, _ modules: String) -> String? {
        guard let path, (try? run("import \(modules); print('yes')", input: "", with: path)) == ["yes"] else {
            return nil
        }
        return path
    }

    /// The lines that a script prints.
    ///
    /// By popen: Foundation's `Process` loses the end of a short process now and then.
    static func run(_ script: String, input: String, with path: String? = executable) throws -> [String] {
        let path = try #require(path)
        let files = FileManager.default.temporaryDirectory.appendingPathComponent("cron-\(UUID().uuidString)").path
        let (program, questions) = (files + ".py", files + ".in")
        try script.write(toFile: program, atomically: true, encoding: .utf8)
        try input.write(toFile: questions, atomically: true, encoding: .utf8)
        defer { for file in [program, questions] { try? FileManager.default.removeItem(atPath: file) } }
        guard let stream = popen("'\(path)' '\(program)' < '\(questions)' 2> /dev/null", "r") else { return [] }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        pclose(stream)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
