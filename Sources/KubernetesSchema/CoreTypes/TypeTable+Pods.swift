/// What pods are made of, as Kubernetes 1.36 serves it. Volumes that are rarely used are taken as they come.
extension TypeTable {
    static let podTypes = """
        Affinity = nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
        AppArmorProfile = localhostProfile:s type!:s
        CSIVolumeSource = driver!:s fsType:s nodePublishSecretRef:LocalObjectReference readOnly:b
            volumeAttributes:{s}
        Capabilities = add:[s] drop:[s]
        ClusterTrustBundleProjection = labelSelector:LabelSelector name:s optional:b path!:s signerName:s
        ConfigMapEnvSource = name:s optional:b
        ConfigMapKeySelector! = key!:s name:s optional:b
        ConfigMapProjection = items:[KeyToPath] name:s optional:b
        ConfigMapVolumeSource = defaultMode:i items:[KeyToPath] name:s optional:b
        Container = args:[s] command:[s] env:[EnvVar]@name envFrom:[EnvFromSource] image:s
            imagePullPolicy:s(Always|IfNotPresent|Never) lifecycle:Lifecycle livenessProbe:Probe name!:s
            ports:[ContainerPort]@containerPort,protocol readinessProbe:Probe
            resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:s
            restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b
            stdinOnce:b terminationMessagePath:s terminationMessagePolicy:s(File|FallbackToLogsOnError) tty:b
            volumeDevices:[VolumeDevice]@devicePath volumeMounts:[VolumeMount]@mountPath workingDir:s
        ContainerPort = containerPort!:i hostIP:s hostPort:i name:s protocol:s(TCP|UDP|SCTP)
        ContainerResizePolicy = resourceName!:s restartPolicy!:s
        ContainerRestartRule = action!:s exitCodes:ContainerRestartRuleOnExitCodes
        ContainerRestartRuleOnExitCodes = operator!:s values:[i]$/
        DownwardAPIProjection = items:[DownwardAPIVolumeFile]
        DownwardAPIVolumeFile = fieldRef:ObjectFieldSelector mode:i path!:s
            resourceFieldRef:ResourceFieldSelector
        DownwardAPIVolumeSource = defaultMode:i items:[DownwardAPIVolumeFile]
        EmptyDirVolumeSource = medium:s sizeLimit:q
        EnvFromSource = configMapRef:ConfigMapEnvSource prefix:s secretRef:SecretEnvSource
        EnvVar = name!:s value:s valueFrom:EnvVarSource
        EnvVarSource = configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector
            fileKeyRef:FileKeySelector resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
        EphemeralContainer = +Container targetContainerName:s
        ExecAction = command:[s]
        FileKeySelector! = key!:s optional:b path!:s volumeName!:s
        GRPCAction = port!:i service:s
        HTTPGetAction = host:s httpHeaders:[HTTPHeader] path:s port!:p scheme:s(HTTP|HTTPS)
        HTTPHeader = name!:s value!:s
        HostAlias = hostnames:[s] ip!:s
        HostPathVolumeSource = path!:s type:s
        ImageVolumeSource = pullPolicy:s(Always|IfNotPresent|Never) reference:s
        KeyToPath = key!:s mode:i path!:s
        Lifecycle = postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:s
        LifecycleHandler = exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
        LocalObjectReference! = name:s
        NFSVolumeSource = path!:s readOnly:b server!:s
        NodeAffinity = preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]
            requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
        NodeSelector! = nodeSelectorTerms!:[NodeSelectorTerm]
        NodeSelectorRequirement = key!:s operator!:s values:[s]
        NodeSelectorTerm! = matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
        ObjectFieldSelector! = apiVersion:s fieldPath!:s
        PersistentVolumeClaimVolumeSource = claimName!:s readOnly:b
        PodAffinity = preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
            requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
        PodAffinityTerm = labelSelector:LabelSelector matchLabelKeys:[s] mismatchLabelKeys:[s]
            namespaceSelector:LabelSelector namespaces:[s] topologyKey!:s
        PodAntiAffinity = preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
            requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
        PodCertificateProjection = certificateChainPath:s credentialBundlePath:s keyPath:s keyType!:s
            maxExpirationSeconds:i signerName!:s userAnnotations:{s}
        PodDNSConfig = nameservers:[s] options:[PodDNSConfigOption] searches:[s]
        PodDNSConfigOption = name:s value:s
        PodOS = name!:s
        PodReadinessGate = conditionType!:s
        PodResourceClaim = name!:s resourceClaimName:s resourceClaimTemplateName:s
        PodSchedulingGate = name!:s
        PodSchedulingGroup = podGroupName:s
        PodSecurityContext = appArmorProfile:AppArmorProfile fsGroup:l
            fsGroupChangePolicy:s(OnRootMismatch|Always) runAsGroup:l runAsNonRoot:b runAsUser:l
            seLinuxChangePolicy:s seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile
            supplementalGroups:[l] supplementalGroupsPolicy:s sysctls:[Sysctl]
            windowsOptions:WindowsSecurityContextOptions
        PodTemplateSpec = metadata:ObjectMeta spec:PodSpec
        PodSpec = activeDeadlineSeconds:l affinity:Affinity automountServiceAccountToken:b
            containers!:[Container]@name dnsConfig:PodDNSConfig
            dnsPolicy:s(ClusterFirst|ClusterFirstWithHostNet|Default|None) enableServiceLinks:b
            ephemeralContainers:[EphemeralContainer]@name hostAliases:[HostAlias]@ip hostIPC:b hostNetwork:b
            hostPID:b hostUsers:b hostname:s hostnameOverride:s imagePullSecrets:[LocalObjectReference]@name
            initContainers:[Container]@name nodeName:s nodeSelector:{s}! os:PodOS overhead:{q}
            preemptionPolicy:s(Never|PreemptLowerPriority) priority:i priorityClassName:s
            readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim]@name
            resources:ResourceRequirements restartPolicy:s runtimeClassName:s schedulerName:s
            schedulingGates:[PodSchedulingGate]@name schedulingGroup:PodSchedulingGroup
            securityContext:PodSecurityContext serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b
            shareProcessNamespace:b subdomain:s terminationGracePeriodSeconds:l tolerations:[Toleration]
            topologySpreadConstraints:[TopologySpreadConstraint]@topologyKey,whenUnsatisfiable
            volumes:[Volume]@name
        PreferredSchedulingTerm = preference!:NodeSelectorTerm weight!:i
        Probe = exec:ExecAction failureThreshold:i grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:i
            periodSeconds:i successThreshold:i tcpSocket:TCPSocketAction terminationGracePeriodSeconds:l
            timeoutSeconds:i
        ProjectedVolumeSource = defaultMode:i sources:[VolumeProjection]
        ResourceClaim = name!:s request:s
        ResourceFieldSelector! = containerName:s divisor:q resource!:s
        ResourceRequirements = claims:[ResourceClaim]@name/ limits:{q} requests:{q}
        SELinuxOptions = level:s role:s type:s user:s
        SeccompProfile = localhostProfile:s type!:s
        SecretEnvSource = name:s optional:b
        SecretKeySelector! = key!:s name:s optional:b
        SecretProjection = items:[KeyToPath] name:s optional:b
        SecretVolumeSource = defaultMode:i items:[KeyToPath] optional:b secretName:s
        SecurityContext = allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile capabilities:Capabilities
            privileged:b procMount:s readOnlyRootFilesystem:b runAsGroup:l runAsNonRoot:b runAsUser:l
            seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile
            windowsOptions:WindowsSecurityContextOptions
        ServiceAccountTokenProjection = audience:s expirationSeconds:l path!:s
        SleepAction = seconds!:l
        Sysctl = name!:s value!:s
        TCPSocketAction = host:s port!:p
        Toleration = effect:s(NoSchedule|PreferNoSchedule|NoExecute) key:s operator:s(Equal|Exists|Lt|Gt)
            tolerationSeconds:l value:s
        TopologySpreadConstraint = labelSelector:LabelSelector matchLabelKeys:[s] maxSkew!:i minDomains:i
            nodeAffinityPolicy:s nodeTaintsPolicy:s topologyKey!:s
            whenUnsatisfiable!:s(DoNotSchedule|ScheduleAnyway)
        Volume = awsElasticBlockStore:* azureDisk:* azureFile:* cephfs:* cinder:*
            configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource
            emptyDir:EmptyDirVolumeSource ephemeral:* fc:* flexVolume:* flocker:* gcePersistentDisk:* gitRepo:*
            glusterfs:* hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:* name!:s
            nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:*
            portworxVolume:* projected:ProjectedVolumeSource quobyte:* rbd:* scaleIO:* secret:SecretVolumeSource
            storageos:* vsphereVolume:*
        VolumeDevice = devicePath!:s name!:s
        VolumeMount = mountPath!:s mountPropagation:s(None|HostToContainer|Bidirectional) name!:s readOnly:b
            recursiveReadOnly:s subPath:s subPathExpr:s
        VolumeProjection = clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection
            downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection
            serviceAccountToken:ServiceAccountTokenProjection
        WeightedPodAffinityTerm = podAffinityTerm!:PodAffinityTerm weight!:i
        WindowsSecurityContextOptions = gmsaCredentialSpec:s gmsaCredentialSpecName:s hostProcess:b
            runAsUserName:s
        """
}
