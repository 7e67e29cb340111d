import ApusIR

extension Function {
  /// A function that makes these calls and returns all their results, and which call each result is of.
  public static func making(_ calls: [OpCall], withOpenSizes isOpen: Bool) throws -> (function: Function, owners: [OpCall]) {
    var function = Function(name: "main")
    var (results, owners) = ([ValueID](), [OpCall]())
    for (index, call) in calls.enumerated() {
      let made = try call.append(to: &function, isOpen ? call.openSizes : .none, tag: "N\(index)")
      results += made
      owners += made.map { _ in call }
    }
    function.resultTypes = results.map { function.type(of: $0) }
    function.insert(.return, results, results: [], at: .end(of: function.entry))
    return (function, owners)
  }
}
