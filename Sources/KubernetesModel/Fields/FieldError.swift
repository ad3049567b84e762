public import JSON

/// A field that breaks a rule, worded as the API server words it (`field.Error` of apimachinery).
public struct FieldError: Error, Sendable, Hashable {
    /// The kind of rule that is broken. The raw value is the reason of the cause in a Status.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case required = "FieldValueRequired"
        case invalid = "FieldValueInvalid"
        case typeInvalid = "FieldValueTypeInvalid"
        case notSupported = "FieldValueNotSupported"
        case duplicate = "FieldValueDuplicate"
        case forbidden = "FieldValueForbidden"
        case notFound = "FieldValueNotFound"
        case tooLong = "FieldValueTooLong"
        case tooMany = "FieldValueTooMany"
        /// A field that the schema does not know. Strict decoding reports it, not validation, and words it differently.
        case unknown = "FieldUnknown"
    }

    /// The field; empty for the whole object.
    public var path: FieldPath
    public var kind: Kind
    /// The wrong value. Some kinds do not show it.
    public var badValue: JSONValue
    /// What was expected; may be empty.
    public var detail: String
    /// Whether the API server gives no path for this error and writes `<nil>` instead.
    public var isUnplaced: Bool
    /// Whether the text leaves out the value of an invalid field, as the API server does for objects and arrays.
    public var omitsValue: Bool

    /// Creates an error. The functions below make the usual ones.
    public init(
        _ path: FieldPath, _ kind: Kind, badValue: JSONValue = "", _ detail: String = "", isUnplaced: Bool = false,
        omitsValue: Bool = false
    ) {
        self.path = path
        self.kind = kind
        self.badValue = badValue
        self.detail = detail
        self.isUnplaced = isUnplaced
        self.omitsValue = omitsValue
    }
}

extension FieldError {
    /// A required field is missing.
    public static func required(_ path: FieldPath, _ detail: String = "") -> FieldError {
        FieldError(path, .required, detail)
    }

    /// A value is not allowed.
    public static func invalid(_ path: FieldPath, _ value: JSONValue, _ detail: String) -> FieldError {
        FieldError(path, .invalid, badValue: value, detail)
    }

    /// A value occurs more than once.
    public static func duplicate(_ path: FieldPath, _ value: JSONValue) -> FieldError {
        FieldError(path, .duplicate, badValue: value)
    }

    /// A field must not be set.
    public static func forbidden(_ path: FieldPath, _ detail: String) -> FieldError {
        FieldError(path, .forbidden, detail)
    }

    /// A name refers to something that does not exist.
    public static func notFound(_ path: FieldPath, _ value: JSONValue, _ detail: String = "") -> FieldError {
        FieldError(path, .notFound, badValue: value, detail)
    }

    /// A value is not one of the supported ones.
    public static func notSupported(_ path: FieldPath, _ value: JSONValue, _ supported: [String]) -> FieldError {
        let list = supported.map { JSONValue.string($0).text }.joined(separator: ", ")
        return FieldError(path, .notSupported, badValue: value, supported.isEmpty ? "" : "supported values: \(list)")
    }

    /// A string has too many characters.
    public static func tooLong(_ path: FieldPath, maximum: Int) -> FieldError {
        FieldError(path, .tooLong, "may not be more than \(maximum) bytes")
    }

    /// A list or map has too many entries.
    public static func tooMany(_ path: FieldPath, count: Int, maximum: Int) -> FieldError {
        FieldError(path, .tooMany, badValue: .int(Int64(count)), "must have at most \(maximum) items")
    }

    /// The schema does not know this field.
    public static func unknown(_ path: FieldPath, _ detail: String = "") -> FieldError {
        FieldError(path, .unknown, detail)
    }
}

extension FieldError: CustomStringConvertible {
    /// The text after the path: `Invalid value: 0: must be ...`.
    public var body: String {
        var text: String
        switch kind {
        case .unknown: return "unknown field" + (detail.isEmpty ? "" : " (\(detail))")
        case .required: text = "Required value"
        case .forbidden: text = "Forbidden"
        case .tooLong: text = "Too long"
        case .tooMany: text = "Too many: \(badValue.text)"
        case .invalid, .typeInvalid: text = "Invalid value" + (omitsValue ? "" : ": \(badValue.text)")
        case .notSupported: text = "Unsupported value: \(badValue.text)"
        case .duplicate: text = "Duplicate value: \(badValue.text)"
        case .notFound: text = "Not found: \(badValue.text)"
        }
        if !detail.isEmpty { text += ": \(detail)" }
        return text
    }

    /// The path as the API server shows it.
    public var field: String { isUnplaced || path.steps.isEmpty ? "<nil>" : path.description }

    /// `path: Kind: detail`. An unknown field is worded as strict decoding does.
    public var description: String { kind == .unknown ? "unknown field \"\(path)\"" : "\(field): \(body)" }

    /// The error as a cause in a Status.
    public var cause: APIStatus.Cause { .init(reason: kind.rawValue, message: body, field: field) }
}
