// swift-tools-version: 6.2
import PackageDescription

// Every target is built in Swift 6 language mode with warnings as errors. The arrows between the targets are the ones of
// CONTRIBUTING.md; a dependency that is not listed here is a wall, not an oversight.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

/// The tests of the module of that name; of no module by itself where `testsModule` is false.
func tests(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil, testsModule: Bool = true
) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: (testsModule ? [.byName(name: name)] : []) + dependencies,
        resources: resources, swiftSettings: settings)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let hummingbird = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")

let package = Package(
    name: "sluice",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .library(name: "KubernetesClient", targets: ["KubernetesModel", "KubernetesClient"]),
        .library(name: "KubernetesRuntime", targets: ["KubernetesRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.5.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CProcess"),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        module("KubernetesModel", []),
        module("YAMLReader", ["KubernetesModel", .product(name: "Yams", package: "Yams")]),
        module("CurlHTTP", ["CLibcurl"]),
        module("KubernetesClient", ["KubernetesModel", "YAMLReader", "CurlHTTP", log]),
        module("KubernetesRuntime", ["KubernetesModel", "KubernetesClient", log]),
        module("TLSServer", ["COpenSSL", log, nioCore, hummingbird]),

        module("SluiceAPI", ["KubernetesModel", "YAMLReader", "Expressions"]),
        module("Expressions", ["KubernetesModel"]),
        module("PipelineEngine", ["KubernetesModel", "SluiceAPI", "Expressions"]),

        module(
            "SluiceOperator",
            ["KubernetesModel", "KubernetesClient", "KubernetesRuntime", "SluiceAPI", "PipelineEngine", log]),
        module(
            "LocalCluster",
            [
                "KubernetesModel", "YAMLReader", "CurlHTTP", "KubernetesClient", "KubernetesRuntime", "TLSServer",
                "CSQLite", "CProcess", log, nioCore, nioPosix, hummingbird,
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "SluiceOperator", "LocalCluster", "KubernetesRuntime", "KubernetesClient", "KubernetesModel",
                "SluiceAPI",
                "PipelineEngine", "YAMLReader", log, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),

        tests("KubernetesModel"),
        tests("YAMLReader", ["KubernetesModel"]),
        tests("CurlHTTP", resources: [.copy("Resources")]),
        tests("KubernetesClient", ["CurlHTTP", "KubernetesModel", log], resources: [.copy("Resources")]),
        tests("SluiceAPI", ["KubernetesModel", "YAMLReader"]),
        tests("Expressions", ["KubernetesModel"]),
        tests("PipelineEngine", ["KubernetesModel", "SluiceAPI"], resources: [.copy("Resources")]),
        tests("SluiceOperator", ["KubernetesModel", "KubernetesClient", "KubernetesRuntime", "SluiceAPI", log]),
        tests(
            "EndToEnd",
            ["sluice", "KubernetesModel", "KubernetesClient", "KubernetesRuntime", "SluiceAPI", log],
            resources: [.copy("Resources")], testsModule: false),
        tests("TLSServer", ["COpenSSL", nioCore, nioPosix]),
        tests(
            "LocalCluster", ["KubernetesModel", "KubernetesClient", "KubernetesRuntime", "TLSServer", log],
            resources: [.copy("Resources")]),
        tests("KubernetesRuntime", ["KubernetesModel", "KubernetesClient", log], resources: [.copy("Resources")]),
    ]
)
