import CSQLite

/// A failure of SQLite.
struct SQLiteError: Error, Sendable, Hashable, CustomStringConvertible {
    var code: Int32
    /// What was attempted, and SQLite's own message.
    var message: String

    /// Whether another connection holds the lock.
    var isBusy: Bool { code & 0xFF == SQLITE_BUSY || code & 0xFF == SQLITE_LOCKED }

    var description: String { message }
}

/// One connection to one database file. Not safe for use from two threads at a time.
final class SQLiteDatabase {
    private var handle: OpaquePointer

    /// Opens or creates the file. Throws ``SQLiteError``.
    init(path: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(
            path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let handle else {
            let words = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw SQLiteError(code: code, message: "cannot open \(path): \(words)")
        }
        self.handle = handle
    }

    deinit { sqlite3_close_v2(handle) }

    /// The error for a failed attempt, with SQLite's message.
    func error(_ attempt: String, _ code: Int32) -> SQLiteError {
        SQLiteError(code: code, message: "\(attempt): \(String(cString: sqlite3_errmsg(handle)))")
    }

    /// Runs statements that have no parameters. Throws ``SQLiteError``.
    func execute(_ sql: String) throws {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(sql, code) }
    }

    /// Prepares a statement that is used many times. Throws ``SQLiteError``.
    func prepare(_ sql: String) throws -> SQLiteStatement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(sql, code) }
        return SQLiteStatement(statement, database: self, sql: sql)
    }
}

/// A prepared statement.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let database: SQLiteDatabase
    private let sql: String

    init(_ handle: OpaquePointer, database: SQLiteDatabase, sql: String) {
        self.handle = handle
        self.database = database
        self.sql = sql
    }

    deinit { sqlite3_finalize(handle) }

    /// A value of a column or a parameter.
    enum Value {
        case integer(Int64)
        case text(String)
        case blob([UInt8])
    }

    /// Runs the statement with these parameters and passes each row to `row`. Throws ``SQLiteError`` and what `row`
    /// throws.
    func run(_ values: [Value] = [], row: (SQLiteStatement) throws -> Void = { _ in }) throws {
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
        }
        // SQLITE_TRANSIENT, which Swift does not import: SQLite copies the bytes before the call returns.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (offset, value) in values.enumerated() {
            let index = Int32(offset + 1)
            let code =
                switch value {
                case .integer(let number): sqlite3_bind_int64(handle, index, number)
                case .text(let text): sqlite3_bind_text(handle, index, text, Int32(text.utf8.count), copied)
                case .blob(let bytes): sqlite3_bind_blob64(handle, index, bytes, UInt64(bytes.count), copied)
                }
            guard code == SQLITE_OK else { throw database.error(sql, code) }
        }
        while true {
            let code = sqlite3_step(handle)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw database.error(sql, code) }
            try row(self)
        }
    }

    /// The column of the current row as an integer.
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// The column of the current row as text.
    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }

    /// The column of the current row as bytes; empty when it is null.
    func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }
}
