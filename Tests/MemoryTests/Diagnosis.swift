import ApusSupport

/// The id of what `body` throws.
func id(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? DiagnosticError)?.diagnostics.first?.id
  }
}
