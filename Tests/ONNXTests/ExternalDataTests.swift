@testable import ApusONNX
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Data of tensors that lies beside the model, and data that has other forms than `raw_data`.
@Suite struct ExternalDataTests {
  private func proto(_ location: String, offset: String? = nil, length: String? = nil) throws -> TensorProto {
    var tensor = WireWriter()
    tensor.integer(1, 2)
    tensor.integer(2, 1)
    tensor.text(8, "w")
    for (key, value) in [("location", location), ("offset", offset), ("length", length)] {
      guard let value else { continue }
      var entry = WireWriter()
      entry.text(1, key)
      entry.text(2, value)
      tensor.message(13, entry)
    }
    tensor.integer(14, 1)
    return try TensorProto(WireReader(FileBytes(name: "m.onnx", bytes: tensor.bytes)))
  }

  /// A folder with a model's data, and one beside it that is none of the model's business.
  private func inFolder(_ body: (String) throws -> Void) throws {
    let root = NSTemporaryDirectory() + "external-\(UUID().uuidString)"
    let files = FileManager.default
    try files.createDirectory(atPath: root + "/model/sub", withIntermediateDirectories: true)
    defer { try? files.removeItem(atPath: root) }
    let bytes = [1, 2, 3, 4].flatMap { value in withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { Array($0) } }
    for path in ["/secret.bin", "/model/w.bin", "/model/sub/w.bin"] {
      #expect(files.createFile(atPath: root + path, contents: Data(bytes)))
    }
    try files.createSymbolicLink(atPath: root + "/model/link.bin", withDestinationPath: "../secret.bin")
    try files.createSymbolicLink(atPath: root + "/model/folder", withDestinationPath: "..")
    try body(root)
  }

  @Test func dataIsReadWhereItLies() throws {
    try inFolder { root in
      let data = ExternalData(modelPath: root + "/model/m.onnx")
      #expect(try data.tensor(proto("w.bin", length: "8")).values(as: Float.self) == [1, 2])
      #expect(try data.tensor(proto("sub/w.bin", offset: "8")).values(as: Float.self) == [3, 4])
      let first = try data.tensor(proto("./w.bin", offset: "4", length: "8"))
      let second = try data.tensor(proto("w.bin", offset: "4", length: "8"))
      #expect(first.withUnsafeBytes { $0.baseAddress } == second.withUnsafeBytes { $0.baseAddress })
    }
  }

  @Test func nothingLeadsOutOfTheFolder() throws {
    try inFolder { root in
      let data = ExternalData(modelPath: root + "/model/m.onnx")
      let locations = [
        "../secret.bin", "sub/../../secret.bin", "/etc/passwd", "link.bin", "folder/secret.bin", "folder/model/w.bin", "", ".", "sub",
        "gone.bin", "w.bin/x", "..\\secret.bin", "w.bin\u{0}",
      ]
      for location in locations {
        let error = #expect(throws: DiagnosticError.self, "\(location)") { try data.tensor(proto(location, length: "8")) }
        #expect(error?.diagnostics.first?.id == "onnx.external")
        #expect(error?.description.contains("'w'") == true)
      }
    }
  }

  @Test(arguments: [
    ("-8", "8"), ("9223372036854775807", "8"), ("9223372036854775808", "8"), ("0", "1048576"), ("12", "8"), ("zero", "8"),
    ("1.5", "8"), ("0", "-1"), ("0", ""), ("0", "4"), ("0", "16"),
  ])
  func offsetsAndLengthsLieWithin(_ offset: String, _ length: String) throws {
    try inFolder { root in
      let data = ExternalData(modelPath: root + "/model/m.onnx")
      #expect(throws: DiagnosticError.self) { try data.tensor(proto("w.bin", offset: offset, length: length)) }
    }
  }

  private func sparse(_ values: [Float], _ indices: Tensor, _ dims: [Int64]) throws -> Tensor {
    var message = SparseTensorProto()
    func tensor(_ tensor: Tensor) throws -> TensorProto {
      try TensorProto(WireReader(FileBytes(name: "m.onnx", bytes: TensorProto.encoded(tensor, name: "w"))))
    }
    message.values = try tensor(Tensor(values))
    message.indices = try tensor(indices)
    message.dims = dims
    return try message.tensor(ExternalData(modelPath: "m.onnx"))
  }

  @Test func sparseTensorsAreWrittenOut() throws {
    #expect(try sparse([5, 7], Tensor([1, 5] as [Int64]), [2, 3]).values(as: Float.self) == [0, 5, 0, 0, 0, 7])
    let axes = Tensor([0, 2, 1, 0] as [Int64], shape: [2, 2])
    #expect(try sparse([5, 7], axes, [2, 3]).values(as: Float.self) == [0, 0, 5, 7, 0, 0])
    #expect(try sparse([], Tensor([] as [Int64]), [2]).values(as: Float.self) == [0, 0])
    for wrong in [[-1, 2], [2, 1], [1, 1], [1, 6], [1, .max], [.min, 1]] as [[Int64]] {
      #expect(throws: DiagnosticError.self) { try sparse([5, 7], Tensor(wrong), [2, 3]) }
    }
    #expect(throws: DiagnosticError.self) { try sparse([5], Tensor([1, 5] as [Int64]), [2, 3]) }
    #expect(throws: DiagnosticError.self) { try sparse([5], Tensor([1] as [Int64]), [1 << 20, 1 << 20]) }
    #expect(throws: DiagnosticError.self) { try sparse([5], Tensor([1] as [Int64]), [.max, .max]) }
    #expect(throws: DiagnosticError.self) { try sparse([5], Tensor([0, 3] as [Int64], shape: [1, 2]), [2, 3]) }
  }

  /// A tensor of two elements in the typed field of its data type.
  private func typed(_ dataType: Int64, field: Int, _ values: [Int64]) throws -> Tensor {
    var tensor = WireWriter()
    tensor.integer(1, 2)
    tensor.integer(2, dataType)
    for value in values { tensor.integer(field, value) }
    return try TensorProto(WireReader(FileBytes(name: "m.onnx", bytes: tensor.bytes))).tensor()
  }

  @Test func typedFieldsHoldEveryType() throws {
    #expect(try typed(3, field: 5, [-128, 127]).values(as: Int8.self) == [-128, 127])
    #expect(try typed(2, field: 5, [0, 255]).values(as: UInt8.self) == [0, 255])
    #expect(try typed(5, field: 5, [-32768, 5]).values(as: Int16.self) == [-32768, 5])
    #expect(try typed(6, field: 5, [-1, .init(Int32.min)]).values(as: Int32.self) == [-1, .min])
    #expect(try typed(7, field: 7, [.min, .max]).values(as: Int64.self) == [.min, .max])
    #expect(try typed(13, field: 11, [-1, 1]).values(as: UInt64.self) == [.max, 1])
    #expect(try typed(9, field: 5, [0, 7]).values(as: Bool.self) == [false, true])
    let half = try typed(10, field: 5, [0x3c00, 0xc000])
    #expect(half.scalar(at: 0) == .float(1) && half.scalar(at: 1) == .float(-2))
    let brain = try typed(16, field: 5, [0x3f80, 0xc000])
    #expect(brain.scalar(at: 0) == .float(1) && brain.scalar(at: 1) == .float(-2))
    for count in [0, 1, 3] {
      #expect(throws: DiagnosticError.self) { try typed(6, field: 5, Array(repeating: 1, count: count)) }
    }
    #expect(throws: DiagnosticError.self) { try typed(7, field: 5, [1, 2]) }
  }
}
