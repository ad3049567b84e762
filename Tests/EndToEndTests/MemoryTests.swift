import Foundation
import Testing

@Suite struct MemoryTests {
    /// Makes 5,000 objects, opens 50 watches that are given all of them, and prints the server's resident memory in KiB.
    private static let load = """
        import http.client, json, re, ssl, sys
        text = open(sys.argv[1]).read()
        port = int(re.search(r"https://127.0.0.1:([0-9]+)", text).group(1))
        headers = {"Authorization": "Bearer " + re.search(r'token: *"?([^"\\s]+)', text).group(1)}
        context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
        maps = "/api/v1/namespaces/default/configmaps"
        def ask(connection, method, path, body=None):
            connection.request(method, path, body, headers | {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()
            return answer
        def connect(): return http.client.HTTPSConnection("127.0.0.1", port, context=context)
        writer = connect()
        for number in range(5000):
            ask(writer, "POST", maps, json.dumps({"metadata": {"name": f"c{number}"}, "data": {"k": "v" * 500}})).read()
        watches = []
        for number in range(50):
            connection = connect()
            answer = ask(connection, "GET", maps + "?watch=1")
            for line in range(5000): assert b"ADDED" in answer.readline()
            watches.append((connection, answer))
        print(re.search(r"VmRSS:\\s*([0-9]+)", open(f"/proc/{sys.argv[2]}/status").read()).group(1))
        """

    @Test func `5,000 objects and 50 watches take less than 150 MB`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            // The program is started by way of a shell and env, which become it.
            let result = try await Program.run(
                "/usr/bin/env",
                ["python3", "-c", Self.load, cluster.kubeconfig, "\(cluster.program.processIdentifier)"])
            #expect(result.status == 0, "\(result.errors)")
            let size = try #require(Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(size < 150_000, "KiB")
            #expect(size > 20_000, "it is the server that was looked at")
        }
    }
}
