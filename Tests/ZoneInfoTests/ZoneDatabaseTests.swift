import Testing
import ZoneInfo

@Test func names() { #expect(ZoneDatabase().names.contains("Europe/London")) }
