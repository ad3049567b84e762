/// The built-in kinds with their metadata and status, as Kubernetes 1.36 serves them. Each kind has the fields of
/// `Object` too.
extension TypeTable {
    static let objectTypes = """
        Binding = target!:ObjectReference
        Condition = lastTransitionTime!:t message!:s observedGeneration:l reason!:s status!:s type!:s
        ConfigMap = binaryData:{y} data:{s} immutable:b
        ContainerState = running:ContainerStateRunning terminated:ContainerStateTerminated
            waiting:ContainerStateWaiting
        ContainerStateRunning = startedAt:t
        ContainerStateTerminated = containerID:s exitCode!:i finishedAt:t message:s reason:s signal:i
            startedAt:t
        ContainerStateWaiting = message:s reason:s
        ContainerStatus = allocatedResources:{q} allocatedResourcesStatus:[*]@name containerID:s image!:s
            imageID!:s lastState:ContainerState name!:s ready!:b resources:ResourceRequirements restartCount!:i
            started:b state:ContainerState stopSignal:s user:* volumeMounts:[*]@mountPath
        CustomResourceDefinition = spec!:CustomResourceDefinitionSpec status:CustomResourceDefinitionStatus
        CustomResourceDefinitionCondition = lastTransitionTime:t message:s observedGeneration:l reason:s status!:s
            type!:s
        CustomResourceDefinitionNames = categories:[s] kind!:s listKind:s plural!:s shortNames:[s] singular:s
        CustomResourceDefinitionSpec = conversion:* group!:s names!:CustomResourceDefinitionNames
            preserveUnknownFields:b scope!:s versions!:[CustomResourceDefinitionVersion]
        CustomResourceDefinitionStatus = acceptedNames:CustomResourceDefinitionNames
            conditions:[CustomResourceDefinitionCondition]@type/ observedGeneration:l storedVersions:[s]
        CustomResourceDefinitionVersion = additionalPrinterColumns:[*] deprecated:b deprecationWarning:s name!:s
            schema:* selectableFields:[*] served!:b storage!:b subresources:*
        Event = action:s count:i eventTime:t firstTimestamp:t involvedObject!:ObjectReference lastTimestamp:t
            message:s reason:s related:ObjectReference reportingComponent:s reportingInstance:s
            series:EventSeries source:EventSource type:s
        EventSeries = count:i lastObservedTime:t
        EventSource = component:s host:s
        EventV1 = action:s deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t
            deprecatedSource:EventSource eventTime!:t note:s reason:s regarding:ObjectReference
            related:ObjectReference reportingController:s reportingInstance:s series:EventSeries type:s
        Eviction = deleteOptions:*
        HostIP = ip!:s
        LabelSelector! = matchExpressions:[LabelSelectorRequirement] matchLabels:{s}
        LabelSelectorRequirement = key!:s operator!:s values:[s]
        Lease = spec:LeaseSpec
        LeaseSpec = acquireTime:t holderIdentity:s leaseDurationSeconds:i leaseTransitions:i preferredHolder:s
            renewTime:t strategy:s
        LimitRange = spec:LimitRangeSpec
        LimitRangeItem = default:{q} defaultRequest:{q} max:{q} maxLimitRequestRatio:{q} min:{q} type!:s
        LimitRangeSpec = limits!:[LimitRangeItem]
        ListMeta = continue:s remainingItemCount:l resourceVersion:s selfLink:s
        Namespace = spec:NamespaceSpec status:NamespaceStatus
        NamespaceCondition = lastTransitionTime:t message:s reason:s status!:s type!:s
        NamespaceSpec = finalizers:[s]
        NamespaceStatus = conditions:[NamespaceCondition]@type phase:s
        Node = spec:NodeSpec status:NodeStatus
        NodeAddress = address!:s type!:s
        NodeCondition = lastHeartbeatTime:t lastTransitionTime:t message:s reason:s status!:s type!:s
        NodeSpec = configSource:* externalID:s podCIDR:s podCIDRs:[s]$ providerID:s taints:[Taint]
            unschedulable:b
        NodeStatus = addresses:[NodeAddress]@type allocatable:{q} capacity:{q} conditions:[NodeCondition]@type
            config:* daemonEndpoints:* declaredFeatures:[s] features:* images:[*] nodeInfo:* phase:s
            runtimeHandlers:[*] volumesAttached:[*] volumesInUse:[s]
        Object = apiVersion:s kind:s metadata:ObjectMeta
        ObjectMeta = annotations:{s} creationTimestamp:t deletionGracePeriodSeconds:l deletionTimestamp:t
            finalizers:[s]$ generateName:s generation:l labels:{s} managedFields:[*] name:s namespace:s
            ownerReferences:[OwnerReference]@uid resourceVersion:s selfLink:s uid:s
        ObjectReference! = apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s
        OwnerReference! = apiVersion!:s blockOwnerDeletion:b controller:b kind!:s name!:s uid!:s
        PersistentVolumeClaim = spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
        PersistentVolumeClaimCondition = lastProbeTime:t lastTransitionTime:t message:s reason:s status!:s
            type!:s
        PersistentVolumeClaimSpec = accessModes:[s] dataSource:* dataSourceRef:*
            resources:VolumeResourceRequirements selector:LabelSelector storageClassName:s
            volumeAttributesClassName:s volumeMode:s volumeName:s
        PersistentVolumeClaimStatus = accessModes:[s] allocatedResourceStatuses:{s} allocatedResources:{q}
            capacity:{q} conditions:[PersistentVolumeClaimCondition]@type currentVolumeAttributesClassName:s
            modifyVolumeStatus:* phase:s
        Pod = spec:PodSpec status:PodStatus
        PodCondition = lastProbeTime:t lastTransitionTime:t message:s observedGeneration:l reason:s status!:s
            type!:s
        PodIP = ip!:s
        PodStatus = allocatedResources:{q} conditions:[PodCondition]@type containerStatuses:[ContainerStatus]
            ephemeralContainerStatuses:[ContainerStatus] extendedResourceClaimStatus:* hostIP:s
            hostIPs:[HostIP]/ip initContainerStatuses:[ContainerStatus] message:s
            nodeAllocatableResourceClaimStatuses:[*] nominatedNodeName:s observedGeneration:l phase:s podIP:s
            podIPs:[PodIP]@ip qosClass:s reason:s resize:s resourceClaimStatuses:[*]@name
            resources:ResourceRequirements startTime:t
        PriorityClass = description:s globalDefault:b preemptionPolicy:s value:i
        ResourceQuota = spec:ResourceQuotaSpec status:ResourceQuotaStatus
        ResourceQuotaSpec = hard:{q} scopeSelector:* scopes:[s]
        ResourceQuotaStatus = hard:{q} used:{q}
        Secret = data:{y} immutable:b stringData:{s} type:s
        SelfSubjectAccessReview = spec:* status:*
        SelfSubjectReview = status:*
        SelfSubjectRulesReview = spec:* status:*
        Service = spec:ServiceSpec status:ServiceStatus
        ServiceAccount = automountServiceAccountToken:b imagePullSecrets:[LocalObjectReference]
            secrets:[ObjectReference]@name
        ServicePort = appProtocol:s name:s nodePort:i port!:i protocol:s targetPort:p
        ServiceSpec = allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[s] externalIPs:[s] externalName:s
            externalTrafficPolicy:s healthCheckNodePort:i internalTrafficPolicy:s ipFamilies:[s]
            ipFamilyPolicy:s loadBalancerClass:s loadBalancerIP:s loadBalancerSourceRanges:[s]
            ports:[ServicePort]@port,protocol publishNotReadyAddresses:b selector:{s}! sessionAffinity:s
            sessionAffinityConfig:* trafficDistribution:s type:s
        ServiceStatus = conditions:[Condition]@type loadBalancer:*
        SubjectAccessReview = spec:* status:*
        Taint = effect!:s key!:s timeAdded:t value:s
        TokenReview = spec:* status:*
        VolumeResourceRequirements = limits:{q} requests:{q}
        """
}
