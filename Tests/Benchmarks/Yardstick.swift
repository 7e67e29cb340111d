import ApusCompiler
import ApusTarget

extension Yardstick {
  /// What work of that kind is held against; nil where it is held against nothing.
  static func fitting(_ work: Work, machine: Machine, threads: Int) throws -> Yardstick? {
    switch work {
    case .flops: try arithmetic(on: machine, threads: threads)
    case .bytes(let bytes): try copy(bytes: bytes, on: machine, threads: threads)
    case .items: nil
    }
  }
}
