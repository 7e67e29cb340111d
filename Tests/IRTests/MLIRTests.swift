import Foundation
import Testing

@testable import ApusIR

private let optimizer = ["/usr/bin/mlir-opt-19", "/usr/lib/llvm-19/bin/mlir-opt"].first {
  FileManager.default.isExecutableFile(atPath: $0)
}

@Test func genericSyntax() throws {
  let module = try parsed(CanonicalText.load("canonical-graph.ir"))
  let text = module.mlir()
  #expect(text.hasPrefix("\"builtin.module\"() ({\n"))
  #expect(
    text.contains(
      "%3 = \"apus.matmul\"(%0, %1) {result_types = [\"f32[B, 10]\"]} : "
        + "(tensor<?x784xf32>, tensor<784x10xf32>) -> tensor<?x10xf32>"))
}

@Test(.enabled(if: optimizer != nil), arguments: CanonicalText.names) func mlirAcceptsIt(_ name: String) throws {
  let text = try parsed(CanonicalText.load(name)).mlir()
  let process = Process()
  process.executableURL = URL(fileURLWithPath: optimizer ?? "")
  process.arguments = ["--allow-unregistered-dialect", "-o", "/dev/null"]
  let (input, errors) = (Pipe(), Pipe())
  process.standardInput = input
  process.standardError = errors
  try process.run()
  input.fileHandleForWriting.write(Data(text.utf8))
  try input.fileHandleForWriting.close()
  let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(complaint)\n\(text)")
}
