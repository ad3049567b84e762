import KubernetesModel
import Testing

@Suite struct NamesTests {
    private static let long = String(repeating: "a", count: 63)

    @Test(arguments: ["a", "0", "a-b", "a--b", NamesTests.long])
    func `DNS labels`(_ text: String) {
        #expect(Names.labelProblem(text) == nil)
        #expect(Names.isLabel(text))
        #expect(Names.subdomainProblem(text) == nil)
    }

    @Test(arguments: ["", "-a", "a-", "A", "a_b", "a.b", "é", "a ", NamesTests.long + "a", NamesTests.long + "-"])
    func `Texts that are not DNS labels`(_ text: String) {
        #expect(Names.labelProblem(text) != nil)
        #expect(!Names.isLabel(text))
    }

    /// Lint and API server once disagreed about the first of each: a part longer than a label, and what follows one.
    @Test func `A part of a subdomain may be longer than a label, and is checked to its end`() {
        #expect(Names.subdomainProblem(Self.long + "a.b") == nil)
        #expect(Names.subdomainProblem(Self.long + "_X") != nil)
        #expect(Names.subdomainProblem(Self.long + "-") != nil)
        #expect(Names.subdomainProblem("a..b") != nil)
        #expect(Names.subdomainProblem(String(repeating: "a", count: 254)) == "must be no more than 253 characters")
        #expect(Names.subdomainProblem("abcd", maximumLength: 3) == "must be no more than 3 characters")
    }

    @Test func `Keys and values of labels`() {
        for key in ["a", "A_b.c-d", "example.dev/a", Self.long] { #expect(Names.qualifiedNameProblem(key) == nil) }
        for key in ["", "/a", "a/", "a/b/c", "-a", "Example.dev/a", Self.long + "a"] {
            #expect(Names.qualifiedNameProblem(key) != nil, "\(key)")
        }
        for value in ["", "a", "A_b.c-d", Self.long] { #expect(Names.labelValueProblem(value) == nil) }
        for value in ["-", "a-", "a b", "é", Self.long + "a"] { #expect(Names.labelValueProblem(value) != nil) }
    }
}
