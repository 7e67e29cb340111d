import ApusSupport
import ApusTensor

/// How a module is written.
public struct TextOptions: Sendable, Hashable {
  /// Every op ends in `loc(…)`.
  public var showsLocations = false
  /// Values are numbered even where they have names.
  public var hidesNames = false
  /// The file that large constants without a place of their own are said to lie in.
  public var constantsFile = "constants.bin"

  public init(showsLocations: Bool = false, hidesNames: Bool = false, constantsFile: String = "constants.bin") {
    self.showsLocations = showsLocations
    self.hidesNames = hidesNames
    self.constantsFile = constantsFile
  }
}

/// A module as text, and the bytes that the text refers to.
public struct ModuleText: Sendable {
  /// A constant that the text names but no file holds yet: its bytes belong at `offset` of
  /// `TextOptions.constantsFile`, zeros in between.
  public struct Block: Sendable {
    public var offset: Int
    public var tensor: Tensor
  }

  public var text: String
  /// In the order of their offsets.
  public var blocks: [Block]
}

extension Module {
  /// Constants of more elements than this stand in the table at the end of the file.
  public static let inlineConstantLimit = 64

  /// The canonical `.ir` text: `parse` reads it back to an equal module, and that prints the same.
  public func text(_ options: TextOptions = TextOptions()) -> String { document(options).text }

  /// The text with the bytes of the constants that the table at its end refers to.
  public func document(_ options: TextOptions = TextOptions()) -> ModuleText {
    var constants = ConstantTable(options)
    var text = "apus-ir \(IRParser.version)\n"
    for function in functions {
      var printer = FunctionPrinter(function, options, constants)
      constants = ConstantTable(options)
      printer.print()
      constants = printer.constants
      text += "\n"
      text += printer.types.text
    }
    if !constants.lines.isEmpty { text += "\nconstants {\n\(constants.lines)}\n" }
    return ModuleText(text: text, blocks: constants.blocks)
  }

  /// Whether both modules say the same: functions of the same names with the same ops, types and
  /// attributes in the same order. Ids, names of values and locations do not count.
  public func isIdentical(to other: Module) -> Bool {
    let options = TextOptions(hidesNames: true)
    return text(options) == other.text(options)
  }
}

extension Function {
  /// The function alone, as it stands in the text of its module.
  public func text(_ options: TextOptions = TextOptions()) -> String {
    var printer = FunctionPrinter(self, options, ConstantTable(options))
    printer.print()
    return printer.types.text
  }

  /// As for modules.
  public func isIdentical(to other: Function) -> Bool {
    let options = TextOptions(hidesNames: true)
    return text(options) == other.text(options)
  }
}

/// The constants that stand in files.
struct ConstantTable {
  private let file: String
  /// Constants are told apart by their bytes alone.
  private let hidesNames: Bool
  private(set) var lines = ""
  private(set) var blocks: [ModuleText.Block] = []
  private var end = 0
  private var names: Set<String> = []
  private var named: [Key: String] = [:]

  private struct Key: Hashable {
    var file: String
    var offset: Int
    var hash: SHA256.Digest
  }

  init(_ options: TextOptions) {
    file = options.constantsFile
    hidesNames = options.hidesNames
  }

  /// The name that the text gives the constant; `hint` is used if it has none of its own.
  mutating func name(of constant: ConstantTensor, hint: String?) -> String {
    let tensor = constant.tensor
    let hash = tensor.sha256
    if hidesNames { return hash.description }
    var key = Key(file: file, offset: -1, hash: hash)
    if let origin = constant.origin, let offset = origin.offset {
      key.file = origin.file
      key.offset = offset
    }
    if let known = named[key] { return known }
    let name = unique(constant.origin?.name ?? hint ?? "c")
    named[key] = name
    var offset = key.offset
    if offset < 0 {
      offset = (end + 63) & ~63  // a cache line: mapped constants stay aligned
      end = offset + tensor.byteCount
      blocks.append(ModuleText.Block(offset: offset, tensor: tensor))
    }
    lines += "  @\(NameText.name(name)) = \(NameText.quoted(key.file)), \(offset), \(tensor.byteCount), "
    lines += "sha256 \"\(hash)\"\n"
    return name
  }

  private mutating func unique(_ name: String) -> String {
    var candidate = name
    var suffix = 1
    while !names.insert(candidate).inserted {
      candidate = "\(name)_\(suffix)"
      suffix += 1
    }
    return candidate
  }
}
