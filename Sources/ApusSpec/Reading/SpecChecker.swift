import ApusSupport

/// The rules that declarations keep beyond their grammar.
struct SpecChecker {
  private let declaration: Declaration
  private var diagnostics: Diagnostics

  static func check(_ specification: Specification, _ diagnostics: inout Diagnostics) {
    var first: [String: Declaration] = [:]
    for declaration in specification.declarations {
      var checker = SpecChecker(declaration: declaration, diagnostics: diagnostics)
      checker.checkName(&first)
      checker.checkSummary()
      checker.checkNames()
      checker.checkOperands()
      checker.checkAttributes()
      checker.checkTypeVariables()
      checker.checkPatterns()
      checker.checkConstraints()
      checker.checkWords()
      diagnostics = checker.diagnostics
    }
  }
}

extension SpecChecker {
  private mutating func error(_ id: String, _ message: String, at range: Range<Int>, first: Range<Int>? = nil) {
    let notes = first.map { [Diagnostic.Note("the first one is here", at: .text(declaration.source, $0))] } ?? []
    diagnostics.error(id, message, at: .text(declaration.source, range), notes: notes)
  }

  private mutating func checkName(_ first: inout [String: Declaration]) {
    let name = declaration.name
    // Two names that Swift spells alike would be one case of `OpCode`.
    if let known = first.updateValue(declaration, forKey: camelCase(name.value)) {
      diagnostics.error(
        "spec.duplicate", "there are two ops `\(name.value)`", at: .text(declaration.source, name.range),
        notes: [Diagnostic.Note("the first one is here", at: .text(known.source, known.name.range))])
    }
    checkSnakeCase(name)
  }

  private mutating func checkSnakeCase(_ name: Written<String>) {
    let words = name.value.split(separator: "_", omittingEmptySubsequences: false)
    let isRight = words.allSatisfy { word in
      !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber) }
    }
    if !isRight { error("spec.name", "`\(name.value)` is not lower case with `_` between words", at: name.range) }
  }

  private mutating func checkSummary() {
    if declaration.summary.isEmpty {
      error("spec.summary", "`\(declaration.name.value)` has no `///` comment", at: declaration.name.range)
    }
  }

  /// Operands, attributes and regions are called apart by their names.
  private mutating func checkNames() {
    distinct(declaration.operands.map(\.name) + declaration.attributes.map(\.name), "operands or attributes")
    distinct(declaration.regions.map(\.name), "regions")
    switch declaration.results {
    case .patterns(_, let names), .custom(_, let names): distinct(names, "results")
    case .stated: break
    }
    for name in declaration.operands.map(\.name) + declaration.attributes.map(\.name) { checkSnakeCase(name) }
  }

  private mutating func distinct(_ names: [Written<String>], _ what: String) {
    for (index, name) in names.enumerated() {
      if let first = names[..<index].first(where: { $0.value == name.value }) {
        error("spec.duplicate", "two \(what) are called `\(name.value)`", at: name.range, first: first.range)
      }
    }
  }

  /// Operands are told apart by position, so what may be missing or many comes last.
  private mutating func checkOperands() {
    var open: Operand?
    for operand in declaration.operands {
      if let open, open.arity.isVariadic || operand.arity != .optional {
        error(
          "spec.arity",
          "`\(operand.name.value)` cannot follow `\(open.name.value)`, which takes no fixed number of operands",
          at: operand.name.range)
      }
      if operand.arity != .one { open = operand }
    }
  }

  private mutating func checkAttributes() {
    for attribute in declaration.attributes {
      switch attribute.kind {
      case .axis(let operand), .axes(let operand):
        if !declaration.operands.contains(where: { $0.name.value == operand.value }) {
          error("spec.axis", "there is no operand `\(operand.value)`", at: operand.range)
        }
      case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule, .name:
        break
      }
    }
  }

  private var resultPatterns: [Pattern] {
    switch declaration.results {
    case .patterns(let patterns, _): patterns
    case .custom, .stated: []
    }
  }

  private mutating func checkTypeVariables() {
    distinct(declaration.typeVariables.map(\.name), "type variables")
    var used: Set<String> = []
    for pattern in declaration.operands.map(\.pattern) + resultPatterns {
      guard case .variable(let name) = pattern.element else { continue }
      let isFirst = used.insert(name).inserted
      if isFirst, !declaration.typeVariables.contains(where: { $0.name.value == name }) {
        error("spec.variable", "`\(name)` is not declared: add `where \(name): any`, or a class", at: pattern.range)
      }
    }
    for variable in declaration.typeVariables where !used.contains(variable.name.value) {
      error("spec.variable", "`\(variable.name.value)` stands in no type", at: variable.name.range)
    }
  }

  private mutating func checkPatterns() {
    for pattern in declaration.operands.map(\.pattern) + resultPatterns {
      let packs = pattern.shape?.count { if case .pack = $0 { true } else { false } } ?? 0
      if packs > 1 {
        error("spec.pattern", "with two packs it is open which axes belong to which", at: pattern.range)
      }
      let isVector = pattern.shape.map { $0.count <= 1 } ?? true
      if pattern.form == .register, !isVector {
        error("spec.pattern", "a register has at most one axis", at: pattern.range)
      }
    }
    // One name is a pack or a dimension, not both.
    var packs: Set<String> = []
    var dims: Set<String> = []
    for pattern in declaration.operands.map(\.pattern) + resultPatterns {
      for entry in pattern.shape ?? [] {
        switch entry {
        case .pack(let name): packs.insert(name)
        case .named(let name): dims.insert(name)
        case .constant: break
        }
      }
      for name in packs.intersection(dims).sorted() {
        error("spec.pattern", "`\(name)` is a pack and a dimension", at: pattern.range)
      }
      packs.subtract(dims)
    }
  }

  private mutating func checkConstraints() {
    for (index, constraint) in declaration.constraints.enumerated() where constraint.number.value != index + 1 {
      error(
        "spec.constraint", "constraints are numbered from C1 on: this is C\(index + 1)", at: constraint.number.range)
    }
  }

  private mutating func checkWords() {
    for (index, trait) in declaration.traits.enumerated() {
      if let first = declaration.traits[..<index].first(where: { $0.value == trait.value }) {
        error("spec.duplicate", "`\(trait.value.rawValue)` stands here twice", at: trait.range, first: first.range)
      }
    }
    for (index, phase) in declaration.phases.enumerated() {
      if let first = declaration.phases[..<index].first(where: { $0.value == phase.value }) {
        error("spec.duplicate", "`\(phase.value.rawValue)` stands here twice", at: phase.range, first: first.range)
      }
    }
  }
}
