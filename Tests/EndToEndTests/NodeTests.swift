import Foundation
import Testing

/// The process node and its cluster where things go wrong.
@Suite(.serialized) struct NodeTests {
    /// Waits for a program's end, and kills it when that takes too long.
    private func end(of program: Program, within limit: Duration) async -> Int32 {
        let guardian = Task {
            try await Task.sleep(for: limit)
            program.signal(SIGKILL)
        }
        defer { guardian.cancel() }
        return await program.waitForEnd()
    }

    @Test func `sluice up on a port that is taken ends at once with one sentence and exit code 1`() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(listener >= 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isBound)
        let port = UInt16(bigEndian: address.sin_port)
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let program = try Program(
            Tools.sluice, ["up", "--port", "\(port)", "--kubeconfig", "\(directory)/kubeconfig"], directory: directory)
        #expect(await end(of: program, within: .seconds(20)) == 1)
        #expect(
            program.errors.contains("cannot listen on port \(port) of 127.0.0.1: another program listens there"),
            "\(program.errors)")
        #expect(program.errors.split(separator: "\n").count == 1, "\(program.errors)")
    }

    @Test func `Tasks that make their results and logs FIFOs freeze nothing`() async throws {
        let tasks = (0..<6).map { number in
            """
                  - name: t\(number)
                    container:
                      image: busybox:1
                      command:
                        - sh
                        - -c
                        - |
                          log="$(dirname "$SLUICE_RESULTS")/0.log"
                          rm -f "$SLUICE_RESULTS" "$log"
                          mkfifo "$SLUICE_RESULTS" "$log"
            """
        }
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: fifo}
            spec:
              pipelineSpec:
                tasks:
            \(tasks.joined(separator: "\n"))
            """
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: "\(directory)/fifo.yaml"))
        let program = try Program(Tools.sluice, ["run", "\(directory)/fifo.yaml"])
        #expect(await end(of: program, within: .seconds(60)) == 0, "\(program.output)\(program.errors)")
    }
}
