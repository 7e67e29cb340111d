import ApusSupport
import ApusTensor
import Foundation
import Testing

@Suite struct TensorFileTests {
  @Test func theEndingPicksTheFormat() throws {
    try withTemporaryFolder { folder in
      let tensor = Tensor([1, 2, 3] as [Float])
      for ending in ["npy", "npz", "NPZ", "safetensors"] {
        let path = "\(folder)/x.\(ending)"
        try TensorFile.write([("a", tensor)], path: path)
        #expect(try TensorFile.load(path: path) == tensor)
        #expect(try TensorFile(path: path).names == (ending == "npy" ? [] : ["a"]))
        if ending != "npy" { #expect(try TensorFile.load(path: path, name: "a") == tensor) }
      }
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/x.npy", name: "a") } == "file.array-name")
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/x.npz", name: "b") } == "npz.missing-array")
      for path in ["\(folder)/x.txt", "\(folder)/npz", "\(folder)/a.npz/b", "", "x.npz "] {
        #expect(errorID { _ = try TensorFile.load(path: path) } == "file.format")
        #expect(errorID { try TensorFile.write([("a", tensor)], path: path) } == "file.format")
      }
    }
    #expect(errorID { _ = try TensorFile.load(path: fixture("stored.npz")) } == "file.array-name")
    #expect(try TensorFile.load(path: fixture("stored.npz"), name: "u2").shape == [5])
    #expect(errorID { try TensorFile.write([], path: "/nowhere/x.npy") } == "file.array-name")
  }

  @Test func pathsThatAreNoFiles() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/d.npy", withIntermediateDirectories: false)
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/d.npy") } == "file.not-regular")
      #expect(mkfifo("\(folder)/f.npy", 0o600) == 0)
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/f.npy") } == "file.not-regular")
      #expect(errorID { _ = try FileBytes(path: "/dev/zero") } == "file.not-regular")
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/none.npy") } == "file.missing")
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/d.npy/none.npy") } == "file.missing")
      #expect(errorID { _ = try FileBytes(path: "") } == "file.missing")
      #expect(errorID { _ = try FileBytes(path: "\(folder)/d.npy\0") } == "file.missing")
      try Data().write(to: URL(fileURLWithPath: "\(folder)/empty.npy"))
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/empty.npy") } == "npy.truncated")
      #expect(symlink("loop.npy", "\(folder)/loop.npy") == 0)
      #expect(errorID { _ = try TensorFile.load(path: "\(folder)/loop.npy") } == "file.unreadable")
      if geteuid() != 0 {
        #expect(chmod("\(folder)/empty.npy", 0) == 0)
        #expect(errorID { _ = try TensorFile.load(path: "\(folder)/empty.npy") } == "file.unreadable")
      }
    }
  }

  @Test func writingReplacesWholeFilesOnly() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/x.npy"
      let (old, new) = (Tensor([1, 2, 3] as [Float]), Tensor([4] as [Int8]))
      try NumPyArray.write(old, path: path)
      #expect(chmod(path, 0o640) == 0)
      #expect(symlink("x.npy", "\(folder)/link.npy") == 0)
      let mapped = try NumPyArray.read(path: path)
      try NumPyArray.write(new, path: "\(folder)/link.npy")
      #expect(mapped == old)
      #expect(try NumPyArray.read(path: path) == new)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link.npy") == "x.npy")
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o640)
      let failed = errorID {
        try OutputFile.write(path: path) { file throws(DiagnosticError) in
          try file.write([1, 2, 3])
          throw DiagnosticError(id: "test.stop", "stopped halfway")
        }
      }
      #expect(failed == "test.stop")
      #expect(try NumPyArray.read(path: path) == new)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["link.npy", "x.npy"])
    }
  }

  @Test func placesThatCannotBeWritten() throws {
    try withTemporaryFolder { folder in
      let tensor = Tensor([1] as [Float])
      for path in [folder, "\(folder)/none/x.npy", "", "\(folder)/a\0b"] {
        #expect(errorID { try NumPyArray.write(tensor, path: path) } == "file.unwritable")
      }
      // A device is written, not replaced.
      try NumPyArray.write(tensor, path: "/dev/null")
      #expect(errorID { _ = try FileBytes(path: "/dev/null") } == "file.not-regular")
      #expect(errorID { try NumPyArray.write(tensor, path: "/dev/full") } == "file.unwritable")
    }
  }

  @Test func hostileNamesAreShownHarmlessly() throws {
    let name = "\u{1B}[31m\n" + String(repeating: "x", count: 500)
    let text = try #require(error { _ = try NumPyArchive(path: fixture("zip64.npz")).tensor(named: name) }).message
    #expect(text.count < 200 && !text.unicodeScalars.contains("\u{1B}") && !text.contains("\n"))
  }
}
