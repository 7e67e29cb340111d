import ApusSupport

extension SpecParser {
  /// Whether a word that starts a line starts a clause.
  static func startsClause(_ word: String) -> Bool {
    Vocabulary.clauses.contains(word) || constraintNumber(word) != nil
  }

  /// The number of `C12`.
  private static func constraintNumber(_ word: String) -> Int? {
    let digits = word.dropFirst()
    guard word.first == "C", !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    return Int(digits)
  }

  /// Reads clauses to the end of the op. A broken one is reported and left.
  mutating func clauses(of declaration: inout Declaration) {
    var seen: [String: Range<Int>] = [:]
    while !scanner.isAtEnd {
      do throws(Reported) {
        try clause(of: &declaration, &seen)
      } catch {
        scanner.skip(toLineWith: Self.startsClause)
      }
    }
    // An op without the clause is legal in both phases of whole tensors.
    if seen["phase"] == nil {
      declaration.phases = [.graph, .fused].map { Written($0, at: declaration.name.range) }
    }
  }

  private mutating func clause(of declaration: inout Declaration, _ seen: inout [String: Range<Int>]) throws(Reported) {
    let before = scanner
    let keyword = try word("a clause")
    if let number = Self.constraintNumber(keyword.value) {
      guard let text = scanner.string() else { throw expected("a text in quotes") }
      if text.value.isEmpty { throw fail("spec.constraint", "a constraint says what must hold", at: text.range) }
      declaration.constraints.append(Constraint(number: Written(number, at: keyword.range), text: text.value))
      return
    }
    guard Vocabulary.clauses.contains(keyword.value) else {
      scanner = before
      throw unknown("clause", keyword, of: Vocabulary.clauses)
    }
    if keyword.value != "example", let first = seen.updateValue(keyword.range, forKey: keyword.value) {
      diagnostics.error(
        "spec.duplicate", "the op has two clauses `\(keyword.value)`", at: .text(source, keyword.range),
        notes: [Diagnostic.Note("the first one is here", at: .text(source, first))])
      throw Reported()
    }
    if keyword.value != "where" { try expect(":") }
    switch keyword.value {
    case "where":
      repeat { declaration.typeVariables.append(try typeVariable()) } while scanner.accept(",")
    case "phase": declaration.phases = try phases()
    case "traits":
      repeat {
        let name = try word("a trait")
        guard let trait = Trait(rawValue: name.value) else {
          throw unknown("trait", name, of: Trait.allCases.map(\.rawValue))
        }
        declaration.traits.append(Written(trait, at: name.range))
      } while scanner.accept(",")
    case "region":
      repeat { declaration.regions.append(try region()) } while scanner.accept(",")
    case "ulp": declaration.error = try errorBound()
    case "body":
      let body = scanner.indentedText(below: keyword.range)
      if body.isEmpty { throw fail("spec.body", "the body is empty", at: keyword.range) }
      declaration.body = body
    default:
      let example = scanner.indentedText(below: keyword.range)
      if example.isEmpty { throw fail("spec.body", "the example is empty", at: keyword.range) }
      declaration.examples.append(example)
    }
  }

  private mutating func typeVariable() throws(Reported) -> TypeVariable {
    let name = try word("a type variable")
    try expect(":")
    let word = try word("a class of element types")
    guard let elementClass = ElementClass(rawValue: word.value) else {
      // The variable itself is declared, so its uses are no mistakes.
      _ = unknown("class of element types", word, of: ElementClass.allCases.map(\.rawValue))
      return TypeVariable(name: name, elementClass: .any)
    }
    return TypeVariable(name: name, elementClass: elementClass)
  }

  /// Phases stand without commas between them, so the first word that is none ends the list if it starts a clause.
  private mutating func phases() throws(Reported) -> [Written<Phase>] {
    var phases: [Written<Phase>] = []
    while true {
      let before = scanner
      guard let name = scanner.word() else { break }
      if let phase = Phase(rawValue: name.value) {
        phases.append(Written(phase, at: name.range))
        continue
      }
      guard Self.startsClause(name.value) else { throw unknown("phase", name, of: Phase.allCases.map(\.rawValue)) }
      scanner = before
      break
    }
    if phases.isEmpty { throw expected("a phase") }
    return phases
  }

  private mutating func region() throws(Reported) -> Region {
    let name = try word("a region")
    let before = scanner
    if let next = scanner.word(), next.value == "isolated" { return Region(name: name, isIsolated: true) }
    scanner = before
    return Region(name: name, isIsolated: false)
  }

  private mutating func errorBound() throws(Reported) -> ErrorBound {
    let before = scanner
    if let word = scanner.word() {
      guard word.value == "sum" else {
        scanner = before
        throw expected("a number or `sum`")
      }
      return .sum
    }
    guard let number = scanner.number(), let value = Double(number.value), value >= 0, value.isFinite else {
      scanner = before
      throw expected("a number or `sum`")
    }
    return .units(number.value)
  }
}
