public import JSON
public import KubernetesModel

extension StructuralSchema {
    /// Returns every violation of the schema in `value`, worded as the API server words it, in the order of the field
    /// names.
    ///
    /// Unknown fields are not violations; ``prune(_:isRoot:)`` finds them. CEL rules are not evaluated. `path` is the
    /// place of the value in its object. The time is linear in the size of the value (times the alternatives of anyOf
    /// and oneOf).
    public func validate(_ value: JSONValue, path: FieldPath = .root) -> [FieldError] {
        var validation = SchemaValidation(steps: path.steps)
        validation.check(value, self)
        validation.checkLists(value, self)
        return validation.errors
    }
}

/// One walk over a value. Its depth is bounded by those of the schema and of the value, at most
/// ``JSONReader/maximumDepth``.
private struct SchemaValidation {
    /// The present place. It becomes a path only when an error is found.
    var steps: [FieldPath.Step]
    var errors: [FieldError] = []

    var path: FieldPath { FieldPath(steps) }

    mutating func check(_ value: JSONValue, _ schema: StructuralSchema) {
        let fields = schema.fields
        guard checkType(value, fields) else { return }
        checkCombinations(value, fields)
        switch value {
        case .string(let string): checkString(string, fields)
        case .int, .double: checkNumber(value, fields)
        default: break
        }
        if case .array(let elements) = value { checkArray(elements, fields) }
        if !fields.allowedValues.isEmpty, !value.isNull || !fields.isNullable { checkEnum(value, fields) }
        if case .object(let object) = value { checkObject(object, fields) }
    }

    private mutating func invalid(_ value: JSONValue, _ rule: String) {
        errors.append(.invalid(path, value, "\(path) in body \(rule)"))
    }

    // MARK: Type

    /// Whether Go's validator takes the value for an integer: a double counts if it is integral and at most 2^53.
    private func isInteger(_ value: JSONValue) -> Bool {
        switch value {
        case .int: true
        case .double(let number): number == number.rounded() && number.magnitude <= 9_007_199_254_740_991
        default: false
        }
    }

    /// Checks the type. Returns false when the value needs no further checks.
    private mutating func checkType(_ value: JSONValue, _ fields: StructuralSchema.Fields) -> Bool {
        let expected = fields.isIntOrString ? "integer,string" : fields.type?.rawValue
        guard let expected else { return true }
        if value.isNull, fields.isNullable { return true }
        let matches: Bool =
            switch value {
            case .null: false
            case .bool: fields.type == .boolean
            case .string: fields.type == .string || fields.isIntOrString
            case .int: fields.type == .integer || fields.type == .number || fields.isIntOrString
            case .double: fields.type == .number || (expected.hasPrefix("integer") && isInteger(value))
            case .array: fields.type == .array
            case .object: fields.type == .object
            }
        guard !matches else { return true }
        var name = value.kindName
        var wanted = expected
        if case .double = value, fields.type == .integer, let format = fields.format {
            (name, wanted) = ("float64", format)
        }
        errors.append(
            FieldError(
                path, .typeInvalid, badValue: .string(name),
                "\(path) in body must be of type \(wanted): \(JSONValue.string(name).text)"))
        switch value {
        case .int, .double, .string: return true
        default: return !fields.allowedValues.isEmpty
        }
    }

    private mutating func checkCombinations(_ value: JSONValue, _ fields: StructuralSchema.Fields) {
        func failures(_ schema: StructuralSchema) -> [FieldError] {
            var inner = SchemaValidation(steps: steps)
            inner.check(value, schema)
            return inner.errors
        }
        func report(_ rule: String) {
            errors.append(FieldError(path, .invalid, "\"\(path)\" must \(rule)", isUnplaced: true))
        }
        if !fields.anyOf.isEmpty {
            var first: [FieldError]?
            var isValid = false
            for schema in fields.anyOf {
                let found = failures(schema)
                if found.isEmpty {
                    isValid = true
                    break
                }
                first = first ?? found
            }
            if !isValid {
                report("validate at least one schema (anyOf)")
                errors += first ?? []
            }
        }
        if !fields.oneOf.isEmpty {
            let found = fields.oneOf.map(failures)
            let valid = found.count { $0.isEmpty }
            if valid != 1 {
                let what = valid == 0 ? "Found none valid" : "Found \(valid) valid alternatives"
                report("validate one and only one schema (oneOf). \(what)")
                if valid == 0 { errors += found[0] }
            }
        }
        if !fields.allOf.isEmpty {
            let found = fields.allOf.map(failures)
            let valid = found.count { $0.isEmpty }
            if valid < found.count {
                errors += found.flatMap { $0 }
                report("validate all the schemas (allOf)" + (valid == 0 ? ". None validated" : ""))
            }
        }
        if let not = fields.not, failures(not).isEmpty { report("not validate the schema (not)") }
    }

    // MARK: Scalars

    private mutating func checkString(_ string: String, _ fields: StructuralSchema.Fields) {
        if let maximum = fields.maximumLength, string.utf8.count > maximum, string.unicodeScalars.count > maximum {
            errors.append(.tooLong(path, maximum: maximum))
            return
        }
        if let minimum = fields.minimumLength, string.unicodeScalars.count < minimum {
            invalid(.string(string), "should be at least \(minimum) chars long")
            return
        }
        if let pattern = fields.pattern, !pattern.matches(string) {
            invalid(.string(string), "should match '\(pattern.text)'")
            return
        }
        if fields.type == .string, let format = fields.format, !SchemaFormat.accepts(string, format: format) {
            errors.append(
                FieldError(
                    path, .typeInvalid, badValue: .string(string),
                    "\(path) in body must be of type \(format): \(JSONValue.string(string).text)"))
        }
    }

    private mutating func checkNumber(_ value: JSONValue, _ fields: StructuralSchema.Fields) {
        guard let number = value.double else { return }
        if fields.type == .integer, !isInRange(value, fields.format) {
            let format = fields.format.map { "with format \($0)" } ?? "(default format)"
            errors.append(
                FieldError(
                    path, .invalid, "Checked value must be of type integer \(format) in \(path)", isUnplaced: true))
        }
        if let step = fields.multipleOf, step > 0, (number / step).rounded() != number / step {
            invalid(value, "should be a multiple of \(JSONValue.double(step).text)")
        }
        // For an integer, the server compares with the integral part of the limit.
        func limit(_ bound: Double?) -> Double? { if case .int = value { bound?.rounded(.towardZero) } else { bound } }
        if let maximum = limit(fields.maximum), fields.isMaximumExclusive ? number >= maximum : number > maximum {
            let words = fields.isMaximumExclusive ? "less than" : "less than or equal to"
            invalid(value, "should be \(words) \(JSONValue.double(maximum).text)")
        }
        if let minimum = limit(fields.minimum), fields.isMinimumExclusive ? number <= minimum : number < minimum {
            let words = fields.isMinimumExclusive ? "greater than" : "greater than or equal to"
            invalid(value, "should be \(words) \(JSONValue.double(minimum).text)")
        }
    }

    private func isInRange(_ value: JSONValue, _ format: String?) -> Bool {
        guard isInteger(value), let integer = value.int else { return false }
        return format == "int32" ? Int32(exactly: integer) != nil : true
    }

    private mutating func checkEnum(_ value: JSONValue, _ fields: StructuralSchema.Fields) {
        guard !fields.allowedValues.contains(where: { $0 == value || ($0.double != nil && $0.double == value.double) })
        else { return }
        errors.append(.notSupported(path, value, fields.allowedValues.map(\.rendered)))
    }

    // MARK: Containers

    private mutating func checkArray(_ elements: [JSONValue], _ fields: StructuralSchema.Fields) {
        if let items = fields.items {
            for (index, element) in elements.enumerated() {
                steps.append(.index(index))
                check(element, items)
                steps.removeLast()
            }
        }
        if let minimum = fields.minimumItems, elements.count < minimum {
            invalid(.int(Int64(elements.count)), "should have at least \(minimum) items")
        }
        if let maximum = fields.maximumItems, elements.count > maximum {
            errors.append(.tooMany(path, count: elements.count, maximum: maximum))
        }
        if fields.hasUniqueItems, Set(elements).count < elements.count {
            invalid(.array(elements), "shouldn't contain duplicates")
        }
    }

    private mutating func checkObject(_ object: JSONObject, _ fields: StructuralSchema.Fields) {
        if let minimum = fields.minimumProperties, object.count < minimum {
            invalid(.int(Int64(object.count)), "should have at least \(minimum) properties")
        }
        if let maximum = fields.maximumProperties, object.count > maximum {
            errors.append(.tooMany(path, count: object.count, maximum: maximum))
        }
        for name in fields.required where !object.contains(name) { errors.append(.required(path.field(name))) }
        if fields.isEmbeddedResource {
            for name in ["apiVersion", "kind"] where (object[name]?.string ?? "").isEmpty {
                errors.append(.required(path.field(name)))
            }
        }
        guard !fields.properties.isEmpty || fields.additionalProperties != nil else { return }
        var additional: StructuralSchema?
        if case .schema(let schema)? = fields.additionalProperties { additional = schema }
        for (name, value) in object {
            guard let schema = fields.properties[name] ?? additional else { continue }
            steps.append(.field(name))
            check(value, schema)
            steps.removeLast()
        }
    }

    // MARK: Lists of distinct entries

    /// Checks `x-kubernetes-list-type`: the elements of a set and the keys of a map must differ. This is a second walk,
    /// as on the server, so its errors follow all others.
    mutating func checkLists(_ value: JSONValue, _ schema: StructuralSchema) {
        switch value {
        case .array(let elements):
            switch schema.listType {
            case .set: reportRepeated(elements)
            case .map: checkListMap(elements, keys: schema.listMapKeys)
            case .atomic, nil: break
            }
            guard let items = schema.items else { return }
            for (index, element) in elements.enumerated() {
                steps.append(.index(index))
                checkLists(element, items)
                steps.removeLast()
            }
        case .object(let object):
            for (name, field) in object {
                guard let next = schema.schema(ofField: name) else { continue }
                steps.append(.field(name))
                checkLists(field, next)
                steps.removeLast()
            }
        default: break
        }
    }

    private mutating func checkListMap(_ elements: [JSONValue], keys: [String]) {
        if let index = elements.firstIndex(where: { $0.object == nil && !$0.isNull }) {
            errors.append(
                .invalid(path.index(index), elements[index], "must be an object for an array of list-type map"))
            return
        }
        reportRepeated(
            elements.map { element in
                .object(JSONObject(keys.compactMap { key in element[key].map { (key, $0) } }))
            })
    }

    /// Reports each value that occurs again, once.
    private mutating func reportRepeated(_ values: [JSONValue]) {
        var seen: [JSONValue: Int] = [:]
        for (index, value) in values.enumerated() {
            let times = seen[value, default: 0] + 1
            seen[value] = times
            if times == 2 { errors.append(.duplicate(path.index(index), value)) }
        }
    }
}
