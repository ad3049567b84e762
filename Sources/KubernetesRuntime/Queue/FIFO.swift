/// A queue: elements leave in the order in which they came. Appending and removing are amortised O(1).
struct FIFO<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var count: Int { elements.count - head }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() -> Element? {
        guard head < elements.count else { return nil }
        defer {
            head += 1
            if head > 64, head * 2 > elements.count {
                elements.removeFirst(head)
                head = 0
            }
        }
        return elements[head]
    }

    mutating func removeAll() { self = FIFO() }

    /// Keeps only the elements that satisfy a condition. O(n).
    mutating func keep(where condition: (Element) -> Bool) {
        elements = elements[head...].filter(condition)
        head = 0
    }
}
