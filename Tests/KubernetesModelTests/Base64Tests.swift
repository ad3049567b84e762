import Foundation
import KubernetesModel
import SeededRandom
import Testing

/// Base64 against Foundation's, which differs only where it is more lenient.
@Suite struct Base64Tests {
    @Test func `What is written is what Foundation writes, and reads back`() {
        var generator = SeededGenerator(seed: 64)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Data(bytes).base64EncodedString()
            #expect(Base64.encode(bytes) == text)
            #expect(Base64.decode(text) == bytes)
            let url = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            #expect(Base64.encode(bytes, .url) == url)
            #expect(Base64.decode(url, .url) == bytes)
        }
    }

    @Test(arguments: [
        "YQ", "YQ=", "YQ===", "Y", "Y===", "=", "====", "YW=I", "YWI_", "YW-I", "YWJj=", "Y Q=", "YQ==YQ==", "é",
    ])
    func `Anything else is refused`(_ text: String) { #expect(Base64.decode(text) == nil) }

    @Test(arguments: ["YQ==", "YW+I", "YW/I", "Y", "=", "YW=", "a b"])
    func `So is a token of another alphabet, or with padding`(_ text: String) {
        #expect(Base64.decode(text, .url) == nil)
    }

    @Test func `Line breaks are ignored`() { #expect(Base64.decode("YW\r\nJj\nZA==\n") == Array("abcd".utf8)) }

    @Test func `Generated text is read as Foundation reads it, or refused`() {
        var generator = SeededGenerator(seed: 65)
        for _ in 0..<20_000 {
            let pieces = ["A", "b", "9", "+", "/", "=", "-", "_", "\n", " ", "Zg"]
            let text = (0..<generator.pick(0...9)).map { _ in generator.pick(pieces) }.joined()
            guard let bytes = Base64.decode(text) else { continue }
            #expect(
                Data(base64Encoded: text.filter { $0 != "\n" }).map(Array.init) == bytes, "\(text.debugDescription)")
        }
    }
}
