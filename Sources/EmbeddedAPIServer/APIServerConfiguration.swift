public import KubernetesModel

/// How an embedded API server is set up.
public struct APIServerConfiguration: Sendable {
    /// Where objects are kept.
    public enum Storage: Sendable, Hashable {
        /// Gone with the process.
        case memory
        /// In an SQLite file, which survives the process and a power cut. One server at a time.
        case file(String)
    }

    public var storage: Storage
    /// The TCP port on loopback; 0 takes a free one.
    public var port: Int
    /// The bearer token; nil makes a new one.
    public var token: String?
    /// The certificate authority that signs the server's certificate; nil makes a new one.
    public var certificateAuthority: (certificatePEM: String, privateKeyPEM: String)?
    /// How many changes of each resource are kept for watches and for paged lists.
    public var watchWindow: Int
    /// How often a watch that asks for bookmarks gets one while nothing happens.
    public var bookmarkInterval: Duration
    /// The largest request body, in bytes.
    public var maximumBodySize: Int
    /// What checks the CEL rules of custom resource definitions.
    public var ruleEvaluator: any ValidationRuleEvaluator
    /// What time it is; nil reads the system's clock.
    public var clock: (@Sendable () -> Timestamp)?

    /// A configuration; everything has a default.
    public init(
        storage: Storage = .memory, port: Int = 0, token: String? = nil, watchWindow: Int = 10_000,
        bookmarkInterval: Duration = .seconds(60), maximumBodySize: Int = 3 << 20,
        ruleEvaluator: any ValidationRuleEvaluator = TransitionRuleEvaluator(),
        clock: (@Sendable () -> Timestamp)? = nil
    ) {
        self.ruleEvaluator = ruleEvaluator
        self.storage = storage
        self.port = port
        self.token = token
        self.watchWindow = watchWindow
        self.bookmarkInterval = bookmarkInterval
        self.maximumBodySize = maximumBodySize
        self.clock = clock
    }
}
