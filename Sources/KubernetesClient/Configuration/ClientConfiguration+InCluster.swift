import CurlHTTP

extension ClientConfiguration {
    /// The configuration of a pod, from its service account. The token is read again when it is rotated. Throws
    /// ``ConfigurationError`` outside a cluster.
    public static func inCluster(_ environment: ClientEnvironment = .process) throws -> ClientConfiguration {
        guard environment.isInCluster, let host = environment.variables["KUBERNETES_SERVICE_HOST"],
            let port = environment.variables["KUBERNETES_SERVICE_PORT"]
        else {
            throw ConfigurationError(
                "this process does not run in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
        }
        let directory = environment.serviceAccountDirectory
        let authorities: [UInt8]
        let tokenFile = "\(directory)/token"
        let credentials = FileCredentials(tokenFile: tokenFile)
        do {
            authorities = try FileContents.read("\(directory)/ca.crt")
            _ = try FileContents.read(tokenFile)
        } catch let failure as FileContents.Failure {
            throw ConfigurationError(
                "the service account's file cannot be read: \(failure.reason)", file: failure.path)
        }
        var namespace = "default"
        if let bytes = try? FileContents.read("\(directory)/namespace") {
            let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined()
            if !text.isEmpty { namespace = text }
        }
        // In a URL an IPv6 address is in brackets.
        let authority = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        var configuration = ClientConfiguration(
            server: "https://\(authority):\(port)", tls: TLSConfiguration(certificateAuthorities: authorities),
            proxy: environment.proxy, namespace: namespace, credentials: credentials)
        configuration.authorityFile = AuthorityFile("\(directory)/ca.crt", first: authorities)
        return configuration
    }
}
