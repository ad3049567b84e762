import KubernetesModel
import Testing

@Suite struct ResourceVersionTests {
    @Test(
        arguments: [
            ("1", 1), ("18446744073709551615", UInt64.max), ("0", nil), ("01", nil), ("+1", nil), ("-1", nil),
            ("", nil),
            ("1a", nil), ("18446744073709551616", nil),
        ] as [(String, UInt64?)])
    func `A version is a number in its shortest form (KEP-5504)`(text: String, number: UInt64?) {
        #expect(ResourceVersion.number(text) == number)
    }

    @Test(arguments: [("9", "10", true), ("10", "9", false), ("9", "9", false), ("a", "b", false), ("", "1", false)])
    func `An object is older than another by the number of its version`(
        mine: String, others: String, isOlder: Bool
    ) {
        var (left, right) = (ObjectMeta(name: "a", namespace: "b"), ObjectMeta(name: "a", namespace: "b"))
        (left.resourceVersion, right.resourceVersion) = (mine, others)
        #expect(left.isOlder(than: right) == isOlder)
    }
}
