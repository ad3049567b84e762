/// The messages that kubectl sends as protobuf: those of `kubectl create configmap`, `auth can-i` and the like.
///
/// One message per line: its name, then `number name type` for each field, with the numbers of Kubernetes' published
/// `generated.proto` files. `*` is a repeated field and `{}` a map with string keys; `?` keeps a zero, which means "not
/// set" in other fields.
enum ProtobufTypes {
    indirect enum Kind: Sendable {
        case string, int, bool, bytes, time, quantity, intOrString
        case message(String)
        case list(Kind)
        case map(Kind)
        case kept(Kind)
    }

    struct Field: Sendable {
        var name: String
        var kind: Kind
    }

    static let messages: [String: [UInt64: Field]] = {
        var result: [String: [UInt64: Field]] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            var fields: [UInt64: Field] = [:]
            for item in parts[1].split(separator: ";") {
                let words = item.split(separator: " ")
                guard words.count == 3, let number = UInt64(words[0]) else { continue }
                fields[number] = Field(name: String(words[1]), kind: kind(words[2]))
            }
            result[String(parts[0])] = fields
        }
        return result
    }()

    private static func kind(_ text: Substring) -> Kind {
        if text.hasSuffix("?") { return .kept(kind(text.dropLast())) }
        if text.hasSuffix("*") { return .list(kind(text.dropLast())) }
        if text.hasSuffix("{}") { return .map(kind(text.dropLast(2))) }
        switch text {
        case "string": return .string
        case "int": return .int
        case "bool": return .bool
        case "bytes": return .bytes
        case "time": return .time
        case "quantity": return .quantity
        case "intOrString": return .intOrString
        default: return .message(String(text))
        }
    }

    private static let text = """
        ObjectMeta:1 name string;2 generateName string;3 namespace string;4 selfLink string;5 uid string;6 resourceVersion string;7 generation int;8 creationTimestamp time;9 deletionTimestamp time;10 deletionGracePeriodSeconds int?;11 labels string{};12 annotations string{};13 ownerReferences OwnerReference*;14 finalizers string*
        OwnerReference:1 kind string;3 name string;4 uid string;5 apiVersion string;6 controller bool?;7 blockOwnerDeletion bool?
        LocalObjectReference:1 name string
        ObjectReference:1 kind string;2 namespace string;3 name string;4 uid string;5 apiVersion string;6 resourceVersion string;7 fieldPath string
        ConfigMap:1 metadata ObjectMeta;2 data string{};3 binaryData bytes{};4 immutable bool?
        Secret:1 metadata ObjectMeta;2 data bytes{};3 type string;4 stringData string{};5 immutable bool?
        Namespace:1 metadata ObjectMeta
        ServiceAccount:1 metadata ObjectMeta;2 secrets ObjectReference*;3 imagePullSecrets LocalObjectReference*;4 automountServiceAccountToken bool?
        ResourceQuota:1 metadata ObjectMeta;2 spec ResourceQuotaSpec
        ResourceQuotaSpec:1 hard quantity{};2 scopes string*
        PriorityClass:1 metadata ObjectMeta;2 value int?;3 globalDefault bool;4 description string;5 preemptionPolicy string?
        Service:1 metadata ObjectMeta;2 spec ServiceSpec
        ServiceSpec:1 ports ServicePort*;2 selector string{};3 clusterIP string;4 type string;5 externalIPs string*;7 sessionAffinity string;10 externalName string
        ServicePort:1 name string;2 protocol string;3 port int;4 targetPort intOrString;5 nodePort int
        SelfSubjectAccessReview:1 metadata ObjectMeta;2 spec AccessSpec
        AccessSpec:1 resourceAttributes ResourceAttributes;2 nonResourceAttributes NonResourceAttributes
        ResourceAttributes:1 namespace string;2 verb string;3 group string;4 version string;5 resource string;6 subresource string;7 name string
        NonResourceAttributes:1 path string;2 verb string
        SelfSubjectRulesReview:1 metadata ObjectMeta;2 spec RulesSpec
        RulesSpec:1 namespace string
        SelfSubjectReview:1 metadata ObjectMeta
        Eviction:1 metadata ObjectMeta;2 deleteOptions DeleteOptions
        DeleteOptions:1 gracePeriodSeconds int?;2 preconditions Preconditions;3 orphanDependents bool?;4 propagationPolicy string?;5 dryRun string*
        Preconditions:1 uid string?;2 resourceVersion string?
        Binding:1 metadata ObjectMeta;2 target ObjectReference
        """
}
