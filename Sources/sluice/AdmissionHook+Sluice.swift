import AdmissionWebhook
import EmbeddedAPIServer
import SluiceAPI
import ZoneInfo

extension AdmissionHook {
    /// What the operator's webhook refuses in a cluster, the embedded one refuses by itself.
    static let sluice: AdmissionHook = {
        let zones = ZoneDatabase()
        let reviewer = AdmissionReviewer(zones: { zones.problem(with: $0) })
        return AdmissionHook(name: AdmissionReviewer.webhookName, groups: [Sluice.group]) { try reviewer.review($0) }
    }()
}
