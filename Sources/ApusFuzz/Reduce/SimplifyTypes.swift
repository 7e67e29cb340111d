import ApusIR
import ApusTensor

extension ReductionSearch {
  /// Makes f32 of other floats and s32 of other integers, then f32 of anything.
  mutating func simplifyTypes() {
    let plain: (ElementType) -> ElementType = { $0.isFloat ? .f32 : $0 == .bool ? .bool : .s32 }
    attempt(elements: module.elements, plain)
    attempt(elements: module.elements) { $0 == .bool ? .bool : .f32 }
    for element in module.elements {
      if attempt(elements: [element], plain) { continue }
      attempt(elements: [element]) { _ in .f32 }
    }
  }

  @discardableResult
  private mutating func attempt(elements: [ElementType], _ become: (ElementType) -> ElementType) -> Bool {
    var change = TypeChange()
    for element in elements where become(element) != element { change.elements[element] = become(element) }
    return !change.elements.isEmpty && attempt(change)
  }
}

extension Module {
  fileprivate var elements: [ElementType] {
    var found: Set<ElementType> = []
    for function in functions { for value in function.allValues { found.insert(function.type(of: value).element) } }
    return ElementType.allCases.filter { found.contains($0) }
  }
}
