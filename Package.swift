// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The LLVM headers are reached through symlinks in the C target's own include folder, so that Apus
// needs neither unsafeFlags nor environment variables and can be used as a versioned dependency.
// `APUS_LLVM=22` overrides the version that is looked for.
let llvm =
  Context.environment["APUS_LLVM"]
  ?? (FileManager.default.fileExists(atPath: "/usr/include/llvm-c-19") ? "19" : "22")

// `APUS_PLANTED_BUGS=1` builds a compiler with bugs to choose from, to measure the fuzzer with; see `PlantedBug`.
let plantedBugs: [SwiftSetting] =
  Context.environment["APUS_PLANTED_BUGS"] == nil ? [] : [.define("APUS_PLANTED_BUGS")]

func library(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude)
}

let package = Package(
  name: "Apus",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Apus", targets: ["Apus"]),
    // What passes are written with.
    .library(name: "ApusCompiler", targets: ["ApusCompiler", "ApusIR", "ApusPasses", "ApusSupport", "ApusTensor"]),
    .executable(name: "apus", targets: ["ApusCommand"]),
    .executable(name: "specgen", targets: ["SpecGen"]),
    // For tests alone: a library that is opened at run time, and does everything wrong.
    .library(name: "FaultySolver", type: .dynamic, targets: ["FaultySolver"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // C
    .target(
      name: "CLLVM", path: "Sources/CLLVM\(llvm)", sources: ["shim.c"],
      publicHeadersPath: "include"),
    .systemLibrary(name: "CFFI", path: "Sources/CFFI", providers: [.apt(["libffi-dev"])]),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "ApusRuntimeABI"),
    .target(name: "CCoverage"),
    .target(name: "CSolver"),

    // Foundations
    .target(name: "ApusSupport", swiftSettings: plantedBugs),
    library("ApusTensor", ["ApusSupport", "CZlib"]),
    library("ApusTarget", ["ApusSupport"]),
    library("ApusSpec", ["ApusSupport"]),

    // IR and frontends
    library("ApusIR", ["ApusSupport", "ApusTensor"]),
    library("ApusInterpreter", ["ApusIR", "ApusTensor", "ApusSupport"]),
    library("ApusGraph", ["ApusIR", "ApusTensor", "ApusSupport"]),
    library("ApusONNX", ["ApusIR", "ApusTensor", "ApusSupport"]),

    // Compiler
    library("ApusPasses", ["ApusIR", "ApusInterpreter", "ApusTarget", "ApusTensor", "ApusSupport"]),
    library("ApusMemory", ["ApusSupport", "CSolver"]),
    library("ApusBuffers", ["ApusIR", "ApusMemory", "ApusTensor", "ApusSupport"]),
    library("ApusSchedule", ["ApusIR", "ApusTarget", "ApusTensor", "ApusSupport"]),
    library(
      "ApusLLVM",
      ["ApusIR", "ApusTarget", "ApusRuntimeABI", "CLLVM", "ApusTensor", "ApusSupport"]),

    // Running
    library("ApusRuntime", ["ApusRuntimeABI", "ApusTensor", "ApusSupport", "CFFI"]),
    library(
      "ApusCompiler",
      [
        "ApusSupport", "ApusTensor", "ApusTarget", "ApusIR", "ApusInterpreter", "ApusGraph", "ApusONNX",
        "ApusPasses", "ApusMemory", "ApusBuffers", "ApusSchedule", "ApusLLVM", "ApusRuntime",
      ]),
    library("Apus", ["ApusCompiler", "ApusGraph", "ApusTensor", "ApusRuntime", "ApusSupport"]),

    library(
      "ApusFuzz",
      [
        "ApusCompiler", "ApusPasses", "ApusInterpreter", "ApusIR", "ApusRuntime", "ApusONNX", "ApusTarget", "ApusTensor",
        "ApusSupport", "CCoverage",
      ],
      plantedBugs),

    // Commands
    .executableTarget(
      name: "ApusCommand",
      dependencies: [
        "Apus", "ApusCompiler", "ApusFuzz", "ApusMemory", "ApusPasses", "ApusIR", "ApusONNX", "ApusTensor", "ApusTarget",
        "ApusSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "SpecGen", dependencies: ["ApusSpec", "ApusSupport"]),

    // Examples: what users write
    .executableTarget(name: "MLPExample", dependencies: ["Apus"], path: "Examples/mlp"),
    .executableTarget(name: "CustomOpExample", dependencies: ["Apus"], path: "Examples/custom-op"),
    .executableTarget(name: "MagikaExample", dependencies: ["Apus"], path: "Examples/magika/Sources"),
    .executableTarget(name: "MiniLMExample", dependencies: ["Apus"], path: "Examples/minilm/Sources"),

    // Measurements, run by hand: `swift run -c release Benchmarks`
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "ApusBuffers", "ApusCompiler", "ApusFuzz", "ApusGraph", "ApusIR", "ApusLLVM", "ApusMemory", "ApusONNX", "ApusRuntime",
        "ApusTarget", "ApusTensor", "ApusSupport", "NetworkShapes",
      ],
      path: "Tests/Benchmarks"),

    // Proofs of the planted bugs, run by hand; see "Planted bugs" in `IR-specs/fuzzing.md`
    .executableTarget(
      name: "PlantedWitnesses",
      dependencies: ["ApusCompiler", "ApusFuzz", "ApusIR", "ApusPasses", "ApusRuntime", "ApusTensor", "ApusSupport"],
      path: "Tests/PlantedWitnesses", swiftSettings: plantedBugs),

    // Tests
    .target(name: "OpCases", dependencies: ["ApusFuzz", "ApusIR", "ApusTensor", "ApusSupport"], path: "Tests/OpCases"),
    tests(
      "DifferentialTests",
      [
        "OpCases", "ApusCompiler", "ApusFuzz", "ApusRuntime", "ApusInterpreter", "ApusGraph", "ApusIR", "ApusTarget",
        "ApusTensor", "ApusSupport",
      ]),
    tests("SupportTests", ["ApusSupport"]),
    tests("PlantedTests", ["ApusSupport"], exclude: ["Witnesses", "measure.sh", "survey.sh"]),
    tests("TensorTests", ["ApusTensor", "ApusSupport"], exclude: ["Fixtures"]),
    tests("TargetTests", ["ApusTarget", "ApusSupport"]),
    tests("SpecTests", ["ApusSpec", "ApusSupport"]),
    tests("IRTests", ["ApusIR", "ApusTensor", "ApusSupport"]),
    tests("InterpreterTests", ["OpCases", "ApusInterpreter", "ApusGraph", "ApusIR", "ApusTensor"]),
    tests("GraphTests", ["ApusGraph", "ApusInterpreter", "ApusIR", "ApusTensor", "ApusSupport"]),
    tests(
      "ONNXTests",
      ["OpCases", "ApusONNX", "ApusCompiler", "ApusFuzz", "ApusInterpreter", "ApusIR", "ApusTensor", "ApusSupport"]),
    tests("PassesTests", ["ApusFuzz", "ApusPasses", "ApusInterpreter", "ApusGraph", "ApusIR", "ApusTensor"]),
    .target(name: "NetworkShapes", dependencies: ["ApusMemory", "ApusSupport"], path: "Tests/NetworkShapes"),
    .target(name: "FaultySolver", path: "Tests/FaultySolver"),
    tests("MemoryTests", ["NetworkShapes", "ApusMemory", "ApusSupport"]),
    tests(
      "ScheduleTests",
      ["ApusSchedule", "ApusInterpreter", "ApusIR", "ApusTarget", "ApusTensor", "ApusSupport"]),
    tests(
      "LLVMTests",
      ["ApusLLVM", "ApusInterpreter", "ApusIR", "ApusTarget", "ApusTensor", "ApusRuntimeABI", "ApusSupport"]),
    tests("RuntimeTests", ["ApusRuntime", "ApusRuntimeABI", "ApusTensor", "ApusSupport"]),
    tests(
      "CompilerTests",
      [
        "ApusCompiler", "Apus", "ApusIR", "ApusPasses", "ApusInterpreter", "ApusMemory", "ApusRuntime", "ApusTarget",
        "ApusTensor", "ApusSupport",
      ]),
    tests(
      "FuzzTests",
      ["ApusFuzz", "ApusCompiler", "ApusInterpreter", "ApusIR", "ApusPasses", "ApusRuntime", "ApusTensor", "ApusSupport"]),
    tests("CommandTests", ["ApusCommand", "ApusTensor", "ApusSupport"]),
    tests("ConformanceTests", ["ApusCommand"], exclude: ["floor.json"]),
    tests("FileTests", ["ApusCommand", "ApusCompiler", "Apus", "ApusIR", "ApusSupport"]),
    tests("ArchitectureTests", ["ApusSpec", "ApusIR", "ApusTensor"]),
  ]
)
