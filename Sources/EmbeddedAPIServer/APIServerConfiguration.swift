public import Clocks

/// The settings of an ``APIServer``.
public struct APIServerConfiguration: Sendable {
    /// Where objects are kept.
    public enum Storage: Sendable, Hashable {
        /// In memory: lost when the process ends.
        case memory
        /// In an SQLite file at this path, which survives a crash and a power cut. Only one server can have it open.
        case file(String)
    }

    public var storage: Storage
    /// The TCP port on loopback; 0 takes any free one.
    public var port: Int
    /// The bearer token; nil makes a new one.
    public var token: String?
    /// The certificate authority that signs the server's certificate; nil makes a new one.
    public var certificateAuthority: (certificatePEM: String, privateKeyPEM: String)?
    /// How many changes of each resource are kept for watches and for lists at an older version.
    public var watchWindow: Int
    /// How often a watch that allows bookmarks gets one while its resource does not change.
    public var bookmarkInterval: Duration
    /// The largest request body, in bytes.
    public var maximumBodySize: Int
    /// Who is asked before objects are stored, in this order.
    public var hooks: [AdmissionHook] = []
    /// The clock for timestamps in objects, time-outs and bookmarks.
    public var clock: any RuntimeClock

    /// Makes a configuration; every setting has a default.
    public init(
        storage: Storage = .memory, port: Int = 0, token: String? = nil, watchWindow: Int = 10_000,
        bookmarkInterval: Duration = .seconds(60), maximumBodySize: Int = 3 << 20,
        clock: any RuntimeClock = SystemClock()
    ) {
        self.storage = storage
        self.port = port
        self.token = token
        self.watchWindow = watchWindow
        self.bookmarkInterval = bookmarkInterval
        self.maximumBodySize = maximumBodySize
        self.clock = clock
    }
}
