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

func module(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

/// The tests of the module of that name; of no module by itself where `testsModule` is false.
func tests(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil, testsModule: Bool = true
) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: (testsModule ? [.byName(name: name)] : []) + ["SeededRandom"] + dependencies,
        resources: resources, swiftSettings: settings)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

let package = Package(
    name: "sluice",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .library(name: "KubernetesClient", targets: ["JSON", "KubernetesModel", "Clocks", "KubernetesClient"]),
        .library(name: "KubernetesRuntime", targets: ["KubernetesRuntime"]),
        // For Benchmarks, a package of its own.
        .library(name: "PipelineEngine", targets: ["JSON", "KubernetesModel", "CEL", "SluiceAPI", "PipelineEngine"]),
        .library(name: "GangQueue", targets: ["KubernetesModel", "GangQueue"]),
        .library(name: "Simulator", targets: ["Simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.5.1"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CProcess"),
        .systemLibrary(name: "CThread"),
        .target(name: "CStarter"),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Values, time, schemas, documents: pure.
        module("JSON"),
        module("KubernetesModel", ["JSON"]),
        module("KubernetesSchema", ["JSON", "KubernetesModel"]),
        module("CronSchedule", ["KubernetesModel"]),
        module("YAML", ["JSON", "KubernetesModel", .product(name: "Yams", package: "Yams")]),
        module("CEL", ["JSON", "KubernetesSchema"]),

        // Waiting, threads and time, for what does I/O.
        module("AsyncPrimitives", ["CThread"]),
        module("Clocks", ["KubernetesModel"]),
        module("ZoneInfo", ["CronSchedule"]),

        // What client-go and controller-runtime are for Go. They know nothing of Sluice.
        module("CurlHTTP", ["CLibcurl", "AsyncPrimitives"]),
        module(
            "KubernetesClient", ["JSON", "KubernetesModel", "YAML", "AsyncPrimitives", "Clocks", "CurlHTTP", log]),
        module(
            "KubernetesRuntime",
            [
                "JSON", "KubernetesModel", "AsyncPrimitives", "Clocks", "KubernetesClient", log, metrics, deque, heap,
            ]),
        module("SeededRandom"),
        module("LoopbackTesting", ["AsyncPrimitives"]),
        module("KubernetesTesting", ["KubernetesModel", "Clocks", "SeededRandom"]),
        module("PrometheusMetrics", [metrics]),

        // TLS, listener, limits: the only importer of Hummingbird and NIO.
        module(
            "HTTPServing",
            [
                "COpenSSL", log, nioCore, nioPosix, .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),

        // How a process that runs for ever is looked after.
        module("Monitoring", ["AsyncPrimitives", "HTTPServing", "PrometheusMetrics", "KubernetesRuntime", log]),

        // Sluice's resources and decisions: pure.
        module("SluiceAPI", ["JSON", "KubernetesModel", "KubernetesSchema", "CEL", "CronSchedule"]),
        module("SluiceLint", ["JSON", "KubernetesModel", "SluiceAPI", "YAML"]),
        module("AdmissionWebhook", ["JSON", "KubernetesModel", "SluiceAPI"]),
        module("PipelineEngine", ["JSON", "KubernetesModel", "KubernetesSchema", "CEL", "SluiceAPI", heap]),
        module("GangQueue", ["KubernetesModel", heap]),
        module("Scheduling", ["JSON", "KubernetesModel", "SluiceAPI", "CronSchedule"]),
        module("Queueing", ["JSON", "KubernetesModel", "SluiceAPI", "PipelineEngine", "GangQueue"]),
        module(
            "Simulator",
            [
                "JSON", "KubernetesModel", "SluiceAPI", "PipelineEngine", "GangQueue", "Queueing", "CronSchedule",
                "Scheduling", heap,
            ]),
        module("RunDisplay", ["JSON", "KubernetesModel", "SluiceAPI", "PipelineEngine"]),

        module(
            "WebhookServing",
            [
                "JSON", "KubernetesModel", "AsyncPrimitives", "Clocks", "KubernetesClient", "HTTPServing", "Monitoring",
                "AdmissionWebhook", log,
            ]),
        module(
            "SluiceOperator",
            [
                "JSON", "KubernetesModel", "AsyncPrimitives", "Clocks", "KubernetesClient", "KubernetesRuntime",
                "SluiceAPI", "PipelineEngine", "GangQueue", "Queueing", "CronSchedule", "Scheduling", "ZoneInfo",
                "AdmissionWebhook", "WebhookServing", "Monitoring", "PrometheusMetrics", log, metrics,
            ]),

        // Sluice with no cluster at all.
        module(
            "EmbeddedAPIServer",
            [
                "JSON", "KubernetesModel", "KubernetesSchema", "CEL", "YAML", "AsyncPrimitives", "Clocks",
                "HTTPServing", "CSQLite", log, deque,
            ]),
        module(
            "ProcessNode",
            [
                "JSON", "KubernetesModel", "AsyncPrimitives", "Clocks", "CurlHTTP", "KubernetesClient",
                "KubernetesRuntime", "CProcess", "CStarter", log,
            ]),
        module(
            "LocalCluster",
            [
                "JSON", "KubernetesModel", "YAML", "CurlHTTP", "KubernetesClient", "HTTPServing", "EmbeddedAPIServer",
                "ProcessNode", log,
            ]),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "SluiceOperator", "LocalCluster", "EmbeddedAPIServer", "AdmissionWebhook", "Queueing",
                "KubernetesRuntime", "KubernetesClient",
                "KubernetesModel", "AsyncPrimitives", "Clocks", "CurlHTTP", "RunDisplay",
                "JSON", "SluiceAPI", "SluiceLint", "PipelineEngine", "Simulator", "YAML", "CronSchedule", "Scheduling",
                "ZoneInfo", "Monitoring",
                log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),

        tests("JSON"),
        tests("KubernetesModel", ["JSON"]),
        tests("KubernetesSchema", ["JSON", "KubernetesModel"]),
        tests("CronSchedule", ["KubernetesModel", "ZoneInfo"]),
        tests("YAML", ["JSON", "KubernetesModel"]),
        tests("CEL", ["JSON"]),
        tests("AsyncPrimitives"),
        tests("Clocks", ["KubernetesModel"]),
        tests("ZoneInfo", ["CronSchedule", "KubernetesModel"]),
        tests("CurlHTTP", ["LoopbackTesting"], resources: [.copy("Resources")]),
        tests(
            "KubernetesClient", ["Clocks", "CurlHTTP", "JSON", "KubernetesModel", "LoopbackTesting", log],
            resources: [.copy("Resources")]),
        tests(
            "KubernetesRuntime",
            [
                "AsyncPrimitives", "Clocks", "CurlHTTP", "JSON", "KubernetesModel", "KubernetesClient",
                "KubernetesTesting", log, metrics, metricsTestKit,
            ],
            resources: [.copy("Resources")]),
        tests("HTTPServing", ["COpenSSL", log, nioCore, nioPosix]),
        tests("PrometheusMetrics", [metrics]),
        tests("Monitoring", ["HTTPServing", "KubernetesRuntime", "LoopbackTesting", "PrometheusMetrics", log]),
        tests("SluiceAPI", ["CEL", "JSON", "KubernetesModel", "KubernetesSchema", "YAML"]),
        tests("SluiceLint", ["JSON", "KubernetesModel", "SluiceAPI", "YAML"]),
        tests("AdmissionWebhook", ["JSON", "KubernetesModel"]),
        tests("PipelineEngine", ["JSON", "KubernetesModel", "SluiceAPI"], resources: [.copy("Resources")]),
        tests("GangQueue", ["KubernetesModel"]),
        tests("Scheduling", ["CronSchedule", "JSON", "KubernetesModel", "SluiceAPI"]),
        tests("Queueing", ["GangQueue", "JSON", "KubernetesModel", "PipelineEngine", "SluiceAPI", "YAML"]),
        tests(
            "Simulator",
            ["CronSchedule", "GangQueue", "JSON", "KubernetesModel", "Queueing", "SluiceAPI", "YAML"]),
        tests("RunDisplay", ["JSON", "KubernetesModel", "PipelineEngine", "SluiceAPI"]),
        tests(
            "WebhookServing",
            [
                "AdmissionWebhook", "CurlHTTP", "HTTPServing", "JSON", "KubernetesModel", "KubernetesTesting",
                "Monitoring", log,
            ]),
        tests(
            "SluiceOperator",
            [
                "Clocks", "JSON", "KubernetesModel", "KubernetesClient", "KubernetesRuntime", "KubernetesTesting",
                "PrometheusMetrics", "SluiceAPI", log,
            ]),
        tests(
            "EmbeddedAPIServer",
            [
                "AsyncPrimitives", "Clocks", "JSON", "KubernetesModel", "KubernetesSchema", "KubernetesClient",
                "KubernetesRuntime", "HTTPServing", log,
            ],
            resources: [.copy("Resources")]),
        tests("ProcessNode", ["JSON", "KubernetesModel", "AsyncPrimitives", "Clocks", "CStarter", "LoopbackTesting"]),
        tests(
            "EndToEnd",
            [
                "sluice", "CurlHTTP", "JSON", "KubernetesModel", "KubernetesClient", "KubernetesRuntime",
                "LoopbackTesting", "SluiceAPI", log,
            ],
            resources: [.copy("Resources")], testsModule: false),
    ]
)
