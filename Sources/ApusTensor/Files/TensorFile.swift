import ApusSupport

/// A file of tensors in any format that Apus knows; the ending of its name picks the format.
///
/// `.npy` holds one tensor without a name; `.npz` and `.safetensors` hold named ones, which are read one by one.
public struct TensorFile: Sendable {
  /// The tensors' names in the order of the file; empty for `.npy`.
  public let names: [String]
  private let content: Content

  private enum Content: Sendable {
    case array(FileBytes)
    case archive(NumPyArchive, FileBytes)
    case safeTensors(SafeTensors, FileBytes)
  }

  /// Opens the file and reads its directory. `byteLimit` bounds what a compressed array may unpack to.
  ///
  /// Throws `file.format` for an unknown ending, and what ``FileBytes/init(path:)``,
  /// ``NumPyArchive/init(path:byteLimit:)`` and ``SafeTensors/init(path:)`` throw.
  public init(path: String, byteLimit: Int = NumPyArchive.defaultByteLimit) throws(DiagnosticError) {
    let format = try Format(of: path)
    try self.init(FileBytes(path: path), format, byteLimit)
  }

  /// Opens a file that another one names, as ``init(path:byteLimit:)`` does.
  ///
  /// Throws what that throws, and `file.outside`.
  public init(_ name: String, in folder: ConfinedFolder, byteLimit: Int = NumPyArchive.defaultByteLimit) throws(DiagnosticError) {
    try folder.check(name)
    let format = try Format(of: folder.prefix + name)
    try self.init(folder.open(name), format, byteLimit)
  }

  private init(_ file: FileBytes, _ format: Format, _ byteLimit: Int) throws(DiagnosticError) {
    switch format {
    case .npy:
      content = .array(file)
      names = []
    case .npz:
      let archive = try NumPyArchive(file, byteLimit: byteLimit)
      content = .archive(archive, file)
      names = archive.names
    case .safetensors:
      let tensors = try SafeTensors(file)
      content = .safeTensors(tensors, file)
      names = tensors.names
    }
  }

  /// Reads the tensor `name`; without a name, the only one.
  ///
  /// Throws `file.array-name` for a name in an `.npy`, or for none where there are several or no tensors; else
  /// what the reader of the format throws.
  public func tensor(named name: String? = nil) throws(DiagnosticError) -> Tensor {
    switch content {
    case .array(let file):
      guard name == nil else {
        throw file.error("file.array-name", "an .npy file holds one array, and it has no name")
      }
      return try NumPyArray.read(file)
    case .archive(let archive, let file): return try archive.tensor(named: chosen(name, in: file))
    case .safeTensors(let tensors, let file): return try tensors.tensor(named: chosen(name, in: file))
    }
  }

  /// Opens a file and reads one tensor; as ``init(path:byteLimit:)`` and ``tensor(named:)``.
  public static func load(
    path: String, name: String? = nil, byteLimit: Int = NumPyArchive.defaultByteLimit
  ) throws(DiagnosticError) -> Tensor {
    try TensorFile(path: path, byteLimit: byteLimit).tensor(named: name)
  }

  /// Writes named tensors to an `.npz` or `.safetensors`, or a single one, its name dropped, to an `.npy`.
  ///
  /// Throws `file.format`, `file.array-name` for several tensors in an `.npy`, and what the writers throw.
  public static func write(_ tensors: [(name: String, tensor: Tensor)], path: String) throws(DiagnosticError) {
    switch try Format(of: path) {
    case .npy:
      guard let first = tensors.first, tensors.count == 1 else {
        throw DiagnosticError(
          id: "file.array-name", "an .npy file holds one array, not \(tensors.count)", at: .file(path),
          hint: "write an .npz")
      }
      try NumPyArray.write(first.tensor, path: path)
    case .npz: try NumPyArchive.write(tensors, path: path)
    case .safetensors: try SafeTensors.write(tensors, path: path)
    }
  }

  private func chosen(_ name: String?, in file: FileBytes) throws(DiagnosticError) -> String {
    if let name { return name }
    guard let name = names.first, names.count == 1 else {
      throw file.error(
        "file.array-name", "it holds \(names.count) arrays: say which",
        hint: names.isEmpty ? nil : "it has \(listed(names))")
    }
    return name
  }
}

private enum Format: String, CaseIterable {
  case npy, npz, safetensors

  init(of path: String) throws(DiagnosticError) {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), let format = Format(rawValue: name[dot...].dropFirst().lowercased())
    else {
      throw DiagnosticError(
        id: "file.format", "its name ends in none of .npy, .npz and .safetensors", at: .file(path))
    }
    self = format
  }
}
