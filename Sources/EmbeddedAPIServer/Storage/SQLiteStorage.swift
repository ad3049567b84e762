import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The SQLite file with all objects. WAL mode and `synchronous=FULL`: a committed change survives a power cut.
///
/// The exclusive lock is held until ``close()``, so a second server fails at once with a message that says why. All
/// changes run on the storage's own dispatch queue, since a commit waits for the disk.
final class SQLiteStorage: Sendable {
    struct Row {
        var key: StorageKey
        var resourceVersion: UInt64
        var body: [UInt8]
    }

    private let connection: Mutex<Connection?>
    private let queue = DispatchQueue(label: "sluice.apiserver.storage")
    private let path: String

    /// Used by one thread at a time: by `init` and ``load()`` before the store exists, then only on the storage's
    /// queue.
    private final class Connection: @unchecked Sendable {
        let database: SQLiteDatabase
        let put: SQLiteStatement
        let delete: SQLiteStatement
        let mark: SQLiteStatement

        init(path: String) throws {
            database = try SQLiteDatabase(path: path)
            try database.execute(
                """
                PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS object(
                    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
                    body BLOB NOT NULL, PRIMARY KEY(resource, namespace, name)) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS revision(id INTEGER PRIMARY KEY CHECK(id = 0), value INTEGER NOT NULL);
                INSERT OR IGNORE INTO revision VALUES(0, 0);
                COMMIT;
                """)
            put = try database.prepare("INSERT OR REPLACE INTO object VALUES(?, ?, ?, ?, ?)")
            delete = try database.prepare("DELETE FROM object WHERE resource=? AND namespace=? AND name=?")
            mark = try database.prepare("UPDATE revision SET value=? WHERE id=0")
        }
    }

    /// Opens or creates the file, which only its owner may read. Throws ``SQLiteError``; its message says when another
    /// server has the file open.
    init(path: String) throws {
        self.path = path
        Self.createPrivately(path)
        do {
            connection = Mutex(try Connection(path: path))
        } catch let error as SQLiteError where error.isBusy {
            throw SQLiteError(code: error.code, message: "\(path) is in use by another Sluice; stop that one first")
        }
    }

    /// Creates the file if it is not there. SQLite gives its other files the same rights. When this fails, opening the
    /// database says why.
    private static func createPrivately(_ path: String) {
        // Not when it is there: closing a descriptor of a database drops the locks that this process has on it.
        let descriptor = systemOpen(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        fchmod(descriptor, 0o600)
        systemClose(descriptor)
    }

    /// All objects, and the version of the last change. Throws ``SQLiteError``.
    func load() throws -> (revision: UInt64, rows: [Row]) {
        var revision: UInt64 = 0
        var rows: [Row] = []
        let connection = try open
        try connection.database.prepare("SELECT value FROM revision").run { revision = UInt64($0.integer(0)) }
        try connection.database.prepare("SELECT resource, namespace, name, version, body FROM object").run { row in
            rows.append(
                Row(
                    key: StorageKey(resource: row.text(0), namespace: row.text(1), name: row.text(2)),
                    resourceVersion: UInt64(row.integer(3)), body: row.blob(4)))
        }
        return (revision, rows)
    }

    /// Runs `body` on the storage's queue.
    func schedule(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    /// Writes changes in one transaction. Only to be called on the storage's queue. Throws ``SQLiteError``.
    func commit(_ events: [StorageEvent]) throws {
        guard let last = events.last else { return }
        let connection = try open
        try connection.database.execute("BEGIN IMMEDIATE")
        do {
            for event in events {
                let key = event.object.key
                if event.kind == .deleted {
                    try connection.delete.run([.text(key.resource), .text(key.namespace), .text(key.name)])
                } else {
                    try connection.put.run([
                        .text(key.resource), .text(key.namespace), .text(key.name),
                        .integer(Int64(event.resourceVersion)), .blob(event.object.body),
                    ])
                }
            }
            try connection.mark.run([.integer(Int64(last.resourceVersion))])
            try connection.database.execute("COMMIT")
        } catch {
            // Report the first error; that of a failed rollback adds nothing.
            try? connection.database.execute("ROLLBACK")
            throw error
        }
    }

    /// Writes something that leaves everything as it is, to learn whether there is room. Only to be called on the
    /// storage's queue. Throws ``SQLiteError``.
    func tryToWrite() throws {
        let database = try open.database
        try database.execute("BEGIN IMMEDIATE")
        do {
            try database.execute(
                """
                INSERT OR REPLACE INTO object VALUES('', '', '', 0, zeroblob(65536));
                DELETE FROM object WHERE resource='';
                COMMIT;
                """)
        } catch {
            // Report the first error; that of a failed rollback adds nothing.
            try? database.execute("ROLLBACK")
            throw error
        }
    }

    /// Sets how many pages the file may have, which in tests stands in for a disk that is full. Throws ``SQLiteError``.
    func setMaximumPages(_ count: Int) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async { [self] in
                continuation.resume(
                    with: Result { try open.database.execute("PRAGMA max_page_count=\(count)") })
            }
        }
    }

    private var open: Connection {
        get throws {
            guard let connection = connection.withLock({ $0 }) else {
                throw SQLiteError(code: 0, message: "\(path) is closed")
            }
            return connection
        }
    }

    /// Finishes what is scheduled and closes the file.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                connection.withLock { $0 = nil }
                continuation.resume()
            }
        }
    }
}

// The C functions, which have the names of members above.
private func systemOpen(_ path: String, _ flags: Int32, _ rights: mode_t) -> Int32 { open(path, flags, rights) }
private func systemClose(_ descriptor: Int32) { close(descriptor) }
