import ApusCompiler
import ApusMemory
import ApusSupport

/// What a model becomes, as a page that needs nothing else: no other files, no network, no scripts.
struct ExplanationPage {
  let model: String
  let explanation: Explanation

  /// More kernels than these have no drawing of what reads what.
  private static let mostDrawn = 2_000

  var html: String {
    var parts: [String] = []
    parts.append("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>\("\(explanation.name) in \(model)".escaped)</title>")
    parts.append("<style>\(Self.style)</style></head><body>")
    parts.append("<h1>\(explanation.name.escaped)</h1><p>\(model.escaped)</p>")
    parts.append(list(summary))
    if !warnings.isEmpty { parts.append("<h2>Warnings</h2>" + list(warnings)) }
    parts.append("<h2>Memory</h2>" + list(explanation.memoryLines))
    parts.append(MemoryMap(problem: explanation.problem, plan: explanation.plan) { explanation.buffers[$0] }.svg)
    if let reduction = explanation.reduction { parts.append("<h2>Within the limit</h2>" + list(reduction.lines)) }
    if !explanation.guards.isEmpty {
      parts.append("<h2>Guards</h2><p>Checked when a run begins:</p>" + list(explanation.guards))
    }
    parts.append("<h2>Graph</h2><p>Kernels in the order in which they run; an arc leads from a kernel to one that reads what it writes.</p>")
    parts.append(graph)
    parts.append("<h2>Kernels</h2>" + kernels)
    parts.append("</body></html>")
    return parts.joined(separator: "\n") + "\n"
  }

  private static let style = """
    body{font:14px/1.45 sans-serif;margin:2em auto;max-width:1240px;padding:0 1em;color:#222}
    h2{margin-top:2em;border-bottom:1px solid #ccc}table{border-collapse:collapse;width:100%}
    td,th{border-top:1px solid #ddd;padding:.3em .6em;text-align:left;vertical-align:top}td.n{text-align:right;white-space:nowrap}
    tr:target{background:#fff6d6}small{color:#666}svg{max-width:100%;height:auto}a{color:#1555b0;text-decoration:none}
    """

  private var summary: [String] {
    [
      "\(explanation.kernels.count) kernels of \(explanation.functionCount) functions",
      "constants of \(explanation.constantBytes) bytes",
    ] + [explanation.assumed].compactMap { $0 }
  }

  private var warnings: [String] {
    (explanation.notes + [explanation.reduction?.warning].compactMap { $0 }).map { "\($0.severity.rawValue)[\($0.id)]: \($0.message)" }
  }

  /// Kernels from above to below, arcs to the right of them.
  private var graph: String {
    let kernels = explanation.kernels
    if kernels.count > Self.mostDrawn { return "<p>There are too many kernels to draw.</p>" }
    let (height, width, left) = (20, 1_200, 760)
    func y(_ index: Int) -> Int { index * height + 14 }
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(kernels.count * height + 10)\" font-family=\"sans-serif\" font-size=\"12\">"
    ]
    for (index, kernel) in kernels.enumerated() {
      for source in kernel.sources where source < index {
        let reach = left + 20 + min(12 * (index - source), width - left - 40)
        parts.append(
          "<path d=\"M\(left) \(y(source)) C\(reach) \(y(source)) \(reach) \(y(index)) \(left) \(y(index))\" fill=\"none\" "
            + "stroke=\"hsl(\(source * 47 % 360),55%,50%)\"/>")
      }
      parts.append("<a href=\"#k\(index)\"><text x=\"\(left - 8)\" y=\"\(y(index) + 4)\" text-anchor=\"end\">\(title(index).escaped)</text></a>")
      parts.append("<circle cx=\"\(left)\" cy=\"\(y(index))\" r=\"3\"/>")
    }
    return (parts + ["</svg>"]).joined(separator: "\n")
  }

  private func title(_ index: Int) -> String {
    let ops = explanation.kernels[index].ops.joined(separator: ", ")
    return "\(index): \(ops.count > 110 ? "\(ops.prefix(110))…" : ops)"
  }

  private var kernels: String {
    var rows = ["<table><tr><th>#</th><th>ops</th><th>reads</th><th>writes</th><th>bytes</th><th>flops</th></tr>"]
    for (index, kernel) in explanation.kernels.enumerated() {
      let after = kernel.sources.map { "<a href=\"#k\($0)\">\($0)</a>" }.joined(separator: ", ")
      let behind = after.isEmpty ? "" : "<br><small>after \(after)</small>"
      rows.append(
        "<tr id=\"k\(index)\"><td>\(index)</td><td>\(kernel.ops.joined(separator: ", ").escaped)<br><small>@\(kernel.function.escaped)</small>\(behind)</td>"
          + "<td>\(values(kernel.reads))</td><td>\(values(kernel.writes))</td>"
          + "<td class=\"n\">\(kernel.work.map { "\($0.bytes)" } ?? "")</td><td class=\"n\">\(kernel.work.map { "\($0.flops)" } ?? "")</td></tr>")
    }
    return (rows + ["</table>"]).joined(separator: "\n")
  }

  private func values(_ values: [Explanation.Value]) -> String { values.map(\.text.escaped).joined(separator: "<br>") }

  private func list(_ lines: [String]) -> String { "<ul>" + lines.map { "<li>\($0.escaped)</li>" }.joined() + "</ul>" }
}
