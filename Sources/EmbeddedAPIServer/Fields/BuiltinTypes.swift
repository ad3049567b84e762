/// The structs of the built-in kinds in a short notation, one per line: their fields, and how lists and maps merge.
///
/// The rules are those of the Kubernetes API reference (patch strategies, list types and their keys): `[T]` is an
/// atomic list, `[T]@a,b` a list map with these keys, `[T]$` a set, `{T}` a map; `!` after a type makes it atomic.
enum BuiltinTypes {
    /// The fields of a struct; empty when there is no struct of that name.
    static func fields(of name: String) -> [String: FieldType] { table[name] ?? [:] }

    private static let table: [String: [String: FieldType]] = {
        var table: [String: [String: FieldType]] = [:]
        for line in (metadata + workloads + cluster + extensions).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            var fields: [String: FieldType] = [:]
            for item in line[line.index(after: colon)...].split(separator: ";") {
                let words = item.split(separator: " ")
                guard words.count >= 2, let type = parse(words[words.count - 1]) else { continue }
                for name in words.dropLast() { fields[String(name)] = type }
            }
            table[String(line[..<colon]), default: [:]].merge(fields) { $1 }
        }
        return table
    }()

    /// The type in the notation above; nil when it is malformed.
    private static func parse(_ text: Substring) -> FieldType? {
        if text.hasSuffix("!") { return parse(text.dropLast()).map { .atomic($0) } }
        if text.hasSuffix("}"), text.hasPrefix("{") { return parse(text.dropFirst().dropLast()).map { .map($0) } }
        if text.hasPrefix("["), let close = text.lastIndex(of: "]") {
            guard let element = parse(text[text.index(after: text.startIndex)..<close]) else { return nil }
            let mark = text[text.index(after: close)...]
            if mark.hasPrefix("@") {
                return .list(element, .map(keys: mark.dropFirst().split(separator: ",").map(String.init)))
            }
            return .list(element, mark == "$" ? .set : .atomic)
        }
        if text == "any" { return .any }
        return FieldType.Scalar(rawValue: String(text)).map { .scalar($0) } ?? .builtin(String(text))
    }

    private static let metadata = """
        ObjectMeta:name generateName namespace selfLink uid resourceVersion string;generation int;creationTimestamp deletionTimestamp time;deletionGracePeriodSeconds int;labels annotations {string};ownerReferences [OwnerReference!]@uid;finalizers [string]$;managedFields [any]
        OwnerReference:apiVersion kind name uid string;controller blockOwnerDeletion bool
        ListMeta:selfLink resourceVersion continue string;remainingItemCount int
        Object:apiVersion kind string;metadata ObjectMeta
        LabelSelector:matchLabels {string};matchExpressions [any]
        ObjectReference:apiVersion kind namespace name uid resourceVersion fieldPath string
        LocalObjectReference:name string
        Condition:type status reason message string;lastProbeTime lastTransitionTime lastHeartbeatTime lastUpdateTime time;observedGeneration int

        """

    private static let workloads = """
        Pod:spec PodSpec;status PodStatus
        PodSpec:volumes [Volume]@name;initContainers containers ephemeralContainers [Container]@name;restartPolicy string;terminationGracePeriodSeconds activeDeadlineSeconds int;dnsPolicy string;nodeSelector {string}!;serviceAccountName serviceAccount string;automountServiceAccountToken bool;nodeName string;hostNetwork hostPID hostIPC hostUsers shareProcessNamespace setHostnameAsFQDN enableServiceLinks bool;securityContext PodSecurityContext;imagePullSecrets [LocalObjectReference!]@name;hostname subdomain hostnameOverride string;affinity Affinity;schedulerName string;tolerations [Toleration];hostAliases [HostAlias]@ip;priorityClassName string;priority int;dnsConfig PodDNSConfig;readinessGates [PodReadinessGate];runtimeClassName preemptionPolicy string;overhead {quantity};topologySpreadConstraints [TopologySpreadConstraint]@topologyKey,whenUnsatisfiable;os PodOS;schedulingGates [PodSchedulingGate]@name;resourceClaims [PodResourceClaim]@name;resources ResourceRequirements;workloadRef schedulingGroup any
        PodStatus:observedGeneration int;phase message reason nominatedNodeName hostIP podIP qosClass resize string;conditions [Condition]@type;hostIPs [HostIP];podIPs [PodIP]@ip;startTime time;initContainerStatuses containerStatuses ephemeralContainerStatuses [ContainerStatus];resourceClaimStatuses [any];extendedResourceClaimStatus allocatedResources resources any
        ContainerStatus:name image imageID containerID string;ready started bool;restartCount int;state lastState ContainerState;allocatedResources {quantity};resources ResourceRequirements;volumeMounts [any];user any;allocatedResourcesStatus [any];stopSignal string
        ContainerState:waiting ContainerStateWaiting;running ContainerStateRunning;terminated ContainerStateTerminated
        ContainerStateWaiting:reason message string
        ContainerStateRunning:startedAt time
        ContainerStateTerminated:exitCode signal int;reason message containerID string;startedAt finishedAt time
        HostIP:ip string
        PodIP:ip string
        Container:name image string;command args [string];workingDir string;ports [ContainerPort]@containerPort,protocol;envFrom [EnvFromSource];env [EnvVar]@name;resources ResourceRequirements;resizePolicy restartPolicyRules [any];restartPolicy string;volumeMounts [VolumeMount]@mountPath;volumeDevices [VolumeDevice]@devicePath;livenessProbe readinessProbe startupProbe Probe;lifecycle Lifecycle;terminationMessagePath terminationMessagePolicy imagePullPolicy string;securityContext SecurityContext;stdin stdinOnce tty bool;targetContainerName string
        ContainerPort:name string;hostPort containerPort int;protocol hostIP string
        EnvFromSource:prefix string;configMapRef secretRef OptionalReference
        OptionalReference:name string;optional bool
        EnvVar:name value string;valueFrom EnvVarSource
        EnvVarSource:fieldRef ObjectFieldSelector!;resourceFieldRef ResourceFieldSelector!;configMapKeyRef secretKeyRef KeySelector!;fileKeyRef any
        ObjectFieldSelector:apiVersion fieldPath string
        ResourceFieldSelector:containerName resource string;divisor quantity
        KeySelector:name key string;optional bool
        ResourceRequirements:limits requests {quantity};claims [ResourceClaim]@name
        ResourceClaim:name request string
        VolumeMount:name mountPath subPath subPathExpr mountPropagation recursiveReadOnly string;readOnly bool
        VolumeDevice:name devicePath string
        Probe:exec ExecAction;httpGet HTTPGetAction;tcpSocket TCPSocketAction;grpc GRPCAction;initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold terminationGracePeriodSeconds int
        ExecAction:command [string]
        HTTPGetAction:path host scheme string;port intOrString;httpHeaders [HTTPHeader]
        HTTPHeader:name value string
        TCPSocketAction:port intOrString;host string
        GRPCAction:port int;service string
        Lifecycle:postStart preStop LifecycleHandler;stopSignal string
        LifecycleHandler:exec ExecAction;httpGet HTTPGetAction;tcpSocket TCPSocketAction;sleep SleepAction
        SleepAction:seconds int
        SecurityContext:capabilities Capabilities;privileged runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation bool;runAsUser runAsGroup int;seLinuxOptions windowsOptions seccompProfile appArmorProfile any;procMount string
        Capabilities:add drop [string]
        PodSecurityContext:seLinuxOptions windowsOptions seccompProfile appArmorProfile any;runAsUser runAsGroup fsGroup int;runAsNonRoot bool;supplementalGroups [int];supplementalGroupsPolicy fsGroupChangePolicy seLinuxChangePolicy string;sysctls [any]
        Affinity:nodeAffinity NodeAffinity;podAffinity podAntiAffinity PodAffinity
        NodeAffinity:requiredDuringSchedulingIgnoredDuringExecution NodeSelector!;preferredDuringSchedulingIgnoredDuringExecution [any]
        NodeSelector:nodeSelectorTerms [any]
        PodAffinity:requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution [any]
        Toleration:key operator value effect string;tolerationSeconds int
        HostAlias:ip string;hostnames [string]
        PodDNSConfig:nameservers searches [string];options [any]
        PodReadinessGate:conditionType string
        TopologySpreadConstraint:maxSkew minDomains int;topologyKey whenUnsatisfiable nodeAffinityPolicy nodeTaintsPolicy string;labelSelector LabelSelector!;matchLabelKeys [string]
        PodOS:name string
        PodSchedulingGate:name string
        PodResourceClaim:name resourceClaimName resourceClaimTemplateName string
        Volume:name string;hostPath HostPathVolume;emptyDir EmptyDirVolume;secret SecretVolume;configMap ConfigMapVolume;downwardAPI DownwardAPIVolume;projected ProjectedVolume;persistentVolumeClaim PVCVolume;ephemeral nfs csi iscsi rbd cephfs flexVolume gcePersistentDisk awsElasticBlockStore azureDisk azureFile image fc glusterfs gitRepo cinder flocker portworxVolume quobyte scaleIO storageos vsphereVolume photonPersistentDisk any
        HostPathVolume:path type string
        EmptyDirVolume:medium string;sizeLimit quantity
        SecretVolume:secretName string;items [KeyToPath];defaultMode int;optional bool
        ConfigMapVolume:name string;items [KeyToPath];defaultMode int;optional bool
        KeyToPath:key path string;mode int
        DownwardAPIVolume:items [DownwardAPIFile];defaultMode int
        DownwardAPIFile:path string;fieldRef ObjectFieldSelector!;resourceFieldRef ResourceFieldSelector!;mode int
        ProjectedVolume:sources [any];defaultMode int
        PVCVolume:claimName string;readOnly bool
        Binding:target ObjectReference
        Eviction:deleteOptions any

        """

    private static let cluster = """
        Namespace:spec NamespaceSpec;status NamespaceStatus
        NamespaceSpec:finalizers [string]
        NamespaceStatus:phase string;conditions [Condition]@type
        Node:spec NodeSpec;status NodeStatus
        NodeSpec:podCIDR providerID externalID string;podCIDRs [string]$;unschedulable bool;taints [Taint];configSource any
        Taint:key value effect string;timeAdded time
        NodeStatus:capacity allocatable {quantity};phase string;conditions [Condition]@type;addresses [NodeAddress]@type;daemonEndpoints nodeInfo any;images volumesAttached declaredFeatures runtimeHandlers [any];volumesInUse [string];config features any
        NodeAddress:type address string
        ConfigMap:data binaryData {string};immutable bool
        Secret:data stringData {string};type string;immutable bool
        Service:spec ServiceSpec;status ServiceStatus
        ServiceSpec:ports [ServicePort]@port,protocol;selector {string}!;clusterIP type sessionAffinity loadBalancerIP externalName externalTrafficPolicy ipFamilyPolicy loadBalancerClass internalTrafficPolicy trafficDistribution string;clusterIPs externalIPs loadBalancerSourceRanges ipFamilies [string];healthCheckNodePort int;publishNotReadyAddresses allocateLoadBalancerNodePorts bool;sessionAffinityConfig any
        ServicePort:name protocol appProtocol string;port nodePort int;targetPort intOrString
        ServiceStatus:loadBalancer any;conditions [Condition]@type
        ServiceAccount:secrets [ObjectReference]@name;imagePullSecrets [LocalObjectReference!];automountServiceAccountToken bool
        Event:involvedObject related ObjectReference!;reason message type action reportingComponent reportingInstance string;source EventSource;firstTimestamp lastTimestamp eventTime time;count int;series EventSeries
        EventSource:component host string
        EventSeries:count int;lastObservedTime time
        EventV1:eventTime deprecatedFirstTimestamp deprecatedLastTimestamp time;series EventSeries;reportingController reportingInstance action reason note type string;regarding related ObjectReference!;deprecatedSource EventSource;deprecatedCount int
        ResourceQuota:spec ResourceQuotaSpec;status ResourceQuotaStatus
        ResourceQuotaSpec:hard {quantity};scopes [string];scopeSelector any
        ResourceQuotaStatus:hard used {quantity}
        LimitRange:spec LimitRangeSpec
        LimitRangeSpec:limits [LimitRangeItem]
        LimitRangeItem:type string;max min default defaultRequest maxLimitRequestRatio {quantity}
        PersistentVolumeClaim:spec PVCSpec;status PVCStatus
        PVCSpec:accessModes [string];selector LabelSelector!;resources ResourceRequirements;volumeName storageClassName volumeMode volumeAttributesClassName string;dataSource dataSourceRef any
        PVCStatus:phase string;accessModes [string];capacity allocatedResources {quantity};conditions [Condition]@type

        """

    private static let extensions = """
        Lease:spec LeaseSpec
        LeaseSpec:holderIdentity strategy preferredHolder string;leaseDurationSeconds leaseTransitions int;acquireTime renewTime time
        PriorityClass:value int;globalDefault bool;description preemptionPolicy string
        CustomResourceDefinition:spec CRDSpec;status CRDStatus
        CRDSpec:group scope string;names CRDNames;versions [CRDVersion];conversion any;preserveUnknownFields bool
        CRDNames:plural singular kind listKind string;shortNames categories [string]
        CRDVersion:name deprecationWarning string;served storage deprecated bool;schema subresources any;additionalPrinterColumns selectableFields [any]
        CRDStatus:conditions [Condition]@type;acceptedNames CRDNames;storedVersions [string];observedGeneration int
        SelfSubjectAccessReview:spec status any
        SubjectAccessReview:spec status any
        SelfSubjectRulesReview:spec status any
        SelfSubjectReview:status any
        TokenReview:spec status any

        """
}
