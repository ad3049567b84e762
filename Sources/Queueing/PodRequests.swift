public import GangQueue
public import KubernetesModel

extension Resources {
    /// What a pod asks for, rounded up. The pod itself, one of `pods`, is not among it: GangQueue adds it.
    public init(_ requests: PodRequests) { self.init(requests.quantities, rounding: .up) }
}
