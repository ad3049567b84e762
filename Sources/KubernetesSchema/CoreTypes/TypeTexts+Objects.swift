/// The built-in kinds in words: one sentence for each struct and field, for `kubectl explain`.
extension TypeTexts {
    static let objects = """
        Binding: Puts a pod on a node.
          target: The node.
        Condition: Something that holds for an object or does not.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          observedGeneration: The generation of the object that this was found out from.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about.
        ConfigMap: Settings for pods: texts and files that are not secret.
          binaryData: The values that are not text, in base64.
          data: The values that are text, by their keys.
          immutable: Whether the values can never be changed.
        ContainerState: What a container does now. At most one is set.
          running: It runs.
          terminated: It has ended.
          waiting: It has not started yet, or not again.
        ContainerStateRunning: A container that runs.
          startedAt: When it was started.
        ContainerStateTerminated: A container that has ended.
          containerID: The container that ended, as its runtime calls it.
          exitCode: Its exit code; 0 means success.
          finishedAt: When it ended.
          message: Its last words.
          reason: Why it ended, such as Completed, Error or OOMKilled.
          signal: The signal that ended it.
          startedAt: When it was started.
        ContainerStateWaiting: A container that waits to be started.
          message: The reason in a sentence.
          reason: Why it waits, such as ContainerCreating or CrashLoopBackOff.
        ContainerStatus: What a container of a pod does.
          allocatedResources: What the node has set aside for it.
          allocatedResourcesStatus: The health of its devices.
          containerID: The container as its runtime calls it.
          image: The image that it runs.
          imageID: The image as its runtime calls it.
          lastState: How it ended before it was started again.
          name: The name of the container.
          ready: Whether it can take requests.
          resources: What it asks for and may use now.
          restartCount: How often it was started again.
          started: Whether it has passed its startup probe and its postStart hook.
          state: What it does now.
          stopSignal: The signal that tells it to end.
          user: The user of its first process.
          volumeMounts: The volumes that it has mounted.
        CustomResourceDefinition: A new kind of object that the server serves.
          spec: What the kind is like.
          status: What the server has made of it.
        CustomResourceDefinitionCondition: Something that holds for a definition or does not.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          observedGeneration: The generation of the definition that this was found out from.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about, such as Established.
        CustomResourceDefinitionNames: The names of a kind.
          categories: Groups of kinds that contain it, such as all.
          kind: The kind in manifests.
          listKind: The kind of its lists; the kind with List at its end without it.
          plural: The name in paths.
          shortNames: Short names for the command line.
          singular: The name of one; the kind in lower case without it.
        CustomResourceDefinitionSpec: What a kind is like.
          conversion: How objects are turned from one version into another.
          group: The group that the kind belongs to.
          names: The names of the kind.
          preserveUnknownFields: Has to be false: unknown fields are dropped.
          scope: Namespaced or Cluster.
          versions: The versions of the kind.
        CustomResourceDefinitionStatus: What the server has made of a definition.
          acceptedNames: The names under which the kind is served.
          conditions: Whether the names are accepted, and the kind is served.
          observedGeneration: The generation of the definition that this was found out from.
          storedVersions: The versions in which objects may be stored.
        CustomResourceDefinitionVersion: One version of a kind.
          additionalPrinterColumns: Columns for kubectl get.
          deprecated: Whether clients are warned of this version.
          deprecationWarning: What they are warned with.
          name: The name of the version, such as v1.
          schema: What objects look like.
          selectableFields: Fields by which lists can be filtered.
          served: Whether it can be asked for.
          storage: Whether objects are stored in it; exactly one version is.
          subresources: Whether objects have a status and a scale of their own.
        Event: Something that happened to an object. Events are kept for an hour.
          action: What was done.
          count: How often it happened.
          eventTime: When it happened first, to the microsecond.
          firstTimestamp: When it happened first.
          involvedObject: The object.
          lastTimestamp: When it happened last.
          message: What happened, in a sentence for people.
          reason: What happened, in one word for programs.
          related: Another object that had to do with it.
          reportingComponent: The program that tells of it.
          reportingInstance: Which instance of that program.
          series: How often it happened again.
          source: The program that tells of it, in the old form.
          type: Normal or Warning.
        EventSeries: How often an event happened again.
          count: How often it happened until now.
          lastObservedTime: When it happened last.
        EventSource: The program that tells of an event.
          component: The name of the program.
          host: The node on which it runs.
        EventV1: Something that happened to an object. Events are kept for an hour.
          action: What was done.
          deprecatedCount: How often it happened, in the old form.
          deprecatedFirstTimestamp: When it happened first, in the old form.
          deprecatedLastTimestamp: When it happened last, in the old form.
          deprecatedSource: The program that tells of it, in the old form.
          eventTime: When it happened first.
          note: What happened, in a sentence for people.
          reason: What happened, in one word for programs.
          regarding: The object.
          related: Another object that had to do with it.
          reportingController: The program that tells of it.
          reportingInstance: Which instance of that program.
          series: How often it happened again.
          type: Normal or Warning.
        Eviction: Takes a pod off its node, if its disruption budgets allow it.
          deleteOptions: How the pod is deleted.
        HostIP: An address of a node.
          ip: The address.
        LabelSelector: A choice of objects by their labels. All conditions have to hold.
          matchExpressions: Conditions on labels.
          matchLabels: Labels that the objects must have, with their values.
        LabelSelectorRequirement: A condition on one label.
          key: The key of the label.
          operator: In, NotIn, Exists or DoesNotExist.
          values: What the label is compared with.
        Lease: Who is in charge of something, and until when.
          spec: Who, and until when.
        LeaseSpec: Who holds a lease, and until when.
          acquireTime: When the holder got it.
          holderIdentity: Who holds it.
          leaseDurationSeconds: After how long without renewal others may take it.
          leaseTransitions: How often it has changed hands.
          preferredHolder: Who should get it next.
          renewTime: When it was renewed last.
          strategy: How the holder is chosen.
        LimitRange: Bounds and defaults for the resources of pods in a namespace.
          spec: The bounds and defaults.
        LimitRangeItem: Bounds and defaults for one type of object.
          default: The limits of containers that have none.
          defaultRequest: The requests of containers that have none.
          max: The most that may be asked for.
          maxLimitRequestRatio: How many times larger than its request a limit may be.
          min: The least that may be asked for.
          type: Container, Pod or PersistentVolumeClaim.
        LimitRangeSpec: Bounds and defaults.
          limits: One entry for each type of object.
        ListMeta: What is known about a list.
          continue: What to ask with for the next page.
          remainingItemCount: How many objects follow on further pages.
          resourceVersion: The version of the list, from which a watch can go on.
          selfLink: No longer set.
        Namespace: A part of the cluster with names of its own.
          spec: What has to be done before it can go.
          status: Whether it is in use or going.
        NamespaceCondition: What keeps a namespace from going.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about.
        NamespaceSpec: What has to be done before a namespace can go.
          finalizers: Who has to agree before it is removed.
        NamespaceStatus: Whether a namespace is in use or going.
          conditions: What keeps it from going.
          phase: Active or Terminating.
        Node: A machine that runs pods.
          spec: What is wanted of the node.
          status: What the node has and how it does.
        NodeAddress: An address of a node.
          address: The address.
          type: Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.
        NodeCondition: Something that holds for a node or does not.
          lastHeartbeatTime: When the node said so last.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about, such as Ready or MemoryPressure.
        NodeSpec: What is wanted of a node.
          configSource: No longer used.
          externalID: No longer used.
          podCIDR: The addresses of the node's pods.
          podCIDRs: The addresses of the node's pods, of both families.
          providerID: The machine as its provider calls it.
          taints: What keeps pods away that do not tolerate it.
          unschedulable: Whether new pods are kept away; kubectl cordon sets it.
        NodeStatus: What a node has and how it does.
          addresses: Its addresses.
          allocatable: What of its resources pods can have.
          capacity: All its resources.
          conditions: How it does.
          config: No longer used.
          daemonEndpoints: The port of its agent.
          declaredFeatures: What its agent can do.
          features: What its runtime can do.
          images: The images that it has.
          nodeInfo: Its operating system, its architecture and the versions of its programs.
          phase: No longer used.
          runtimeHandlers: The runtimes that it has.
          volumesAttached: The volumes that are attached to it.
          volumesInUse: The volumes that pods on it use.
        Object: What all objects have.
          apiVersion: The group and version of the schema that the object follows.
          kind: The kind of the object.
          metadata: The object's metadata: its name, labels, annotations and what the server keeps about it.
        ObjectMeta: What is known about every object.
          annotations: Notes of programs about the object, by their keys.
          creationTimestamp: When the object was created. The server sets it.
          deletionGracePeriodSeconds: How long the object has to end after its deletion was asked for.
          deletionTimestamp: When the object is to be gone. The server sets it at a deletion.
          finalizers: Who has to agree before the object is removed.
          generateName: The start of a name that the server completes, where there is no name.
          generation: A number that grows with each change of what is wanted.
          labels: Words by which the object can be found, by their keys.
          managedFields: Who has set which fields.
          name: The name of the object, unique in its namespace and kind.
          namespace: The namespace of the object.
          ownerReferences: The objects without which this one is deleted.
          resourceVersion: A text that changes with each change of the object.
          selfLink: No longer set.
          uid: What tells the object from all others, also from later ones of its name.
        ObjectReference: Another object.
          apiVersion: Its group and version.
          fieldPath: The part of it that is meant.
          kind: Its kind.
          name: Its name.
          namespace: Its namespace.
          resourceVersion: Its version.
          uid: Its UID.
        OwnerReference: An object without which this one is deleted.
          apiVersion: Its group and version.
          blockOwnerDeletion: Whether it waits for this one when it is deleted in the foreground.
          controller: Whether it is the one that manages this object.
          kind: Its kind.
          name: Its name.
          uid: Its UID.
        PersistentVolumeClaim: A wish for storage that outlives pods.
          spec: What is wished for.
          status: What was given.
        PersistentVolumeClaimCondition: Something that holds for a claim or does not.
          lastProbeTime: When it was looked at last.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about, such as Resizing.
        PersistentVolumeClaimSpec: The storage that is wished for.
          accessModes: How it is used, such as ReadWriteOnce.
          dataSource: A snapshot or a claim whose data it begins with.
          dataSourceRef: As dataSource, for every kind of object.
          resources: How large it is.
          selector: Which volumes can be taken, by their labels.
          storageClassName: The StorageClass that provides it.
          volumeAttributesClassName: The VolumeAttributesClass of the volume.
          volumeMode: Filesystem or Block; Filesystem without it.
          volumeName: The volume that it got.
        PersistentVolumeClaimStatus: The storage that was given.
          accessModes: How it can be used.
          allocatedResourceStatuses: How far a resize is.
          allocatedResources: What is set aside while it is resized.
          capacity: How large it is.
          conditions: What is going on with it.
          currentVolumeAttributesClassName: The VolumeAttributesClass that it has.
          modifyVolumeStatus: How far a change of that class is.
          phase: Pending, Bound or Lost.
        Pod: Containers that run together on one node.
          spec: What the pod runs, and where.
          status: What has become of it.
        PodCondition: Something that holds for a pod or does not.
          lastProbeTime: When it was looked at last.
          lastTransitionTime: When the status changed last.
          message: The reason in a sentence for people.
          observedGeneration: The generation of the pod that this was found out from.
          reason: The reason in one word for programs.
          status: True, False or Unknown.
          type: What it is about, such as Ready, PodScheduled or DisruptionTarget.
        PodIP: An address of a pod.
          ip: The address.
        PodStatus: What has become of a pod.
          allocatedResources: What the node has set aside for the pod.
          conditions: How far the pod is.
          containerStatuses: What its containers do.
          ephemeralContainerStatuses: What its ephemeral containers do.
          extendedResourceClaimStatus: The claim that was made for its extended resources.
          hostIP: The address of its node.
          hostIPs: The addresses of its node.
          initContainerStatuses: What its init containers do.
          message: The reason in a sentence for people.
          nodeAllocatableResourceClaimStatuses: What its device claims take of the node's resources.
          nominatedNodeName: The node on which room is made for it.
          observedGeneration: The generation of the pod that this was found out from.
          phase: Pending, Running, Succeeded, Failed or Unknown.
          podIP: Its address.
          podIPs: Its addresses.
          qosClass: Guaranteed, Burstable or BestEffort, by its requests and limits.
          reason: Why it is in this phase, in one word, such as Evicted.
          resize: How far a change of its resources is.
          resourceClaimStatuses: The device claims that were made for it.
          resources: What its containers together ask for and may use now.
          startTime: When its node took it up.
        PriorityClass: A name for a priority.
          description: When to use it, for people.
          globalDefault: Whether pods that name no class get this one.
          preemptionPolicy: Whether its pods may push out others: PreemptLowerPriority or Never.
          value: The priority; pods with a larger one come first.
        ResourceQuota: How much the objects of a namespace may use in all.
          spec: How much may be used.
          status: How much is used.
        ResourceQuotaSpec: How much may be used.
          hard: The most of each resource, by its name, such as requests.cpu or pods.
          scopeSelector: Which pods count.
          scopes: Which pods count, such as BestEffort.
        ResourceQuotaStatus: How much is used.
          hard: The most of each resource.
          used: What is used of each resource.
        Secret: Values for pods that are not for everybody: passwords, tokens, keys.
          data: The values in base64, by their keys.
          immutable: Whether the values can never be changed.
          stringData: Values as plain text; the server puts them into data.
          type: What the values are for; Opaque without it.
        SelfSubjectAccessReview: Asks whether oneself may do something.
          spec: What is asked.
          status: The answer.
        SelfSubjectReview: Asks who one is.
          status: The answer.
        SelfSubjectRulesReview: Asks what oneself may do in a namespace.
          spec: What is asked.
          status: The answer.
        Service: A name and an address for pods that do the same.
          spec: Which pods, and how they are reached.
          status: What was given to it.
        ServiceAccount: A name in which pods act.
          automountServiceAccountToken: Whether pods get its token.
          imagePullSecrets: Secrets for the registries of its pods' images.
          secrets: Secrets that its pods may use.
        ServicePort: A port of a Service.
          appProtocol: What is spoken there, such as http.
          name: The name of the port; needed where there are several.
          nodePort: The port of every node that leads here.
          port: The number of the port.
          protocol: TCP, UDP or SCTP; TCP without it.
          targetPort: The port of the pods, by number or name; the same number without it.
        ServiceSpec: Which pods a Service leads to, and how it is reached.
          allocateLoadBalancerNodePorts: Whether a load balancer gets ports of the nodes.
          clusterIP: Its address; None for a Service that has only a name.
          clusterIPs: Its addresses, of both families.
          externalIPs: Further addresses that lead to it.
          externalName: The name that it stands for, for type ExternalName.
          externalTrafficPolicy: Whether what comes from outside stays on its node: Cluster or Local.
          healthCheckNodePort: The port at which nodes say whether they have pods of it.
          internalTrafficPolicy: Whether what comes from inside stays on its node: Cluster or Local.
          ipFamilies: IPv4, IPv6 or both.
          ipFamilyPolicy: How many families it has: SingleStack, PreferDualStack or RequireDualStack.
          loadBalancerClass: Which load balancer provides it.
          loadBalancerIP: The address that is asked of the load balancer.
          loadBalancerSourceRanges: From which addresses the load balancer takes requests.
          ports: Its ports.
          publishNotReadyAddresses: Whether it leads to pods that are not ready too.
          selector: The labels of its pods.
          sessionAffinity: Whether a client always gets the same pod: ClientIP or None.
          sessionAffinityConfig: For how long.
          trafficDistribution: Which pods are preferred, such as PreferClose.
          type: ClusterIP, NodePort, LoadBalancer or ExternalName.
        ServiceStatus: What was given to a Service.
          conditions: How far it is.
          loadBalancer: The addresses of its load balancer.
        SubjectAccessReview: Asks whether somebody may do something.
          spec: What is asked.
          status: The answer.
        Taint: Something about a node that keeps pods away that do not tolerate it.
          effect: NoSchedule, PreferNoSchedule or NoExecute.
          key: Its key.
          timeAdded: When it came.
          value: Its value.
        TokenReview: Asks whose token something is.
          spec: What is asked.
          status: The answer.
        VolumeResourceRequirements: How large a volume is.
          limits: The most that it may hold.
          requests: The least that it must hold, as storage.
        """
}
