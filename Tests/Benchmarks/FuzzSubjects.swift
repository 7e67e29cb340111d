import ApusFuzz

extension SubjectGroup {
  /// How fast graphs of five ops are drawn and judged, by what is asked of them.
  static func fuzzing() -> SubjectGroup {
    let count = 50
    func subject(_ name: String, _ oracles: Set<Oracle>?) -> Subject {
      Subject("fuzz-\(name)", .items(Double(count), "test"), threads: [1]) { _ in
        let judge = Judge(oracles: oracles ?? [])
        return {
          var generator = GraphGenerator()
          for seed in 0..<UInt64(count) {
            let module = generator.module(seed: seed, ops: 5)
            if oracles != nil { _ = try? judge.judge(FuzzCase(module, seed: seed)) }
          }
        }
      }
    }
    return SubjectGroup(
      "fuzzing",
      [
        subject("draw", nil), subject("text", [.verifier, .text]), subject("passes", [.passes]),
        subject("compile", [.compile]), subject("code", [.compile, .code, .threads, .replay, .inputs, .plan]),
        subject("loops", [.compile, .loops]), subject("all", Set(Oracle.allCases)),
      ])
  }
}
