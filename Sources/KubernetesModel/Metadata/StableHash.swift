/// A hash that is the same at every time and in every process: for names and delays that have to be found again.
package enum StableHash {
    /// Of texts, told apart from the same bytes cut elsewhere: FNV-1a, then the finisher of MurmurHash3.
    package static func of(_ parts: String...) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            hash = (hash ^ 0xFF) &* 0x0000_0100_0000_01b3  // a byte that UTF-8 never has, between the parts
        }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }
}
