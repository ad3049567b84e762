/// What pods are made of, in words: one sentence for each struct and field, for `kubectl explain`.
extension TypeTexts {
    static let pods = """
        Affinity: Which nodes a pod may run on, by the labels of nodes and by the pods that are there.
          nodeAffinity: What the labels of the node must or should be.
          podAffinity: Pods near which this one must or should run.
          podAntiAffinity: Pods from which this one must or should keep away.
        AppArmorProfile: The AppArmor profile that confines processes.
          localhostProfile: The name of the profile on the node, for type Localhost.
          type: Localhost, RuntimeDefault or Unconfined.
        CSIVolumeSource: A volume that a CSI driver provides for as long as the pod lives.
          driver: The name of the driver.
          fsType: The file system, such as ext4; the driver has a default.
          nodePublishSecretRef: A Secret of this namespace that the driver gets.
          readOnly: Whether the volume can only be read.
          volumeAttributes: What else the driver is told.
        Capabilities: Linux capabilities given to and taken from a container.
          add: Capabilities to give.
          drop: Capabilities to take away.
        ClusterTrustBundleProjection: Certificates of authorities as a file.
          labelSelector: Which bundles of the signer are taken, by their labels.
          name: The one bundle to take, in place of a signer.
          optional: Whether the pod starts without the bundle.
          path: Where the file is, relative to the volume.
          signerName: The signer whose bundles are taken.
        ConfigMapEnvSource: A ConfigMap whose keys become variables.
          name: The name of the ConfigMap.
          optional: Whether the container starts without the ConfigMap.
        ConfigMapKeySelector: One key of a ConfigMap.
          key: The key.
          name: The name of the ConfigMap.
          optional: Whether the container starts without the ConfigMap or the key.
        ConfigMapProjection: Keys of a ConfigMap as files.
          items: The keys to take and their paths; all keys under their own names without it.
          name: The name of the ConfigMap.
          optional: Whether the pod starts without the ConfigMap or its keys.
        ConfigMapVolumeSource: A volume with a file for each key of a ConfigMap.
          defaultMode: The permissions of files that have none of their own; 0644 without it.
          items: The keys to take and their paths; all keys under their own names without it.
          name: The name of the ConfigMap.
          optional: Whether the pod starts without the ConfigMap or its keys.
        Container: One program of a pod with its image, environment, files and limits.
          args: The arguments of the command; the image's own without it. $(NAME) stands for a variable.
          command: The program and its first arguments; the image's own without it. $(NAME) stands for a variable.
          env: The environment variables. They win over those of envFrom.
          envFrom: ConfigMaps and Secrets all of whose keys become variables.
          image: The name of the image that the container runs.
          imagePullPolicy: When the image is pulled; Always for the tag latest or none, else IfNotPresent.
          lifecycle: What is done after the start of the container and before its end.
          livenessProbe: How to find out whether the container still works; it is restarted when it does not.
          name: The name of the container, unique in its pod.
          ports: The ports that the container listens on, mostly for information.
          readinessProbe: How to find out whether the container can take requests; until then the pod is not ready.
          resizePolicy: Whether the container is restarted when its resources are changed.
          resources: How much CPU, memory and the like the container asks for and may use.
          restartPolicy: Whether this one container is started again; Always makes an init container a sidecar.
          restartPolicyRules: By which exit codes the container is started again, in place of the policy.
          securityContext: User, privileges and the like of the container. It wins over that of the pod.
          startupProbe: How to find out whether the container has started; the other probes wait for it.
          stdin: Whether the container's input stays open although nobody is attached.
          stdinOnce: Whether the input is closed after the first one who was attached has gone.
          terminationMessagePath: The file of the container's last words; /dev/termination-log without it.
          terminationMessagePolicy: What the last words are: the File, or the end of the log when that is empty.
          tty: Whether the container has a terminal; it needs stdin.
          volumeDevices: Volumes that the container sees as block devices.
          volumeMounts: Where in its file system the container sees which volumes of the pod.
          workingDir: The directory in which the program starts; the image's own without it.
        ContainerPort: A port that a container listens on.
          containerPort: The number of the port, 1 to 65535.
          hostIP: The address of the node that a host port is bound to.
          hostPort: The port of the node that leads to this one.
          name: A name for the port, by which probes and Services can find it.
          protocol: TCP, UDP or SCTP; TCP without it.
        ContainerResizePolicy: What a change of one resource means for a running container.
          resourceName: The resource: cpu or memory.
          restartPolicy: NotRequired, or RestartContainer.
        ContainerRestartRule: What to do when a container has ended in a certain way.
          action: What is done: Restart, or RestartAllContainers.
          exitCodes: The exit codes that the rule is for.
        ContainerRestartRuleOnExitCodes: A condition on exit codes.
          operator: In or NotIn.
          values: The exit codes.
        DownwardAPIProjection: Fields of the pod as files.
          items: The files.
        DownwardAPIVolumeFile: A file with one field of the pod.
          fieldRef: The field of the pod: of its metadata or its status.
          mode: The permissions of the file; the volume's default without it.
          path: Where the file is, relative to the volume.
          resourceFieldRef: A request or limit of one of the containers.
        DownwardAPIVolumeSource: A volume with files that tell about the pod.
          defaultMode: The permissions of files that have none of their own; 0644 without it.
          items: The files.
        EmptyDirVolumeSource: A directory that is empty at first and goes with its pod.
          medium: Memory for a file system in memory; the node's disk without it.
          sizeLimit: How much may be in it before the pod is evicted.
        EnvFromSource: A ConfigMap or a Secret whose keys become variables.
          configMapRef: The ConfigMap.
          prefix: What is put before the name of each variable.
          secretRef: The Secret.
        EnvVar: An environment variable.
          name: The name of the variable.
          value: The value. $(NAME) stands for a variable that was set before, $$ for one dollar sign.
          valueFrom: Where the value comes from, in place of a value that is written here.
        EnvVarSource: Where the value of a variable comes from. Exactly one is set.
          configMapKeyRef: A key of a ConfigMap.
          fieldRef: A field of the pod, such as metadata.name or status.podIP.
          fileKeyRef: A key of a file in a volume.
          resourceFieldRef: A request or limit of one of the containers.
          secretKeyRef: A key of a Secret.
        EphemeralContainer: A container that is added to a running pod to look into it.
          +Container
          targetContainerName: The container whose processes it sees.
        ExecAction: A command that is run in the container.
          command: The program and its arguments, without a shell. Exit code 0 means success.
        FileKeySelector: One key of a file of variables.
          key: The key in the file.
          optional: Whether the container starts without the file or the key.
          path: Where the file is, relative to the volume.
          volumeName: The volume that holds the file.
        GRPCAction: A health check over gRPC.
          port: The number of the port.
          service: The service that is asked about.
        HTTPGetAction: An HTTP request; an answer of 200 to 399 means success.
          host: The host to ask; the pod's address without it.
          httpHeaders: Headers of the request.
          path: The path to ask for; / without it.
          port: The number of the port, or the name of one of the container's ports.
          scheme: HTTP or HTTPS; HTTP without it. Certificates are not checked.
        HTTPHeader: A header of a request.
          name: The name of the header.
          value: The value of the header.
        HostAlias: A line of the pod's file of hosts.
          hostnames: The names of the address.
          ip: The address.
        HostPathVolumeSource: A file or directory of the node itself.
          path: Its path on the node.
          type: What has to be there, such as Directory or File; nothing is checked when it is empty.
        ImageVolumeSource: The files of an image as a volume.
          pullPolicy: When the image is pulled; Always for the tag latest or none, else IfNotPresent.
          reference: The name of the image.
        KeyToPath: The file for one key.
          key: The key.
          mode: The permissions of the file; the volume's default without it.
          path: Where the file is, relative to the volume.
        Lifecycle: What is done at the start and at the end of a container.
          postStart: What is done right after the start; when it fails, the container is ended.
          preStop: What is done before the container is told to end. It takes part of the grace period.
          stopSignal: The signal that tells the container to end, in place of the image's own.
        LifecycleHandler: One thing to do. Exactly one is set.
          exec: Run a command in the container.
          httpGet: Make an HTTP request.
          sleep: Wait.
          tcpSocket: Open a connection; kept for old manifests.
        LocalObjectReference: An object of the same namespace.
          name: The name of the object.
        NFSVolumeSource: A directory of an NFS server.
          path: The directory that the server exports.
          readOnly: Whether it can only be read.
          server: The name or address of the server.
        NodeAffinity: What the labels of a pod's node must or should be.
          preferredDuringSchedulingIgnoredDuringExecution: What should hold; the node with the most weight is best.
          requiredDuringSchedulingIgnoredDuringExecution: What must hold for the pod to be put on a node.
        NodeSelector: A choice of nodes.
          nodeSelectorTerms: The node has to meet one of these.
        NodeSelectorRequirement: A condition on one label or field of a node.
          key: The label, or the field.
          operator: In, NotIn, Exists, DoesNotExist, Gt or Lt.
          values: What the label is compared with.
        NodeSelectorTerm: Conditions on a node that hold together.
          matchExpressions: Conditions on its labels.
          matchFields: Conditions on its fields, such as metadata.name.
        ObjectFieldSelector: One field of the pod.
          apiVersion: The version of the pod that has the field; v1 without it.
          fieldPath: The path of the field, such as metadata.labels['app'].
        PersistentVolumeClaimVolumeSource: The volume of a PersistentVolumeClaim.
          claimName: The name of the claim, in the pod's namespace.
          readOnly: Whether it can only be read.
        PodAffinity: Pods near which a pod must or should run.
          preferredDuringSchedulingIgnoredDuringExecution: What should hold; the node with the most weight is best.
          requiredDuringSchedulingIgnoredDuringExecution: What must hold for the pod to be put on a node.
        PodAffinityTerm: A choice of pods, and what near them means.
          labelSelector: The pods, by their labels.
          matchLabelKeys: Labels in which those pods have to equal this one.
          mismatchLabelKeys: Labels in which those pods have to differ from this one.
          namespaceSelector: The namespaces of those pods, by their labels.
          namespaces: The namespaces of those pods by name; that of this pod without it.
          topologyKey: Nodes with the same value of this label are one place.
        PodAntiAffinity: Pods from which a pod must or should keep away.
          preferredDuringSchedulingIgnoredDuringExecution: What should hold; the node with the most weight is best.
          requiredDuringSchedulingIgnoredDuringExecution: What must hold for the pod to be put on a node.
        PodCertificateProjection: A private key and a certificate for the pod as files.
          certificateChainPath: The file of the certificates.
          credentialBundlePath: The file that has the key and the certificates together.
          keyPath: The file of the key.
          keyType: The kind of key, such as ED25519.
          maxExpirationSeconds: For how long the certificate is good at most.
          signerName: Who signs the certificate.
          userAnnotations: What else the signer is told.
        PodDNSConfig: How the pod resolves names, on top of its policy.
          nameservers: Addresses of DNS servers.
          options: Options of the resolver.
          searches: Domains in which short names are looked up.
        PodDNSConfigOption: One option of the resolver.
          name: The name of the option.
          value: Its value, if it takes one.
        PodOS: The operating system that a pod is for.
          name: linux or windows.
        PodReadinessGate: A condition that has to hold for the pod to be ready.
          conditionType: The type of the condition in the pod's status.
        PodResourceClaim: A device that the pod claims.
          name: The name by which containers of the pod refer to the claim.
          resourceClaimName: The ResourceClaim.
          resourceClaimTemplateName: The template from which a ResourceClaim is made for this pod.
        PodSchedulingGate: Something that keeps the pod from being scheduled until it is removed.
          name: The name of the gate.
        PodSchedulingGroup: The group with which the pod is scheduled.
          podGroupName: The name of the group.
        PodSecurityContext: User, groups and privileges of all containers of a pod.
          appArmorProfile: The AppArmor profile of the containers.
          fsGroup: The group that owns the volumes, to which all containers belong.
          fsGroupChangePolicy: When the owner of volumes is changed: Always, or OnRootMismatch.
          runAsGroup: The group of the processes.
          runAsNonRoot: Whether containers that would run as root are refused.
          runAsUser: The user of the processes.
          seLinuxChangePolicy: How volumes get their SELinux label: MountOption or Recursive.
          seLinuxOptions: The SELinux context of the containers.
          seccompProfile: Which system calls the containers may make.
          supplementalGroups: Further groups of the processes.
          supplementalGroupsPolicy: Whether the groups of the image's user count: Merge or Strict.
          sysctls: Kernel parameters of the pod.
          windowsOptions: What is for Windows alone.
        PodTemplateSpec: What pods are made from.
          metadata: The labels and annotations of the pods.
          spec: What the pods run.
        PodSpec: What a pod runs, and where.
          activeDeadlineSeconds: For how long the pod may run before it is ended as failed.
          affinity: Which nodes the pod must or should run on.
          automountServiceAccountToken: Whether containers get the token of the service account.
          containers: The containers, at least one. They start together and share the pod's address and volumes.
          dnsConfig: How names are resolved, on top of dnsPolicy.
          dnsPolicy: Whose DNS the pod uses; ClusterFirst without it.
          enableServiceLinks: Whether containers get variables that tell of the Services of the namespace.
          ephemeralContainers: Containers that were added later to look into the pod.
          hostAliases: Lines that are added to the pod's file of hosts.
          hostIPC: Whether the pod shares the node's IPC.
          hostNetwork: Whether the pod uses the node's network.
          hostPID: Whether the pod sees the node's processes.
          hostUsers: Whether the users of the pod are those of the node.
          hostname: The host name of the pod; its own name without it.
          hostnameOverride: The host name that the pod sees, whatever the other fields say.
          imagePullSecrets: Secrets for the registries of the images.
          initContainers: Containers that run one after the other, each to its end, before the others start.
          nodeName: The node that the pod runs on; it is set when the pod is scheduled.
          nodeSelector: The labels that a node must have for the pod.
          os: The operating system that the pod is for.
          overhead: What the pod needs beside its containers; it comes from the runtime class.
          preemptionPolicy: Whether the pod may push out others of lower priority.
          priority: The priority as a number; it comes from the priority class.
          priorityClassName: The PriorityClass; the one that is the default without it.
          readinessGates: Further conditions that have to hold for the pod to be ready.
          resourceClaims: Devices that containers of the pod can refer to.
          resources: What all containers together ask for and may use.
          restartPolicy: Whether containers that have ended are started again: Always, OnFailure or Never.
          runtimeClassName: The RuntimeClass that runs the pod.
          schedulerName: Who chooses the node; default-scheduler without it.
          schedulingGates: What keeps the pod from being scheduled. They can only be removed.
          schedulingGroup: The group with which the pod is scheduled.
          securityContext: User, groups and privileges of all containers.
          serviceAccount: An old name of serviceAccountName.
          serviceAccountName: The ServiceAccount in whose name the pod acts; default without it.
          setHostnameAsFQDN: Whether the host name is the full one with the domain.
          shareProcessNamespace: Whether the containers see each other's processes.
          subdomain: The domain of the pod within its namespace, which a Service of this name serves.
          terminationGracePeriodSeconds: How long containers may take to end after they were told to; 30 without it.
          tolerations: Taints of nodes in spite of which the pod may run there.
          topologySpreadConstraints: How evenly pods like this one are spread over places.
          volumes: The volumes that containers can mount.
        PreferredSchedulingTerm: A condition on nodes with a weight.
          preference: The condition.
          weight: How much it counts, 1 to 100.
        Probe: A check of a container, made again and again. One of exec, grpc, httpGet and tcpSocket is set.
          exec: Run a command in the container.
          failureThreshold: After how many failures in a row the check has failed; 3 without it.
          grpc: Ask a service over gRPC.
          httpGet: Make an HTTP request.
          initialDelaySeconds: How long after the start the first check is made.
          periodSeconds: How often the check is made; every 10 seconds without it.
          successThreshold: After how many successes in a row the check is passed again; 1 without it.
          tcpSocket: Open a connection.
          terminationGracePeriodSeconds: How long the container may take to end after the check has failed.
          timeoutSeconds: How long one check may take; 1 second without it.
        ProjectedVolumeSource: Several sources in one volume.
          defaultMode: The permissions of files that have none of their own; 0644 without it.
          sources: The sources.
        ResourceClaim: A device claim of the pod that a container uses.
          name: The name of the claim in the pod's resourceClaims.
          request: The one request of the claim; all of them without it.
        ResourceFieldSelector: A request or limit of a container.
          containerName: The container; needed in volumes, the container itself in variables.
          divisor: The unit in which the number is given; 1 without it.
          resource: What is wanted, such as limits.memory.
        ResourceRequirements: How much of each resource is asked for and may be used.
          claims: Devices of the pod's resourceClaims that the container uses.
          limits: The most that may be used, by the name of the resource.
          requests: What is set aside, by the name of the resource; the limits without it.
        SELinuxOptions: An SELinux context.
          level: The level.
          role: The role.
          type: The type.
          user: The user.
        SeccompProfile: Which system calls may be made.
          localhostProfile: The file of the profile on the node, for type Localhost.
          type: Localhost, RuntimeDefault or Unconfined.
        SecretEnvSource: A Secret whose keys become variables.
          name: The name of the Secret.
          optional: Whether the container starts without the Secret.
        SecretKeySelector: One key of a Secret.
          key: The key.
          name: The name of the Secret.
          optional: Whether the container starts without the Secret or the key.
        SecretProjection: Keys of a Secret as files.
          items: The keys to take and their paths; all keys under their own names without it.
          name: The name of the Secret.
          optional: Whether the pod starts without the Secret or its keys.
        SecretVolumeSource: A volume with a file for each key of a Secret.
          defaultMode: The permissions of files that have none of their own; 0644 without it.
          items: The keys to take and their paths; all keys under their own names without it.
          optional: Whether the pod starts without the Secret or its keys.
          secretName: The name of the Secret.
        SecurityContext: User, groups and privileges of a container. What is set here wins over the pod's.
          allowPrivilegeEscalation: Whether a process may gain more privileges than its parent has.
          appArmorProfile: The AppArmor profile of the container.
          capabilities: Linux capabilities that are given and taken.
          privileged: Whether the container is as powerful as root of the node.
          procMount: How /proc is mounted: Default or Unmasked.
          readOnlyRootFilesystem: Whether the container cannot write outside of its volumes.
          runAsGroup: The group of the processes.
          runAsNonRoot: Whether the container is refused if it would run as root.
          runAsUser: The user of the processes.
          seLinuxOptions: The SELinux context of the container.
          seccompProfile: Which system calls the container may make.
          windowsOptions: What is for Windows alone.
        ServiceAccountTokenProjection: A token of the service account as a file.
          audience: Whom the token is for; the API server without it.
          expirationSeconds: For how long a token is good; an hour without it.
          path: Where the file is, relative to the volume.
        SleepAction: A wait.
          seconds: How long.
        Sysctl: A kernel parameter.
          name: Its name.
          value: Its value.
        TCPSocketAction: A connection; that it can be opened means success.
          host: The host; the pod's address without it.
          port: The number of the port, or the name of one of the container's ports.
        Toleration: Taints in spite of which a pod may run on a node.
          effect: The effect of the taints; every effect without it.
          key: The key of the taints; every key without it.
          operator: How the values are compared: Equal, Exists, Lt or Gt.
          tolerationSeconds: For how long a NoExecute taint is tolerated; for ever without it.
          value: The value of the taints.
        TopologySpreadConstraint: How evenly pods are spread over places.
          labelSelector: The pods that are counted, by their labels.
          matchLabelKeys: Labels in which counted pods have to equal this one.
          maxSkew: By how many pods places may differ.
          minDomains: How many places there should be at least.
          nodeAffinityPolicy: Whether nodes that the pod's affinity excludes count: Honor or Ignore.
          nodeTaintsPolicy: Whether nodes with taints that the pod does not tolerate count: Honor or Ignore.
          topologyKey: Nodes with the same value of this label are one place.
          whenUnsatisfiable: DoNotSchedule, or ScheduleAnyway.
        Volume: Files that containers of the pod can mount. Beside its name it has exactly one source.
          awsElasticBlockStore: A disk of AWS; use a CSI driver.
          azureDisk: A disk of Azure; use a CSI driver.
          azureFile: A share of Azure; use a CSI driver.
          cephfs: A CephFS; no longer served.
          cinder: A disk of OpenStack; use a CSI driver.
          configMap: The keys of a ConfigMap as files.
          csi: A volume that a CSI driver provides for as long as the pod lives.
          downwardAPI: Fields of the pod as files.
          emptyDir: A directory that is empty at first and goes with the pod.
          ephemeral: A PersistentVolumeClaim that is made for the pod and goes with it.
          fc: A disk over Fibre Channel.
          flexVolume: A volume of an exec plugin; use a CSI driver.
          flocker: A Flocker volume; no longer served.
          gcePersistentDisk: A disk of Google Cloud; use a CSI driver.
          gitRepo: A git repository; clone it in an init container.
          glusterfs: A GlusterFS; no longer served.
          hostPath: A file or directory of the node itself.
          image: The files of an image.
          iscsi: A disk over iSCSI.
          name: The name by which volumeMounts refer to the volume.
          nfs: A directory of an NFS server.
          persistentVolumeClaim: The volume of a PersistentVolumeClaim, which outlives the pod.
          photonPersistentDisk: A disk of Photon; no longer served.
          portworxVolume: A Portworx volume; use a CSI driver.
          projected: Several sources in one directory.
          quobyte: A Quobyte volume; no longer served.
          rbd: A Ceph disk; no longer served.
          scaleIO: A ScaleIO volume; no longer served.
          secret: The keys of a Secret as files.
          storageos: A StorageOS volume; no longer served.
          vsphereVolume: A disk of vSphere; use a CSI driver.
        VolumeDevice: A volume that a container sees as a block device.
          devicePath: The path of the device in the container.
          name: The name of the volume.
        VolumeMount: Where a container sees a volume.
          mountPath: The path in the container.
          mountPropagation: Whether mounts that are made later are passed on between node and container.
          name: The name of the volume.
          readOnly: Whether the container can only read.
          recursiveReadOnly: Whether that holds for mounts below it: Disabled, IfPossible or Enabled.
          subPath: The path in the volume that is mounted, in place of all of it.
          subPathExpr: As subPath, where $(NAME) stands for a variable.
        VolumeProjection: One source of a projected volume. Exactly one is set.
          clusterTrustBundle: Certificates of authorities.
          configMap: Keys of a ConfigMap.
          downwardAPI: Fields of the pod.
          podCertificate: A private key and a certificate for the pod.
          secret: Keys of a Secret.
          serviceAccountToken: A token of the service account.
        WeightedPodAffinityTerm: A choice of pods with a weight.
          podAffinityTerm: The pods.
          weight: How much it counts, 1 to 100.
        WindowsSecurityContextOptions: What is for Windows alone.
          gmsaCredentialSpec: The GMSA credential itself.
          gmsaCredentialSpecName: The name of the GMSA credential.
          hostProcess: Whether the container runs as a process of the host.
          runAsUserName: The user of the processes.
        """
}
