import ApusCompiler
import ApusGraph
import ApusSupport

/// Builds a graph and compiles it.
///
///     let affine = try jit { graph in
///       let x = graph.input("x", .f32, ["N"])
///       return ["y": x * 2 + 1]
///     }
///     let y = try affine(Tensor([1, 2, 3] as [Float]))[0]
///
/// Throws `DiagnosticError` with every mistake in the graph, and what `body` throws.
public func jit(
  _ name: String = "graph", options: ModelOptions = ModelOptions(), fileID: StaticString = #fileID, line: Int = #line,
  _ body: (GraphBuilder) throws -> KeyValuePairs<String, Node>
) throws -> Model {
  let builder = GraphBuilder(name)
  let results = try body(builder)
  return try Model(compiling: builder.build(returning: results, fileID: fileID, line: line), options)
}

/// Builds a graph with one result, which has no name, and compiles it.
///
/// Throws as the other `jit` does.
public func jit(
  _ name: String = "graph", options: ModelOptions = ModelOptions(), fileID: StaticString = #fileID, line: Int = #line,
  _ body: (GraphBuilder) throws -> Node
) throws -> Model {
  let builder = GraphBuilder(name)
  let result = try body(builder)
  return try Model(compiling: builder.build(returning: [result], fileID: fileID, line: line), options)
}
