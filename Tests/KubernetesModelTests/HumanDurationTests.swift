import KubernetesModel
import Testing

@Suite struct HumanDurationTests {
    @Test(
        arguments: [
            (-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (599, "9m59s"), (600, "10m"),
            (10799, "179m"),
            (10800, "3h"), (28799, "7h59m"), (28800, "8h"), (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"),
            (691_200, "8d"),
            (63_071_999, "729d"), (63_072_000, "2y"), (70_000_000, "2y80d"), (300_000_000, "9y"),
        ] as [(Int, String)])
    func `Ages are written as kubectl writes them`(_ seconds: Int, _ expected: String) {
        #expect(HumanDuration.age(.seconds(seconds)) == expected)
    }

    @Test(
        arguments: [
            (0, "0.0s"), (1349, "1.3s"), (59_999, "59.9s"), (60_000, "1m00s"), (125_000, "2m05s"),
            (3_599_999, "59m59s"), (3_720_000, "1h02m"), (90_000_000, "25h00m"),
        ] as [(Int, String)])
    func `What something took is written with tenths while it is short`(_ milliseconds: Int, _ expected: String) {
        #expect(HumanDuration.elapsed(.milliseconds(milliseconds)) == expected)
    }
}
