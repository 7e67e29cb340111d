import ApusTensor
import Foundation
import Testing

/// Python with NumPy, where there is one.
enum NumPy {
  static let isPresent = run("import numpy", [])?.status == 0

  static func run(_ script: String, _ arguments: [String]) -> (status: Int32, output: String)? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

/// What NumPy itself says of our files.
@Suite(.enabled(if: NumPy.isPresent, "needs python3 with NumPy")) struct NumPyInteroperabilityTests {
  @Test func numPyReadsOurArchives() throws {
    try withTemporaryFolder { folder in
      try NumPyArchive.write(sampleTensors, path: "\(folder)/x.npz")
      let script = """
        import hashlib, sys, zipfile, numpy as np
        assert zipfile.ZipFile(sys.argv[1]).testzip() is None
        for name, a in np.load(sys.argv[1]).items():
          print(ascii(name), a.dtype.str, list(a.shape), hashlib.sha256(a.tobytes()).hexdigest())
        """
      let result = try #require(NumPy.run(script, ["\(folder)/x.npz"]))
      #expect(result.status == 0)
      let lines = result.output.split(separator: "\n").map(String.init)
      let codes = [
        "<f4", "<f8", "<f2", "|V2", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1", "<f4",
      ]
      #expect(lines.count == sampleTensors.count)
      for (line, (code, sample)) in zip(lines, zip(codes, sampleTensors)) {
        #expect(line.hasSuffix("\(code) \(sample.tensor.shape) \(sample.tensor.sha256)"))
      }
      #expect(lines.last?.hasPrefix(#"'r\xe4ume/0 "weight"\\\n'"#) == true)
    }
  }

  @Test func numPyRewritesOurArraysForUs() throws {
    try withTemporaryFolder { folder in
      let samples = sampleTensors.filter { $0.tensor.elementType != .bf16 }
      for (index, sample) in samples.enumerated() {
        try NumPyArray.write(sample.tensor, path: "\(folder)/\(index)-in.npy")
      }
      let script = """
        import sys, numpy as np
        for i in range(int(sys.argv[2])):
          a = np.load(f'{sys.argv[1]}/{i}-in.npy')
          np.save(f'{sys.argv[1]}/{i}-out.npy', np.array(a, a.dtype.newbyteorder('>'), order='F'))
        """
      #expect(NumPy.run(script, [folder, "\(samples.count)"])?.status == 0)
      for (index, sample) in samples.enumerated() {
        #expect(try NumPyArray.read(path: "\(folder)/\(index)-out.npy") == sample.tensor)
      }
    }
  }
}
