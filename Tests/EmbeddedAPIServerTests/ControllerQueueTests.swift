import Testing

@testable import EmbeddedAPIServer

@Suite struct ControllerQueueTests {
    @Test func `Checks come out in the order in which they were asked for, each once`() {
        let queue = ControllerQueue()
        for name in ["b", "a", "b", "c", "a"] { queue.add(.namespace(name)) }
        #expect(queue.next() == .namespace("b"))
        // No longer in the queue: a change that comes now needs another look.
        queue.add(.namespace("b"))
        #expect([queue.next(), queue.next(), queue.next()] == [.namespace("a"), .namespace("c"), .namespace("b")])
        #expect(queue.next() == nil)
    }

    @Test func `It tells whether a check of a definition waits`() {
        let queue = ControllerQueue()
        queue.add(.namespace("a"))
        #expect(!queue.hasDefinitions)
        queue.add(.definition("b"))
        #expect(queue.hasDefinitions)
        while queue.next() != nil {}
        #expect(!queue.hasDefinitions)
    }
}
