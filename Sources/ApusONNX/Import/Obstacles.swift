import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// Takes down the operators that nothing translates in the graphs within a node that is not translated itself, because
  /// something that it reads is refused: all that is wrong is told at once.
  func reportObstacles(within node: NodeProto) {
    for attribute in node.attributes {
      for graph in [attribute.graph].compactMap(\.self) + attribute.graphs {
        for inner in graph.nodes {
          let own = FunctionName(domain: inner.domain, name: inner.op, overload: inner.overload)
          if functions[own] == nil, Operators.rule(inner.domain, inner.op) == nil {
            diagnostics.add(unknownOperator(inner, at: place(of: inner)))
          }
          reportObstacles(within: inner)
        }
      }
    }
  }

  func unknownOperator(_ node: NodeProto, at place: Place) -> Diagnostic {
    Diagnostic(.unsupported, id: "onnx.operator", "the operator '\(node.op)' is not supported", at: place)
  }
}
