import KubernetesModel

/// One line of a log file as the shim of a container writes it: a time, a stream, whether the line goes on, and the text, as in
/// `2026-01-02T03:04:05.123456789Z stdout F text`. Without the newline.
struct LogEntry {
    /// The length of the time, and of all that comes before the text.
    static let (stampLength, headLength) = (30, 40)

    private let bytes: UnsafeRawBufferPointer

    /// nil where a line does not begin like that: a container can write to its log file, and older nodes wrote none of it.
    init?(_ line: UnsafeRawBufferPointer) {
        guard line.count >= Self.headLength, line[38] == UInt8(ascii: "F") || line[38] == UInt8(ascii: "P"),
            line[34] == UInt8(ascii: "o") || line[34] == UInt8(ascii: "e"),
            Self.marks.allSatisfy({ line[$0.place] == $0.byte })
        else { return nil }
        bytes = line
    }

    private static let marks: [(place: Int, byte: UInt8)] = [
        (4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (29, "Z"), (30, " "), (31, "s"),
        (32, "t"), (33, "d"), (37, " "), (39, " "),
    ].map { (place: $0.0, byte: UInt8(ascii: $0.1)) }

    var stamp: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<Self.stampLength]) }
    var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[Self.headLength...]) }
    /// Whether its line ends with it.
    var isEnd: Bool { bytes[38] == UInt8(ascii: "F") }
    var stream: PodLogOptions.Stream { bytes[34] == UInt8(ascii: "e") ? .stderr : .stdout }

    /// Whether it was written at that time or later. Times of equal length are in the order of their text.
    func isSince(_ other: [UInt8]) -> Bool { !stamp.lexicographicallyPrecedes(other) }

    /// A time as an entry has it.
    static func stamp(_ time: Timestamp) -> [UInt8] {
        // Years have four digits.
        let shown = min(max(time, Timestamp(seconds: 0)), Timestamp(seconds: 253_402_300_799))
        return Array(shown.rfc3339Micro.utf8.dropLast()) + Array("000Z".utf8)
    }
}
