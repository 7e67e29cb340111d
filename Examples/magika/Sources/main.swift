// What is in a file, told from its bytes: Google's Magika.
//
//   pip install --no-deps --target Examples/magika magika==1.0.3
//   swift run -c release MagikaExample README.md Package.swift /bin/sh

import Apus
import Foundation

let example = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
let folder = example + "/magika/models/standard_v3_3"
guard FileManager.default.fileExists(atPath: folder + "/model.onnx") else {
  print(
    """
    The model is not here yet. From the root of the repository:
      pip install --no-deps --target Examples/magika magika==1.0.3
    """)
  exit(1)
}
let paths = CommandLine.arguments.count > 1 ? Array(CommandLine.arguments.dropFirst()) : [#filePath]

do {
  let features = try Features(configuration: folder + "/config.min.json")
  let model = try Model(contentsOf: folder + "/model.onnx")
  for path in paths {
    let bytes: [Int32]
    switch try features.read(path) {
    case .enough(let tokens): bytes = tokens
    case .tooFew(let kind):
      print("\(path): \(kind)")
      continue
    }
    let scores = try model(Tensor(bytes, shape: [1, bytes.count]))[0].values(as: Float.self)
    let (kind, score) = features.kind(of: scores)
    print("\(path): \(kind) (\(String(format: "%.1f", score * 100)) %)")
  }
} catch {
  print(error)
  exit(1)
}
