public import JSON

/// A `Status` object: the API server's answer to a request that failed, or the content of a watch's ERROR event.
public struct APIStatus: Error, Sendable, Hashable {
    /// The HTTP status code.
    public var code: Int
    /// The machine-readable reason: NotFound, AlreadyExists, Conflict, Invalid, Expired, TooManyRequests...
    public var reason: String
    public var message: String
    /// The object or kind that the request was about.
    public var details: Details?

    /// The `details` of a Status.
    public struct Details: Sendable, Hashable {
        public var name = ""
        public var group = ""
        public var kind = ""
        public var uid = ""
        /// How long the server asks the client to wait before it tries again.
        public var retryAfterSeconds: Int?
        public var causes: [Cause] = []

        /// Creates empty details.
        public init() {}
    }

    /// One cause of a failure: a field and what is wrong with it.
    public struct Cause: Sendable, Hashable {
        public var reason: String
        public var message: String
        /// The path of the field, for example `spec.tasks[0].name`; may be empty.
        public var field: String

        /// Creates a cause.
        public init(reason: String, message: String, field: String = "") {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    /// Creates a failure.
    public init(code: Int, reason: String, message: String, details: Details? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
    }

    /// Whether the code is 404.
    public var isNotFound: Bool { code == 404 }
    /// 409 because an object of this name exists.
    public var isAlreadyExists: Bool { reason == "AlreadyExists" }
    /// 409 because the object has changed or is being deleted.
    public var isConflict: Bool { reason == "Conflict" }
    /// 410: the resourceVersion or the continue token is too old.
    public var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }
}

extension APIStatus: JSONReadable, JSONWritable, CustomStringConvertible {
    public var description: String { message.isEmpty ? "\(reason) (HTTP \(code))" : message }

    public init(from reader: inout JSONReader) throws {
        self.init(code: 0, reason: "", message: "")
        try reader.readFields { key, reader in
            switch key {
            case "code": code = try reader.readInt()
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "details": details = try reader.readOptional { try Details(from: &$0) }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var result: JSONObject = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "code": .int(Int64(code)),
        ]
        if let details { result["details"] = details.json }
        return .object(result)
    }
}

extension APIStatus.Details: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readString()
            case "group": group = try reader.readString()
            case "kind": kind = try reader.readString()
            case "uid": uid = try reader.readString()
            case "retryAfterSeconds": retryAfterSeconds = try reader.readInt()
            case "causes": causes = try reader.readArray { try APIStatus.Cause(from: &$0) }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var result = JSONObject()
        if !name.isEmpty { result["name"] = .string(name) }
        if !group.isEmpty { result["group"] = .string(group) }
        if !kind.isEmpty { result["kind"] = .string(kind) }
        if !uid.isEmpty { result["uid"] = .string(uid) }
        if let retryAfterSeconds { result["retryAfterSeconds"] = .int(Int64(retryAfterSeconds)) }
        if !causes.isEmpty { result["causes"] = .array(causes.map(\.json)) }
        return .object(result)
    }
}

extension APIStatus.Cause: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(reason: "", message: "")
        try reader.readFields { key, reader in
            switch key {
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "field": field = try reader.readString()
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var result: JSONObject = ["reason": .string(reason), "message": .string(message)]
        if !field.isEmpty { result["field"] = .string(field) }
        return .object(result)
    }
}
