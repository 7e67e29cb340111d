import ApusIR
import ApusSupport
import ApusTensor

/// An op by its name, to be called like a function: operands without labels, attributes with theirs.
///
///     x.conv(w, strides: [2, 2], pads: [1, 1, 1, 1])
@dynamicCallable
public struct OpReference: Sendable {
  let builder: GraphBuilder
  let name: String
  /// The first operand of a call on a value.
  let receiver: GraphValue?

  /// Calls an op that has one result. A mistake gives a value that stands for it.
  @discardableResult
  public func dynamicallyCall(withKeywordArguments arguments: KeyValuePairs<String, any GraphArgument>) -> GraphValue {
    let results = results(arguments)
    return results.count == 1 ? results[0] : GraphValue(builder, .several(results.map(\.meaning)))
  }

  private func results(_ arguments: KeyValuePairs<String, any GraphArgument>) -> [GraphValue] {
    builder.state.withLock { state in
      state.emitter.place = .none
      guard let code = OpCode(name: name), code.info.phases.contains(.graph) else {
        state.diagnostics.error("op.unknown", "there is no op '\(name)'", hint: "`apus ops` lists them")
        return [GraphValue(builder, .poison)]
      }
      var list: [CallArgument] = receiver.map { [CallArgument($0.meaning, at: .none)] } ?? []
      for (label, argument) in arguments {
        let kind = code.info.attribute(label)?.kind
        guard let meaning = argument.meaning(as: kind, in: &state) else { return [GraphValue(builder, .poison)] }
        list.append(CallArgument(meaning, label: label.isEmpty ? nil : label, at: .none))
      }
      do throws(EmissionError) {
        switch try state.emitter.call(code, list) {
        case .several(let parts): return parts.map { GraphValue(builder, $0) }
        case let meaning: return [GraphValue(builder, meaning)]
        }
      } catch {
        state.note(error)
        return [GraphValue(builder, .poison)]
      }
    }
  }
}

/// What may stand in a call of an op: values, numbers, names, lists, tensors.
public protocol GraphArgument: Sendable {
  /// For `GraphBuilder` alone.
  func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning
}

/// Where an argument stands.
public struct ArgumentContext: Sendable {
  let kind: AttributeInfo.Kind?
}

/// What an argument says.
public struct ArgumentMeaning: Sendable {
  enum Form: Sendable {
    case known(Meaning)
    /// Sizes as text: `B, 784`.
    case sizes(String)
    case tensor(Tensor)
    case list([ArgumentMeaning])
  }

  let form: Form
}

extension GraphArgument {
  func meaning(as kind: AttributeInfo.Kind?, in state: inout GraphBuilder.State) -> Meaning? {
    resolve(meaning(in: ArgumentContext(kind: kind)), in: &state)
  }

  private func resolve(_ argument: ArgumentMeaning, in state: inout GraphBuilder.State) -> Meaning? {
    switch argument.form {
    case .known(let meaning): return meaning
    case .tensor(let tensor): return .value(state.emitter.constant(ConstantTensor(tensor)))
    case .list(let entries):
      let meanings = entries.compactMap { resolve($0, in: &state) }
      return meanings.count == entries.count ? .list(StaticList(meanings)) : nil
    case .sizes(let text):
      var tokens = TokenStream(SourceText(name: "sizes", text: text), dialect: .graph)
      var parser = DimParser(.lookUp)
      var dims: [Dim] = []
      while !tokens.at(.endOfFile) {
        guard let dim = parser.dim(&tokens, &state.emitter.function.symbols) else { break }
        dims.append(dim)
        guard tokens.accept(.comma) else { break }
      }
      if !tokens.diagnostics.hasErrors, !tokens.at(.endOfFile) { tokens.expectedHere("`,` or the end of the sizes") }
      for diagnostic in tokens.diagnostics.list { state.diagnostics.add(diagnostic) }
      return tokens.diagnostics.hasErrors ? nil : .sizes(dims)
    }
  }
}

extension Int: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning { .init(form: .known(.integer(self))) }
}

extension Double: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning { .init(form: .known(.number(self))) }
}

extension Bool: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning { .init(form: .known(.bool(self))) }
}

extension ElementType: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning {
    .init(form: .known(.elementType(self)))
  }
}

extension Tensor: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning { .init(form: .tensor(self)) }
}

/// A name (`approximation: "tanh"`), a text, or sizes (`shape: "B, 784"`), as the attribute wants it.
extension String: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning {
    switch context.kind {
    case .string: .init(form: .known(.string(self)))
    case .name, .function: .init(form: .known(.name(self)))
    case .dims, nil: .init(form: .sizes(self))
    case .int, .float, .bool, .ints, .floats, .elementType, .constant, .schedule, .axis, .axes:
      .init(form: .known(.string(self)))
    }
  }
}

extension Array: GraphArgument where Element: GraphArgument {
  public func meaning(in context: borrowing ArgumentContext) -> ArgumentMeaning {
    var entries: [ArgumentMeaning] = []
    for element in self { entries.append(element.meaning(in: context)) }
    return .init(form: .list(entries))
  }
}
