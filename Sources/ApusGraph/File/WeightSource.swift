import ApusIR
import ApusSupport
import ApusTensor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the weights of a graph file come from.
public struct WeightSource: Sendable {
  /// What a `weight` asks for.
  public struct Request: Sendable {
    /// The file as written, relative to the graph's; `nil` for the one that is called like the graph's.
    public var file: String?
    /// The array's name as written.
    public var name: String?
    /// What the weight is bound to, which is the array's name unless one was written.
    public var binding: String
  }

  let load: @Sendable (Request) throws(DiagnosticError) -> ConstantTensor

  /// Any function; its errors are shown at the weight.
  public init(_ load: @escaping @Sendable (Request) throws(DiagnosticError) -> ConstantTensor) {
    self.load = load
  }

  /// For texts without files: each weight from one is `weight.files`.
  public static let none = WeightSource { _ throws(DiagnosticError) in
    throw DiagnosticError(id: "weight.files", "this text may not read files")
  }

  /// The files beside a graph file. Each is opened once and its arrays are read one by one.
  ///
  /// Reports `file.outside` for a path that leads out of the folder, `weight.missing` for an array that the
  /// file does not have, and what ``TensorFile`` reports.
  public static func beside(_ graphPath: String) -> WeightSource {
    let files = FilesBeside(graphPath)
    return WeightSource { request throws(DiagnosticError) in try files.load(request) }
  }
}

private final class FilesBeside: Sendable {
  private static let endings = [".safetensors", ".npz", ".npy"]

  private let folder: ConfinedFolder
  /// The graph file's name without its ending.
  private let stem: String
  private let opened = Mutex<[String: TensorFile]>([:])

  init(_ graphPath: String) {
    let file = graphPath.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    folder = ConfinedFolder(beside: graphPath, links: .followedWithin)
    stem = file.lastIndex(of: ".").map { String(file[..<$0]) } ?? String(file)
  }

  func load(_ request: WeightSource.Request) throws(DiagnosticError) -> ConstantTensor {
    var name = request.file ?? ""
    if request.file == nil { name = try neighbour() }
    let file = try open(name)
    if file.names.isEmpty, name.lowercased().hasSuffix(".npy") {
      return ConstantTensor(try file.tensor(named: request.name), origin: .init(file: name))
    }
    let array = request.name ?? request.binding
    guard file.names.contains(array) else {
      let shown = file.names.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
      let rest = file.names.count > 8 ? " and \(file.names.count - 8) more" : ""
      throw DiagnosticError(
        id: "weight.missing", "\(name) has no array '\(array)'",
        hint: file.names.isEmpty ? "it has no arrays at all" : "it has \(shown)\(rest)")
    }
    return ConstantTensor(try file.tensor(named: array), origin: .init(file: name, name: array))
  }

  /// The first file there is that is called like the graph's.
  private func neighbour() throws(DiagnosticError) -> String {
    for ending in Self.endings where access(folder.prefix + stem + ending, F_OK) == 0 { return stem + ending }
    let tried = Self.endings.map { stem + $0 }.joined(separator: ", ")
    throw DiagnosticError(
      id: "file.missing", "none of \(tried) is there", hint: "say which file: from \"w.safetensors\"")
  }

  private func open(_ name: String) throws(DiagnosticError) -> TensorFile {
    if let known = opened.withLock({ $0[name] }) { return known }
    let file = try TensorFile(name, in: folder)
    opened.withLock { $0[name] = file }
    return file
  }
}
