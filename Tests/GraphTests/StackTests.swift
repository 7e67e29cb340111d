import ApusGraph
import ApusSupport
import Foundation
import Testing

/// The deepest texts that are accepted fit into the stack of a secondary thread.
@Test(arguments: [
  ("(", "x", ")", 250), ("[", "1", "]", 60), ("exp(", "x", ")", 250), ("-", "x", "", 250),
  ("if b { ", "x", " } else { x }", 80), ("while a = x; b { ", "x", " }", 80), ("max(x, ", "x", ")", 250),
  ("x @ (", "x", ")", 120), ("(if b { max(x, ", "x", ") } else { x })", 40),
]) func nestingFitsASmallStack(open: String, middle: String, close: String, depth: Int) {
  let text =
    "graph f(x: f32[4, 4], b: bool[]) {\n  y = " + String(repeating: open, count: depth) + middle
    + String(repeating: close, count: depth) + "\n  return x\n}"
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    _ = try? GraphFile.parse(SourceText(name: "deep", text: text))
    done.signal()
  }
  thread.stackSize = 4 << 20  // half of what threads have; frames are largest in debug builds
  thread.start()
  done.wait()
  #expect(mistakes(text) == [])
}
