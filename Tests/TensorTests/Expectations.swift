import ApusSupport
import ApusTensor
import Foundation
import Synchronization

/// The id of the first diagnostic that `body` throws; nil when it does not throw, "?" for another error.
func errorID(_ body: () throws -> Void) -> String? { error(body)?.id }

/// The first diagnostic that `body` throws.
func error(_ body: () throws -> Void) -> Diagnostic? {
  do { try body() } catch let error as DiagnosticError { return error.diagnostics.first } catch {
    return Diagnostic(id: "?", "\(error)")
  }
  return nil
}

final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func increment() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}

/// The path of a committed file; `Fixtures/generate.py` says how they came about.
func fixture(_ name: String, file: String = #filePath) -> String {
  URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

func contents(_ path: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: path))) }

/// A folder that is gone when `body` returns.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// One tensor of every element type, and the shapes that readers get wrong: scalar, empty, high rank.
let sampleTensors: [(name: String, tensor: Tensor)] = [
  ("f32", Tensor([0, -0.0, 1.5, .infinity, .nan, .leastNonzeroMagnitude] as [Float], shape: [2, 3])),
  ("f64", Tensor([1, -2, .greatestFiniteMagnitude] as [Double])),
  ("f16", Tensor([1, -2.5, 65504, .nan, 6e-8] as [Float16])),
  ("bf16", Tensor([BFloat16(1 as Float), BFloat16(-3e38 as Float)], shape: [1, 2, 1])),
  ("s8", Tensor([-128, 127, 0] as [Int8])),
  ("s16", Tensor([.min, .max] as [Int16], shape: [2, 1])),
  ("s32", Tensor(scalar: Int32.min)),
  ("s64", Tensor([.min, .max, 0] as [Int64])),
  ("u8", Tensor((0...255).map { UInt8($0) }, shape: [16, 16])),
  ("u16", Tensor([1, .max] as [UInt16])),
  ("u32", Tensor([UInt32](), shape: [3, 0, 2])),
  ("u64", Tensor(scalar: UInt64.max)),
  ("bool", Tensor([true, false, true])),
  ("räume/0 \"weight\"\\\n", Tensor([Float](repeating: 0.25, count: 8), shape: [1, 1, 2, 1, 2, 1, 2])),
]
