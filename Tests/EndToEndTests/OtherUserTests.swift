import Foundation
import JSON
import Testing

/// What another user of the machine sees of a cluster: nothing.
@Suite(
    .enabled(if: getuid() == 0, "not root: there is no other user to look as"),
    .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
struct OtherUserTests {
    /// Finds as root what there is, then looks at it as user 65534 and prints as JSON what each of the two could read.
    private static let look = """
        import json, os, sys
        def entries(path):
            try: return [os.path.join(path, name) for name in os.listdir(path)]
            except OSError: return []
        def read(path):
            if os.path.isdir(path): os.listdir(path); return b""
            with open(path, "rb") as file: return file.read(1 << 20)
        def readable(paths, needle=b""):
            good = []
            for path in paths:
                try:
                    if needle in read(path): good.append(path)
                except OSError: pass
            return good
        secret, roots, control = sys.argv[1].encode(), sys.argv[2:-1], sys.argv[-1]
        paths = list(roots)
        for path in paths:
            if not os.path.islink(path): paths += entries(path)
        # No pipes and sockets, which have no end.
        paths = [path for path in paths if os.path.isfile(path) or os.path.isdir(path)]
        # Also what the container sees, and what it was started with.
        for process in entries("/proc"):
            if process[6:].isdigit() and readable([process + "/environ"], secret):
                paths += [process + "/environ", process + "/root/secret/key", process + "/cwd"]
        held = readable([path for path in paths if os.path.isfile(path)], secret)
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        print(json.dumps({"held": held, "seen": readable(paths), "control": readable([control]), "count": len(paths)}))
        """

    @Test(arguments: [true, false])
    func `Another user reads neither the data directory, nor the kubeconfig, nor a secret volume, nor a variable`(
        isData: Bool
    ) async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(chmod(directory, 0o755) == 0)
        let control = "\(directory)/control"
        #expect(FileManager.default.createFile(atPath: control, contents: Data("x".utf8)))
        #expect(chmod(control, 0o644) == 0)
        let data = isData ? "\(directory)/data" : "\(directory)/tmp"
        if !isData { try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false) }
        let kubeconfig = "\(directory)/kubeconfig"
        let up = LocalUp(
            program: try Program(
                Tools.sluice, ["up", "--no-operator", "--kubeconfig", kubeconfig] + (isData ? ["--data", data] : []),
                environment: ["TMPDIR": isData ? directory : data], directory: directory),
            kubeconfig: kubeconfig, directory: directory)
        try #require(await up.program.waitForOutput("Ctrl-C ends it"), "\(up.program.errors)")
        let word = "word-\(UUID().uuidString)"
        try await up.kubectl("create", "secret", "generic", "s", "--from-literal=key=\(word)")
        try await up.kubectl(
            "apply", "-f", "-",
            input: """
                apiVersion: v1
                kind: Pod
                metadata: {name: p}
                spec:
                  restartPolicy: Never
                  terminationGracePeriodSeconds: 1
                  volumes: [{name: s, secret: {secretName: s}}]
                  containers:
                  - name: c
                    image: x
                    command: [sh, -c, "test -s \\"$SLUICE_VOLUME_S/key\\" || test -s /secret/key && echo found; exec sleep 1000"]
                    env: [{name: WORD, valueFrom: {secretKeyRef: {name: s, key: key}}}]
                    volumeMounts: [{name: s, mountPath: /secret}]
                """)
        try await up.kubectl("wait", "pod/p", "--for=condition=Ready", "--timeout=30s")
        let result = try await Program.run(
            "/usr/bin/env", ["python3", "-c", Self.look, word, data, kubeconfig, control])
        #expect(result.status == 0, "\(result.errors)")
        let found = try JSONValue(parsing: result.output)
        #expect(found["control"]?.array == [.string(control)], "the other user can look at all")
        let held = (found["held"]?.array ?? []).compactMap { $0.string }
        #expect(held.contains { $0.hasSuffix("/key") } && held.contains { $0.hasSuffix("/environ") }, "\(held)")
        // In a temporary directory of the system only the name of ours can be seen.
        let seen = (found["seen"]?.array ?? []).compactMap { $0.string }.filter { isData || $0 != data }
        #expect(seen == [], "of \(found["count"]?.rendered ?? "")")
        up.program.signal(SIGINT)
        _ = await up.program.waitForEnd()
    }
}
