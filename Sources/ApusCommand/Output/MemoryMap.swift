import ApusMemory
import Foundation

/// A plan as a picture: time from left to right, memory from below, a rectangle for each buffer.
struct MemoryMap {
  let problem: Problem
  let plan: Plan
  let name: (Int) -> String

  // Pixels.
  private static let width = 1_200.0
  private static let height = 640.0
  private static let left = 96.0
  private static let top = 56.0
  private static let bottom = 64.0
  private static let right = 24.0
  /// More rectangles are not drawn: a browser would not show them. The largest are.
  private static let mostDrawn = 20_000

  var svg: String {
    let used = problem.buffers.indices.filter { problem.buffers[$0].size > 0 && problem.buffers[$0].lower < problem.buffers[$0].upper }
    let shown = used.count <= Self.mostDrawn ? used : Array(used.sorted { area($0) > area($1) }.prefix(Self.mostDrawn))
    let first = Double(used.map { problem.buffers[$0].lower }.min() ?? 0)
    let last = max(Double(used.map { problem.buffers[$0].upper }.max() ?? 1), first + 1)
    let most = Double(max(plan.peak, plan.bound, 1)) * 1.04
    func x(_ step: Double) -> Double { Self.left + (step - first) / (last - first) * (Self.width - Self.left - Self.right) }
    func y(_ bytes: Double) -> Double { Self.height - Self.bottom - bytes / most * (Self.height - Self.top - Self.bottom) }

    var lines: [String] = []
    func add(_ line: String) { lines.append(line) }
    add(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(Self.width)) \(number(Self.height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">")
    add("<style>rect.b{stroke:#fff;stroke-width:.5}rect.b:hover{stroke:#000;stroke-width:2}</style>")
    add("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>")
    let omitted = used.count - shown.count
    add(text(Self.left, 24, "\(used.count) buffers, peak \(bytes(plan.peak)), bound \(bytes(plan.bound)): \(verdict)", size: 15))
    add(
      text(
        Self.left, 42,
        "\(plan.method)\(omitted > 0 ? "; the \(omitted) smallest are not drawn" : ""); colours go from small (blue) to large (red)",
        color: "#666"))
    for step in ticks(from: first, to: last) {
      let at = x(step)
      add(line(at, y(0), at, y(0) + 5, color: "#444"))
      add(text(at, y(0) + 20, number(step), anchor: "middle"))
    }
    for level in ticks(from: 0, to: most) {
      add(line(Self.left - 5, y(level), Self.left, y(level), color: "#444"))
      add(line(Self.left, y(level), Self.width - Self.right, y(level), color: "#eee"))
      add(text(Self.left - 8, y(level) + 4, shortBytes(level), anchor: "end"))
    }
    let sizes = shown.map { log(Double(problem.buffers[$0].size)) }
    let smallest = sizes.min() ?? 0
    let spread = max((sizes.max() ?? 1) - smallest, 1e-9)
    for (place, index) in shown.enumerated() {
      let buffer = problem.buffers[index]
      let end = plan.offsets[index] + buffer.size
      let (x0, x1) = (x(Double(buffer.lower)), x(Double(buffer.upper)))
      let (y0, y1) = (y(Double(end)), y(Double(plan.offsets[index])))
      let hue = 225 - 225 * (sizes[place] - smallest) / spread
      add(
        "<rect class=\"b\" x=\"\(number(x0))\" y=\"\(number(y0))\" width=\"\(number(max(x1 - x0, 0.2)))\" "
          + "height=\"\(number(max(y1 - y0, 0.2)))\" fill=\"hsl(\(number(hue)),65%,\(index % 2 == 0 ? 62 : 55)%)\"><title>"
          + "\(name(index)): steps \(buffer.lower) to \(buffer.upper), \(buffer.size) bytes at \(plan.offsets[index])".escaped
          + "</title></rect>")
    }
    add(line(Self.left, y(0), Self.width - Self.right, y(0), color: "#444"))
    add(line(Self.left, Self.top, Self.left, y(0), color: "#444"))
    mark(plan.peak, "peak", at: y(Double(plan.peak)), color: "#b00020", above: true, add)
    mark(plan.bound, "bound", at: y(Double(plan.bound)), color: "#00695c", above: false, add)
    add(text((Self.left + Self.width) / 2, Self.height - 14, "time (steps)", anchor: "middle"))
    add(
      "<text x=\"16\" y=\"\(number(Self.height / 2))\" text-anchor=\"middle\" "
        + "transform=\"rotate(-90 16 \(number(Self.height / 2)))\">offset (bytes)</text>")
    add("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  private var verdict: String {
    plan.isOptimal ? "proven optimal" : "at most \((plan.gap * 100).rounded(to: 2)) % above the optimum"
  }

  private func area(_ index: Int) -> Double {
    let buffer = problem.buffers[index]
    return (Double(buffer.upper) - Double(buffer.lower)) * Double(buffer.size)
  }
}

extension MemoryMap {
  private func mark(
    _ bytes: Int, _ name: String, at y: Double, color: String, above: Bool, _ add: (String) -> Void
  ) {
    add(
      "<line x1=\"\(number(Self.left))\" y1=\"\(number(y))\" x2=\"\(number(Self.width - Self.right))\" y2=\"\(number(y))\" "
        + "stroke=\"\(color)\" stroke-width=\"1.5\" stroke-dasharray=\"\(above ? "none" : "6 4")\"/>")
    add(
      text(
        Self.width - Self.right, above ? y - 5 : y + 14, "\(name) \(bytes)", anchor: "end", color: color, isOutlined: true))
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String) -> String {
    "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(color)\"/>"
  }

  private func text(
    _ x: Double, _ y: Double, _ text: String, anchor: String = "start", size: Int = 12, color: String = "#222",
    isOutlined: Bool = false
  ) -> String {
    let outline = isOutlined ? " stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\"" : ""
    return "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\" fill=\"\(color)\"\(outline)>"
      + "\(text.escaped)</text>"
  }

  /// About eight round numbers in a range.
  private func ticks(from first: Double, to last: Double) -> [Double] {
    let rough = (last - first) / 8
    let scale = pow(10, floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * scale }.first { $0 >= rough } ?? scale * 10
    return stride(from: (first / step).rounded(.up) * step, through: last, by: step).map { $0 }
  }

  private func number(_ value: Double) -> String {
    let rounded = value.rounded(to: 2)
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }

  private func bytes(_ count: Int) -> String { "\(count) bytes" }

  private func shortBytes(_ count: Double) -> String {
    for (unit, size) in [("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)] where count >= size { return "\(number(count / size)) \(unit)" }
    return number(count)
  }
}

extension String {
  /// As text of a document in XML or HTML.
  var escaped: String {
    var result = ""
    for character in unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case _: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
