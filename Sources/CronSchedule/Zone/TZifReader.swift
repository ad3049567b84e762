/// Reads TZif files (RFC 9636), versions 1 to 4.
struct TZifReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private struct Header {
        var version: UInt8
        var utcMarks: Int
        var standardMarks: Int
        var leapSeconds: Int
        var changes: Int
        var types: Int
        var characters: Int

        /// The size of the block after it.
        func size(ofTime width: Int) -> Int {
            changes * (width + 1) + types * 6 + characters + leapSeconds * (width + 4) + standardMarks + utcMarks
        }
    }

    mutating func read(name: String) throws(ZoneError) -> ZoneRules {
        var header = try readHeader()
        var width = 4
        if header.version != 0 {
            // The first block is for readers of 32 bits.
            index += header.size(ofTime: 4)
            header = try readHeader()
            width = 8
        }
        guard bytes.count - index >= header.size(ofTime: width) else {
            throw ZoneError(message: "it ends within the table")
        }
        guard header.leapSeconds == 0 else {
            throw ZoneError(message: "it counts leap seconds; expected a zone of POSIX time")
        }
        guard header.types > 0 else { throw ZoneError(message: "it has no type of local time") }
        let times = index
        let kinds = times + header.changes * width
        let types = kinds + header.changes
        var typeOffsets: [Int64] = []
        for type in 0..<header.types {
            let offset = integer(at: types + type * 6, width: 4)
            guard (-89_999...93_599).contains(offset) else {
                throw ZoneError(message: "an offset of \(offset) seconds; expected less than 26 hours")
            }
            typeOffsets.append(offset)
        }
        var changes: [Int64] = []
        var offsets = [typeOffsets[0]]
        var previous = Int64.min
        for number in 0..<header.changes {
            let time = integer(at: times + number * width, width: width)
            guard number == 0 || time > previous else { throw ZoneError(message: "its changes do not ascend") }
            previous = time
            let kind = Int(bytes[kinds + number])
            guard kind < typeOffsets.count else { throw ZoneError(message: "a change to a type that is not there") }
            if time < Self.earliest {
                // From the beginning of time, for all that can be written.
                offsets = [typeOffsets[kind]]
            } else if time <= Self.latest {
                changes.append(time)
                offsets.append(typeOffsets[kind])
            }
        }
        index += header.size(ofTime: width)
        return ZoneRules(
            name: name, changes: changes, offsets: offsets, footer: header.version == 0 ? nil : try readFooter())
    }

    /// Some 31,000 years before and after 1970.
    private static let earliest: Int64 = -1_000_000_000_000
    private static let latest: Int64 = 1_000_000_000_000

    private mutating func readHeader() throws(ZoneError) -> Header {
        guard index <= bytes.count, bytes.count - index >= 44, bytes[index..<(index + 4)].elementsEqual("TZif".utf8)
        else {
            throw ZoneError(message: "it does not begin with a header of TZif")
        }
        let version = bytes[index + 4]
        guard version == 0 || version >= UInt8(ascii: "2") else {
            throw ZoneError(message: "an unknown version of TZif")
        }
        var counts: [Int] = []
        for number in 0..<6 {
            let count = integer(at: index + 20 + number * 4, width: 4) & 0xFFFF_FFFF
            // A file of a zone is some kilobytes.
            guard count <= 1 << 20 else { throw ZoneError(message: "a count of \(count) in its header") }
            counts.append(Int(count))
        }
        index += 44
        return Header(
            version: version, utcMarks: counts[0], standardMarks: counts[1], leapSeconds: counts[2], changes: counts[3],
            types: counts[4], characters: counts[5])
    }

    /// The text between two line ends after the second block; none where it is empty.
    private mutating func readFooter() throws(ZoneError) -> ZoneFooter? {
        let newline = UInt8(ascii: "\n")
        guard index < bytes.count, bytes[index] == newline,
            let end = bytes[(index + 1)...].firstIndex(of: newline)
        else { throw ZoneError(message: "it ends before its last line") }
        let text = Array(bytes[(index + 1)..<end])
        guard !text.isEmpty else { return nil }
        guard let footer = ZoneFooter(text) else {
            throw ZoneError(
                message:
                    "`\(String(decoding: text.prefix(60), as: UTF8.self))` is no rule for the years after its table")
        }
        return footer
    }

    /// A signed integer, the highest byte first.
    private func integer(at index: Int, width: Int) -> Int64 {
        var value: UInt64 = 0
        for byte in bytes[index..<(index + width)] { value = value << 8 | UInt64(byte) }
        return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }
}
