/// The words that `.ops` files may use. ApusIR has types of the same names, and the generated code
/// compiles only where both agree.
public enum Phase: String, Sendable, CaseIterable {
  case graph, fused, loops
}

public enum Trait: String, Sendable, CaseIterable {
  case pure, elementwise, commutative, movement, reduction, contraction, terminator, dataDependentShape
  case associative, memory, controlFlow
}

/// A set of element types that a type variable ranges over.
public enum ElementClass: String, Sendable, CaseIterable {
  case any, number, float, integer, signed, bits, index, byte
}

public enum Vocabulary {
  public static let elementTypes = [
    "f32", "f64", "f16", "bf16", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "bool",
  ]

  /// The groups in the order in which their ops are numbered and documented; each is a file `GROUP.ops`.
  public static let groups = [
    "source", "elementwise", "movement", "indexing", "reduction", "contraction", "quantization", "control",
    "composite", "fused", "loops",
  ]

  static let plainKinds: [(word: String, kind: AttributeDeclaration.Kind)] = [
    ("int", .int), ("float", .float), ("bool", .bool), ("string", .string), ("ints", .ints), ("floats", .floats),
    ("dims", .dims), ("type", .elementType), ("function", .function), ("constant", .constant),
    ("schedule", .schedule),
  ]

  static let kinds = plainKinds.map(\.word) + ["name", "axis", "axes"]

  static let clauses = ["where", "phase", "traits", "region", "ulp", "body", "example"]
}
