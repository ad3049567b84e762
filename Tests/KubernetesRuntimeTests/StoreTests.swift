import JSON
import KubernetesClient
import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite struct StoreTests {
    let store = Store<Widget>(indexes: [StoreIndex("size") { ["\($0.object?.size ?? -1)"] }])
    let recorder = ViewRecorder()

    init() { store.addHandler { [recorder] in recorder.record($0) } }

    private func list(_ widgets: [Widget], at version: UInt64) {
        store.apply([.initStart] + widgets.map { .initApply(.object($0)) } + [.initDone(resourceVersion: "\(version)")])
    }

    private let key = ObjectKey(namespace: "ns", name: "a")

    @Test func `A list fills the store and counts as synced only when it is whole`() {
        store.apply([.initStart, .initApply(.object(Widget("a", version: 5)))])
        #expect(!store.hasSynced && store.count == 0 && recorder.lines.isEmpty)
        store.apply([.initApply(.object(Widget("b", version: 3))), .initDone(resourceVersion: "9")])
        #expect(store.hasSynced && store.count == 2)
        #expect(recorder.lines == ["added a 5 initialList", "added b 3 initialList"])
    }

    @Test func `A list that was begun again forgets its first pages`() {
        store.apply([.initStart, .initApply(.object(Widget("a", version: 5)))])
        list([Widget("b", version: 3)], at: 9)
        #expect(recorder.lines == ["added b 3 initialList"])
    }

    @Test func `A relist tells the differences and nothing else`() {
        list([Widget("a", version: 5), Widget("b", version: 6), Widget("c", version: 7)], at: 9)
        _ = recorder.lines
        list([Widget("b", version: 6), Widget("c", version: 12), Widget("d", version: 11)], at: 20)
        #expect(recorder.lines == ["deleted a 5 relist", "updated c 12 relist", "added d 11 relist"])
    }

    @Test func `An object of the same name and another UID is told as gone and come`() {
        list([Widget("a", uid: "1", version: 5)], at: 9)
        store.apply([.apply(.object(Widget("a", uid: "2", version: 12)))])
        list([Widget("a", uid: "3", version: 15)], at: 20)
        #expect(
            recorder.lines == [
                "added a 5 initialList", "deleted a 5 watch", "added a 12 watch", "deleted a 12 relist",
                "added a 15 relist",
            ])
    }

    @Test func `Repeated and older events change nothing`() {
        list([Widget("a", version: 5)], at: 9)
        store.apply([.apply(.object(Widget("a", version: 12, size: 2)))])
        _ = recorder.lines
        store.apply([.apply(.object(Widget("a", version: 12, size: 2))), .apply(.object(Widget("a", version: 11)))])
        #expect(recorder.lines.isEmpty)
        #expect(store[key]?.size == 2)
        store.apply([.delete(.object(Widget("a", version: 13)))])
        store.apply([.apply(.object(Widget("a", version: 12, size: 2)))])
        #expect(recorder.lines == ["deleted a 13 watch"])
        #expect(store[key] == nil)
    }

    @Test func `E4: an own write is seen at once, and older observations of the object are dropped`() {
        list([Widget("a", version: 5)], at: 9)
        store.noteWritten(Widget("a", version: 14, size: 3))
        #expect(store[key]?.size == 3)
        store.apply([.apply(.object(Widget("a", version: 12, size: 2)))])
        #expect(store[key]?.size == 3)
        store.apply([.apply(.object(Widget("a", version: 14, size: 3))), .apply(.object(Widget("a", version: 15)))])
        #expect(
            recorder.lines == ["added a 5 initialList", "updated a 14 ownWrite", "updated a 15 watch"])
    }

    @Test func `E4: an own write is kept over a list that is older, and not over one that is newer`() {
        list([], at: 9)
        store.noteWritten(Widget("a", version: 14))
        list([], at: 12)
        #expect(store[key] != nil)
        list([], at: 14)
        #expect(store[key] == nil)
    }

    @Test func `An answer to a write that comes after the news of the object's deletion does not bring it back`() {
        list([Widget("a", version: 5)], at: 9)
        store.apply([.apply(.object(Widget("a", version: 10))), .delete(.object(Widget("a", version: 11)))])
        store.noteWritten(Widget("a", version: 10))
        #expect(store[key] == nil)
    }

    @Test func `An own write that the watch does not report is dropped`() {
        list([], at: 9)
        store.noteWritten(Widget("a", version: 14))
        store.apply([.progress(resourceVersion: "13")])
        #expect(store[key] != nil)
        store.apply([.progress(resourceVersion: "14")])
        #expect(store[key] == nil)
        store.noteWritten(Widget("a", version: 15))
        store.apply([.apply(.object(Widget("b", version: 16)))])
        #expect(store[key] == nil && store.count == 1)
    }

    @Test func `The deletion of an older object of the same name leaves the newer one alone`() {
        list([Widget("a", uid: "1", version: 5)], at: 9)
        store.noteWritten(Widget("a", uid: "2", version: 14))
        store.apply([.delete(.object(Widget("a", uid: "1", version: 12)))])
        #expect(store[key]?.metadata.uid == "2")
        store.apply([
            .apply(.object(Widget("a", uid: "2", version: 14))), .delete(.object(Widget("a", uid: "2", version: 15))),
        ])
        #expect(store[key] == nil)
    }

    @Test func `An own deletion is seen at once and late news of the object do not bring it back`() {
        list([Widget("a", uid: "1", version: 5)], at: 9)
        store.noteDeleted(key, uid: "other")
        #expect(store[key] != nil)
        store.noteDeleted(key, uid: "1")
        #expect(store[key] == nil)
        store.apply([.apply(.object(Widget("a", uid: "1", version: 12)))])
        #expect(store[key] == nil)
        store.apply([
            .delete(.object(Widget("a", uid: "1", version: 13))), .apply(.object(Widget("a", uid: "2", version: 14))),
        ])
        #expect(store[key]?.metadata.uid == "2")
    }

    @Test func `Versions that are no numbers are not compared: the watch is believed`() {
        var widget = Widget("a", size: 1)
        widget.metadata.resourceVersion = "z9"
        list([widget], at: 9)
        widget.metadata.resourceVersion = "a1"
        widget.size = 2
        store.apply([.apply(.object(widget))])
        #expect(store[key]?.size == 2)
        widget.metadata.uid = "another"
        store.apply([.delete(.object(widget))])
        #expect(store[key] != nil)
        widget.metadata.uid = "uid-a"
        store.apply([.delete(.object(widget))])
        #expect(store[key] == nil)
    }

    @Test func `A server whose history was reset is believed`() {
        list([Widget("a", version: 500), Widget("b", version: 600)], at: 700)
        store.noteWritten(Widget("c", version: 701))
        list([Widget("a", version: 5, size: 9)], at: 10)
        #expect(store.contents == [key: Widget("a", version: 5, size: 9)])
        store.apply([.apply(.object(Widget("b", version: 11)))])
        #expect(store.count == 2)
    }

    @Test func `The largest versions there are do no harm`() {
        list([Widget("a", version: .max)], at: .max)
        store.noteWritten(Widget("b", version: .max))
        store.apply([.progress(resourceVersion: "\(UInt64.max)"), .delete(.object(Widget("a", version: .max)))])
        #expect(store.count == 0)
    }

    @Test func `An object that cannot be decoded is there, with its metadata and the error`() throws {
        let bad = Widget("bad", version: 6)
        store.apply([
            .initStart, .initApply(.undecodable(bad.metadata, JSONError("expected a string", offset: 3))),
            .initApply(.object(Widget("a", version: 5))), .initDone(resourceVersion: "9"),
        ])
        let entry = try #require(store.entry(bad.key))
        #expect(entry.object == nil && store[bad.key] == nil && store[key] != nil)
        #expect(entry.metadata.uid == "uid-bad")
        #expect(entry.decodingError == JSONError("expected a string", offset: 3))
        store.apply([.apply(.object(Widget("bad", version: 10, size: 4)))])
        #expect(store[bad.key]?.size == 4)
    }

    @Test func `Objects are found by the UIDs of their owners and by indexes, which follow every change`() {
        func owned(_ name: String, _ owner: String, version: UInt64, size: Int) -> Widget {
            var widget = Widget(name, version: version, size: size)
            widget.metadata.ownerReferences = [
                OwnerReference(apiVersion: "v1", kind: "Owner", name: "o", uid: owner)
            ]
            return widget
        }
        func names(_ entries: [StoreEntry<Widget>]) -> [String] { entries.map(\.metadata.name).sorted() }
        list([owned("a", "o1", version: 5, size: 1), owned("b", "o1", version: 6, size: 2)], at: 9)
        #expect(names(store.entries(ownedBy: "o1")) == ["a", "b"])
        #expect(names(store.entries(index: "size", value: "2")) == ["b"])
        store.apply([.apply(.object(owned("b", "o2", version: 10, size: 1)))])
        #expect(names(store.entries(ownedBy: "o1")) == ["a"])
        #expect(names(store.entries(ownedBy: "o2")) == ["b"])
        #expect(names(store.entries(index: "size", value: "1")) == ["a", "b"])
        store.apply([.delete(.object(owned("a", "o1", version: 11, size: 1)))])
        #expect(store.entries(ownedBy: "o1").isEmpty)
        list([], at: 20)
        #expect(store.entries(ownedBy: "o2").isEmpty)
        #expect(store.entries(index: "colour", value: "1").isEmpty)
    }

    @Test func `A handler that comes late is told what is there`() {
        list([Widget("b", version: 5), Widget("a", version: 6)], at: 9)
        let late = ViewRecorder()
        store.addHandler { late.record($0) }
        store.apply([.apply(.object(Widget("c", version: 10)))])
        #expect(late.lines == ["added a 6 initialList", "added b 5 initialList", "added c 10 watch"])
        #expect(recorder.contents == late.contents)
    }

    @Test func `A handler may read and write the store it is told of`() {
        store.addHandler { [store] event in
            if event.key.name == "a", store.entry(event.key)?.object?.size == 0 {
                store.noteWritten(Widget("a", version: 50, size: 7))
            }
        }
        list([Widget("a", version: 5)], at: 9)
        #expect(store[key]?.size == 7)
        #expect(recorder.contents == store.contents)
    }
}
