import JSON
import KubernetesModel
import SeededRandom
import Testing

struct QuantityTests {
    @Test(arguments: [
        ("0", "0"), ("0Ki", "0"), ("-0", "0"), ("1", "1"), ("100m", "100m"), ("1000m", "1"), ("0.5", "500m"),
        (".5", "500m"),
        ("5.", "5"), ("1.5Gi", "1536Mi"), ("1024Ki", "1Mi"), ("1Ki", "1Ki"), ("1000Ki", "1000Ki"), ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"), ("1500k", "1500k"), ("2000k", "2M"), ("1e3", "1e3"), ("1E3", "1e3"), ("10e3", "10e3"),
        ("1e4", "10e3"), ("1e-3", "1e-3"), ("12e1", "120"), ("1E", "1E"), ("+1", "1"), ("-1.5", "-1500m"), ("1n", "1n"),
        ("0.0000000001", "1n"), ("1.0000000001", "1000000001n"), ("-0.0000000001", "-1n"), ("1.2Ki", "1228800m"),
        ("0.1Ki", "102400m"),
        ("0.0001Ki", "102400u"), ("9223372036854775807", "9223372036854775807"), ("7Ei", "7Ei"), ("00012", "12"),
        ("0000000000000000000000000000000000000000005Gi", "5Gi"), ("1e-100000000000000000000", "1e-9"),
        ("0.00000000000000000000000000000000000000000000001", "1n"), ("0e99999", "0"),
    ])
    func `The canonical form has no fraction and the largest suffix`(text: String, canonical: String) throws {
        #expect(try Quantity(parsing: text).description == canonical)
    }

    @Test(arguments: [
        "", "-", "+", ".", "Gi", "1 Gi", " 1", "1gi", "1GI", "1ki", "1K", "1MB", "1e", "1e+", "1.2.3", "--1", "0x1",
        "1,5", "１", "1i",
        "9223372036854775808", "8Ei", "10E", "1e19", "-1e30", "1e100000000000000000000",
        "99999999999999999999999999999999999999999",
    ])
    func `Malformed quantities, and more than 64 bits of units, are refused`(text: String) {
        #expect(throws: QuantityError.self) { try Quantity(parsing: text) }
    }

    @Test
    func `Values are rounded away from zero`() throws {
        #expect(try Quantity(parsing: "1.1").value == 2)
        #expect(try Quantity(parsing: "-1.1").value == -2)
        #expect(try Quantity(parsing: "1n").milliValue == 1)
        #expect(try Quantity(parsing: "1500m").milliValue == 1500)
        #expect(try Quantity(parsing: "7Ei").milliValue == nil)
        #expect(try Quantity(parsing: "9223372036854775807").value == .max)
    }

    @Test
    func `Arithmetic is exact and never wraps`() throws {
        let third = try Quantity(parsing: "0.1")
        var sum = Quantity.zero
        for _ in 0..<10 { sum = try #require(sum.adding(third)) }
        #expect(sum == Quantity(1))
        #expect(Quantity(.max).adding(Quantity(milli: 1)) == nil)
        #expect(Quantity(-.max).subtracting(Quantity(milli: 1)) == nil)
        #expect(Quantity(.max).multiplied(by: .max) == nil)
        let mebibyte = try Quantity(parsing: "1Mi")
        #expect(Quantity.zero.adding(mebibyte)?.description == "1Mi")
        #expect(mebibyte.subtracting(try Quantity(parsing: "512Ki"))?.description == "512Ki")
        #expect(try Quantity(parsing: "1Ki") == Quantity(parsing: "1024"))
        #expect(try Quantity(parsing: "999m") < Quantity(1))
    }

    @Test
    func `Any amount survives being written and read, and order is that of the amounts`() throws {
        var generator = SeededGenerator(seed: 1)
        var previous = Quantity.zero
        for _ in 0..<20_000 {
            let nano =
                (Int128(Int64(bitPattern: generator.next())) << Int128(generator.next() % 30))
                >> Int128(generator.next() % 60)
            let format = Quantity.Format.allCases[Int(generator.next() % 2) * 2]
            guard let quantity = Quantity(nanoUnits: nano, format: format) else { continue }
            let again = try Quantity(parsing: quantity.description)
            #expect(again == quantity && again.description == quantity.description, "\(nano) \(format)")
            #expect((previous < quantity) == (previous.nanoUnits < nano))
            if let sum = quantity.adding(previous) { #expect(sum.subtracting(previous) == quantity) }
            previous = quantity
        }
    }

    @Test
    func `No text crashes the reader`() {
        var generator = SeededGenerator(seed: 2)
        let pieces = Array("0123456789.-+eEkKMGTPinum ".map(String.init))
        for _ in 0..<20_000 {
            let text = (0..<Int(generator.next() % 12)).map { _ in pieces[Int(generator.next() % UInt64(pieces.count))]
            }.joined()
            if let quantity = try? Quantity(parsing: text) {
                #expect((try? Quantity(parsing: quantity.description)) == quantity, "\(text)")
            }
        }
    }

    @Test
    func `A quantity is a string or a number in JSON`() throws {
        #expect(Quantity(json: JSONValue.int(5)) == Quantity(5))
        #expect(Quantity(json: JSONValue.double(0.5)) == Quantity(milli: 500))
        #expect(Quantity(json: JSONValue.string("x")) == nil)
        #expect(Quantity(json: JSONValue.bool(true)) == nil)
        #expect(try Quantity(parsing: "1.5Gi").json == "1536Mi")
    }
}

struct GoDurationTests {
    @Test(arguments: [
        ("1h30m", 5_400_000, "1h30m0s"), ("10m", 600_000, "10m0s"), ("90s", 90_000, "1m30s"), ("500ms", 500, "500ms"),
        ("0", 0, "0s"),
        ("1.5h", 5_400_000, "1h30m0s"), ("-2s", -2000, "-2s"), ("1h1m1s1ms", 3_661_001, "1h1m1.001s"),
        (".5s", 500, "500ms"),
    ])
    func `A duration is read and written as Go does`(text: String, milliseconds: Int, canonical: String) {
        let duration = Duration(goText: text)
        #expect(duration == .milliseconds(milliseconds))
        #expect(duration?.goText == canonical)
    }

    @Test(arguments: ["", "1", "s", "1 h", "1d", "h1", "1h-1m", "--1s", "1..5s", "9999999999h", "1e3s", "１s", "."])
    func `Malformed durations are refused`(text: String) {
        #expect(Duration(goText: text) == nil)
    }
}
