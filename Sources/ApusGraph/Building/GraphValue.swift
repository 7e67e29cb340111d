import ApusIR
import ApusSupport

/// A tensor of a graph that is being built. Methods add ops to that graph.
///
/// Every op is a method that takes the value as its first operand: `x.softmax(axis: -1)`, `x.matmul(w)`.
@dynamicMemberLookup
public struct GraphValue: Sendable, GraphArgument {
  /// The graph that the value belongs to.
  public let builder: GraphBuilder
  let meaning: Meaning

  init(_ builder: GraphBuilder, _ meaning: Meaning) {
    self.builder = builder
    self.meaning = meaning
  }

  public subscript(dynamicMember name: String) -> OpReference {
    OpReference(builder: builder, name: name, receiver: self)
  }

  /// One result of an op that has several: `x.top_k(k: 3)[0]`.
  public subscript(_ index: Int) -> GraphValue {
    guard case .several(let parts) = meaning, parts.indices.contains(index) else {
      guard case .poison = meaning else {
        if index == 0 { return self }
        builder.state.withLock { $0.diagnostics.error("name.count", "this op has no result \(index)") }
        return GraphValue(builder, .poison)
      }
      return self
    }
    return GraphValue(builder, parts[index])
  }

  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning { .init(form: .known(meaning)) }
}
