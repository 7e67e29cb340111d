// swift-tools-version: 6.0
import PackageDescription

// A package as a user of Apus would write it. `.ci/run` builds and runs it.
let package = Package(
  name: "UserPackage",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Apus", path: "../..")],
  targets: [
    .executableTarget(name: "Double", dependencies: [.product(name: "Apus", package: "Apus")]),
    .executableTarget(name: "OwnPass", dependencies: [.product(name: "ApusCompiler", package: "Apus")]),
  ]
)
