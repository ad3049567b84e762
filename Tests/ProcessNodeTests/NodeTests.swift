import JSON
import Testing

@testable import ProcessNode

@Test func `Variables are expanded as the kubelet does it`() {
    let environment = ContainerEnvironment(["A": "x", "B": "$(A)"])
    #expect(environment.expand("$(A) $$(A) $(NO) $ $(A $x$(B)") == "x $(A) $(NO) $ $(A $x$(B)")
    #expect(environment.expand("$(A)$$$$") == "x$$")
    #expect(environment.expand("$(B)") == "$(A)")
}

@Test func `Sidecars count beside the main containers in what a pod needs`() throws {
    let spec = try JSONValue(
        parsing: """
            {"initContainers":[{"resources":{"requests":{"cpu":"3"}}},
              {"restartPolicy":"Always","resources":{"requests":{"cpu":"500m"}}}],
             "containers":[{"resources":{"requests":{"cpu":"1","memory":"1Ki"}}}]}
            """)
    let needed = NodeScheduler.requests(spec)
    #expect(needed.keys.sorted() == ["cpu", "memory", "pods"])
    #expect(needed["cpu"] == 3_000_000_000)
    #expect(needed["memory"] == 1_024_000_000_000)
    #expect(needed["pods"] == 1_000_000_000)
}
