import ApusIR
import ApusSupport
import ApusTensor
import Foundation
import Testing

@testable import ApusFuzz

/// Programs that are judged: scripts that answer every request alike.
@Suite struct TargetTests {
  private final class Scratch {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-target-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A target that does `body` for each request, with the folders of tensors in `$inputs` and `$outputs`.
  private func judge(_ body: String, timeout: Duration = .seconds(60)) throws -> Judge {
    let script = scratch.path + "/tool"
    try """
      #!/bin/sh
      tab=$(printf '\\t')
      while IFS="$tab" read -r verb model inputs outputs; do
        \(body)
      done
      """.write(toFile: script, atomically: true, encoding: .utf8)
    var target = Target("sh \(script)")
    (target.timeout, target.firstTimeout) = (timeout, timeout)
    let start = ContinuousClock.now
    return Judge(target: TargetJudge(target, folder: scratch.path + "/work") { ContinuousClock.now - start })
  }

  private func module(_ op: String) throws -> FuzzCase {
    let text = """
      apus-ir 1

      func @f(%x: s32[2]) -> s32[2] {
        %0: s32[2] = reverse %x, axes: [0]
        %1: s32[2] = \(op)
        return %1
      }
      """
    return FuzzCase(try Module.parse(SourceText(name: "f.ir", text: text)), seed: 3)
  }

  /// It gives back its first input.
  private let copies = "cp $inputs/input_0.pb $outputs/output_0.pb; echo '@@ ok'"

  @Test func whatAgreesIsNoFailure() throws {
    let failure = try judge(copies).judge(module("reverse %0, axes: [0]"))
    #expect(failure == nil, "\(failure?.detail ?? "")")
  }

  @Test func aLieIsFound() throws {
    let failure = try #require(try judge(copies).judge(module("neg %0")))
    // It has one result for several when it is asked for the results of each op.
    #expect(failure.key == "target:result of all together" && failure.detail.hasPrefix("result 0: element "), "\(failure)")
    let more = "cp $inputs/input_0.pb $outputs/output_1.pb; \(copies)"
    let key = try judge(more).judge(module("neg %0"))?.key
    #expect(["target:result reverse", "target:result neg"].contains(key))
  }

  @Test func errorsAreToldApartByTheOperatorThatTheyName() throws {
    let message = "echo '@@ error status 1 while running Neg node. Name:'"
    let failure = try judge(message).judge(module("neg %0"))
    #expect(failure?.key == "target:error Neg" && failure?.detail == "status 1 while running Neg node. Name:")
    let own = "echo \"@@ error m.onnx: error[x]: node 'n' (Slice, opset 21): no\""
    #expect(try judge(own).judge(module("neg %0"))?.key == "target:error Slice")
    #expect(try judge("echo noise; echo '@@ error'").judge(module("neg %0"))?.key == "target:error")
  }

  @Test func whatIsNotSupportedSaysNothing() throws {
    let judge = try judge("echo '@@ unsupported no such type'")
    let error = #expect(throws: DiagnosticError.self) { try judge.judge(module("neg %0")) }
    #expect(error?.diagnostics.map(\.id) == ["target.unsupported"])
  }

  @Test func crashesAndHangsCostOneModel() throws {
    let once = "[ -e \(scratch.path)/once ] || { touch \(scratch.path)/once; echo gone >&2; kill -9 $$; }; \(copies)"
    let judge = try judge(once)
    let crash = try #require(try judge.judge(module("reverse %0, axes: [0]")))
    #expect(crash.key == "target:crash" && crash.detail.hasSuffix("\ngone\n"), "\(crash)")
    #expect(try judge.judge(module("reverse %0, axes: [0]")) == nil)
    let slow = try self.judge("sleep 100", timeout: .milliseconds(50))
    #expect(try slow.judge(module("neg %0"))?.key == "target:hang")
  }

  @Test func aTargetThatDoesNotRunIsRefused() throws {
    let start = ContinuousClock.now
    let judge = TargetJudge(Target("/no/such/tool"), folder: scratch.path) { ContinuousClock.now - start }
    let error = #expect(throws: DiagnosticError.self) { try judge.checkThatItRuns() }
    #expect(error?.diagnostics.map(\.id) == ["fuzz.target"])
    #expect(error?.diagnostics[0].message.contains("/no/such/tool") == true)
  }
}
