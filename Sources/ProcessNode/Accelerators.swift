import FoundationEssentials
import Glibc
import Synchronization

/// The GPUs of a machine, and which containers have them.
final class Accelerators: Sendable {
    /// One GPU.
    struct Device: Sendable, Hashable {
        /// Its device file is `/dev/nvidia` with that number.
        var minor: Int
        /// What CUDA calls it by; nil where the driver does not tell.
        var uuid: String?
    }

    /// In the order of their numbers.
    let devices: [Device]
    /// The device files that every container with a GPU needs besides that of the GPU.
    let common: [String]
    private let taken = Mutex<[Int: String]>([:])

    private let directory: String

    init(devices: [Device], common: [String] = [], directory: String = "/dev") {
        self.devices = devices
        self.common = common
        self.directory = directory
    }

    /// Finds the NVIDIA GPUs by the files of their driver.
    static func found(devices: String = "/dev", driver: String = "/proc/driver/nvidia/gpus") -> Accelerators {
        var uuids: [Int: String] = [:]
        for name in PodFiles.names(in: driver) {
            guard let data = FileManager.default.contents(atPath: "\(driver)/\(name)/information") else { continue }
            var fields: [String: String] = [:]
            for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
                guard let colon = line.firstIndex(of: ":") else { continue }
                let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
                fields[String(line[..<colon])] = String(value)
            }
            if let minor = fields["Device Minor"].flatMap({ Int($0) }) { uuids[minor] = fields["GPU UUID"] }
        }
        var (minors, common): ([Int], [String]) = ([], [])
        for name in PodFiles.names(in: devices) where name.hasPrefix("nvidia") {
            if let minor = PodFiles.number(name.dropFirst(6)) { minors.append(minor) } else { common.append(name) }
        }
        return Accelerators(
            devices: minors.sorted().map { Device(minor: $0, uuid: uuids[$0]) },
            common: common.sorted().map { "\(devices)/\($0)" }, directory: devices)
    }

    /// Takes that many GPUs for a container, which `owner` names, those that it has already among them; nil while there are too few.
    func take(_ count: Int, for owner: String) -> [Device]? {
        taken.withLock { taken in
            var own = devices.filter { taken[$0.minor] == owner }
            own += devices.filter { taken[$0.minor] == nil }.prefix(max(0, count - own.count))
            guard own.count >= count else { return nil }
            own = Array(own.prefix(count))
            for device in own { taken[device.minor] = owner }
            return own
        }
    }

    /// Gives back what a container has.
    func giveBack(_ owner: String) {
        taken.withLock { taken in taken = taken.filter { $0.value != owner } }
    }

    /// The device files that a container with these GPUs needs.
    func files(_ own: [Device]) -> [String] {
        own.isEmpty ? [] : own.map { "\(directory)/nvidia\($0.minor)" } + common
    }

    /// What tells a program that uses CUDA which GPUs are its own. By their UUIDs, which mean the same whatever else it sees.
    static func variable(_ devices: [Device]) -> String {
        devices.map { $0.uuid ?? String($0.minor) }.joined(separator: ",")
    }
}
