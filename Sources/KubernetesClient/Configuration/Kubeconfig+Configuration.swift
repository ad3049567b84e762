import CurlHTTP
import FoundationEssentials
import JSON
import KubernetesModel

extension Kubeconfig {
    /// The configuration of a context, by default the current one. Throws ``ConfigurationError`` when the context does
    /// not exist or has a mistake.
    public func configuration(
        context: String? = nil, environment: ClientEnvironment = .process
    ) throws -> ClientConfiguration {
        let (cluster, user, namespace) = try resolve(context: context)
        guard var server = try cluster.string("server") else {
            throw cluster.error("the cluster has no server", at: "server")
        }
        var tls = TLSConfiguration()
        tls.certificateAuthorities = try cluster.pem("certificate-authority-data", "certificate-authority")
        tls.serverName = try cluster.string("tls-server-name")
        if try cluster.bool("insecure-skip-tls-verify") {
            guard tls.certificateAuthorities == nil else {
                throw cluster.error(
                    "a certificate authority has no effect beside it: remove one of the two",
                    at: "insecure-skip-tls-verify")
            }
            tls.verifiesServer = false
        }
        if !server.contains("://") {
            let usesTLS = tls.certificateAuthorities != nil || !tls.verifiesServer
            server = (usesTLS ? "https://" : "http://") + server
        }
        guard server.hasPrefix("https://") || server.hasPrefix("http://") else {
            throw cluster.error("expected an http or https URL, found \(server)", at: "server")
        }
        var proxy = environment.proxy
        if let url = try cluster.string("proxy-url") {
            let schemes = ["http://", "https://", "socks5://", "socks5h://"]
            guard schemes.contains(where: url.hasPrefix) else {
                throw cluster.error("expected an http, https or socks5 URL, found \(url)", at: "proxy-url")
            }
            proxy = .url(url)
        }
        var configuration = ClientConfiguration(server: server, tls: tls, proxy: proxy, namespace: namespace)
        // Data in the kubeconfig take precedence over the file.
        if let authorities = tls.certificateAuthorities, try cluster.string("certificate-authority-data") == nil,
            let path = try cluster.filePath("certificate-authority")
        {
            configuration.authorityFile = AuthorityFile(path, first: authorities)
        }
        if let user {
            configuration.credentials = try credentials(of: user, cluster: cluster, configuration, environment)
            configuration.headers = try Self.impersonation(user)
        }
        return configuration
    }

    private func credentials(
        of user: KubeconfigField, cluster: KubeconfigField, _ configuration: ClientConfiguration,
        _ environment: ClientEnvironment
    ) throws -> any CredentialSource {
        if try user.field("auth-provider") != nil {
            throw user.error(
                "auth providers were removed in Kubernetes 1.26: use an exec plug-in", at: "auth-provider")
        }
        let token = try user.string("token")
        let tokenFile = try user.filePath("tokenFile")
        let (username, password) = (try user.string("username"), try user.string("password"))
        if token != nil || tokenFile != nil, username != nil || password != nil {
            throw user.error("a token and a user name are two ways to authenticate: remove one of the two")
        }
        if let exec = try user.field("exec") {
            guard token == nil, tokenFile == nil, username == nil else {
                throw exec.error("an exec plug-in beside a token or a user name: remove one of the two")
            }
            let plugin = try Self.plugin(exec, cluster: cluster, configuration)
            return ExecCredentials(plugin, environment: environment.variables, clock: environment.clock)
        }
        var fixed = Credentials()
        if let token { fixed.authorization = "Bearer \(token)" }
        if username != nil || password != nil {
            let pair = Base64.encode("\(username ?? ""):\(password ?? "")".utf8)
            fixed.authorization = "Basic \(pair)"
        }
        let certificate = try user.pem("client-certificate-data", "client-certificate")
        let key = try user.pem("client-key-data", "client-key")
        switch (certificate, key) {
        case (let certificate?, let key?): fixed.identity = .init(certificate: certificate, key: key)
        case (nil, nil): break
        case (_?, nil): throw user.error("the client certificate has no key", at: "client-key-data")
        case (nil, _?): throw user.error("the client key has no certificate", at: "client-certificate-data")
        }
        // Data in the kubeconfig take precedence over files.
        let certificateFile =
            try user.string("client-certificate-data") == nil ? user.filePath("client-certificate") : nil
        let keyFile = try user.string("client-key-data") == nil ? user.filePath("client-key") : nil
        guard tokenFile != nil || certificateFile != nil || keyFile != nil else { return FixedCredentials(fixed) }
        return FileCredentials(
            tokenFile: tokenFile, certificateFile: certificateFile, keyFile: keyFile, fixed: fixed)
    }

    private static func plugin(
        _ exec: KubeconfigField, cluster: KubeconfigField, _ configuration: ClientConfiguration
    ) throws -> ExecPlugin {
        guard let command = try exec.string("command") else { throw exec.error("expected a command", at: "command") }
        guard let apiVersion = try exec.string("apiVersion"), ExecPlugin.apiVersions.contains(apiVersion) else {
            throw exec.error("expected \(ExecPlugin.apiVersions.joined(separator: " or "))", at: "apiVersion")
        }
        var plugin = ExecPlugin(command: command, apiVersion: apiVersion)
        // A bare name is searched for in PATH; a path is relative to the kubeconfig.
        if command.contains("/") { plugin.command = exec.resolve(command) }
        plugin.arguments = try exec.strings("args")
        for variable in try exec.elements("env") {
            guard let name = try variable.string("name") else { throw variable.error("expected a name", at: "name") }
            plugin.environment[name] = try variable.string("value") ?? ""
        }
        plugin.installHint = try exec.string("installHint") ?? ""
        if let text = try exec.string("interactiveMode") {
            guard let mode = ExecPlugin.InteractiveMode(rawValue: text) else {
                throw exec.error("expected Never, IfAvailable or Always, found \(text)", at: "interactiveMode")
            }
            plugin.interactiveMode = mode
        } else if apiVersion == ExecPlugin.apiVersions[0] {
            throw exec.error("expected Never, IfAvailable or Always: v1 has no default", at: "interactiveMode")
        }
        if try exec.bool("provideClusterInfo") {
            plugin.cluster = try describe(cluster, configuration)
        }
        return plugin
    }

    /// The description of the cluster for an exec plug-in.
    private static func describe(
        _ cluster: KubeconfigField, _ configuration: ClientConfiguration
    ) throws -> JSONValue {
        var result: JSONObject = ["server": .string(configuration.server)]
        if let name = configuration.tls.serverName { result["tls-server-name"] = .string(name) }
        if !configuration.tls.verifiesServer { result["insecure-skip-tls-verify"] = true }
        if let authorities = configuration.tls.certificateAuthorities {
            result["certificate-authority-data"] = .string(Base64.encode(authorities))
        }
        if let proxy = try cluster.string("proxy-url") { result["proxy-url"] = .string(proxy) }
        for element in try cluster.elements("extensions")
        where try element.string("name") == "client.authentication.k8s.io/exec" {
            result["config"] = try element.field("extension")?.value
        }
        return .object(result)
    }

    private static func impersonation(_ user: KubeconfigField) throws -> [HTTPHeader] {
        var headers: [HTTPHeader] = []
        if let name = try user.string("as") { headers.append(HTTPHeader("Impersonate-User", name)) }
        if let uid = try user.string("as-uid") { headers.append(HTTPHeader("Impersonate-Uid", uid)) }
        headers += try user.strings("as-groups").map { HTTPHeader("Impersonate-Group", $0) }
        if let extra = try user.field("as-user-extra") {
            for key in extra.value.object?.keys ?? [] {
                let name = "Impersonate-Extra-\(RequestPath.encode(key.lowercased()))"
                headers += try extra.strings(key).map { HTTPHeader(name, $0) }
            }
        }
        if !headers.isEmpty, headers.first?.name != "Impersonate-User" {
            throw user.error("impersonating a UID, groups or extras requires a user as well", at: "as")
        }
        return headers
    }
}
