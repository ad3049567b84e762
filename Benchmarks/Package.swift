// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that no measurement slows the build of the product. It is built with -c release:
//
//   hack/bench.sh [NAME...]
let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "sluice", path: "..")],
    targets: [
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                .product(name: "GangQueue", package: "sluice"),
                .product(name: "KubernetesClient", package: "sluice"),
                .product(name: "PipelineEngine", package: "sluice"),
                .product(name: "Simulator", package: "sluice"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"), .treatAllWarnings(as: .error),
            ])
    ]
)
