import Foundation
import Testing

/// Data on stdout, everything else on stderr, and what happens when either has nowhere to go.
@Suite struct StreamTests {
  private let digits = "Examples/digits/digits.apus"

  @Test(arguments: [
    "ops", "ops softmax", "types $DIGITS", "check $DIGITS", "opt $DIGITS", "list-knobs", "--help", "run --help",
    "run $DIGITS --interpret --input images=Examples/digits/seven.npy",
  ])
  func aFullDiskIsNotSilent(_ arguments: String) throws {
    let run = try Command(shell: "$APUS \(arguments) > /dev/full", environment: ["DIGITS": digits])
    #expect(run.status == 1)
    #expect(run.errors.contains("<stdout>: error[file.unwritable]"), "\(run.errors)")
  }

  @Test func closedStreams() throws {
    let output = try Command(shell: "$APUS ops >&-")
    #expect(output.status == 1 && output.errors.contains("error[file.unwritable]"))
    #expect(try Command(shell: "$APUS check nothing.apus 2>&-").status == 1)
    #expect(try Command(shell: "$APUS check nothing.apus 2>/dev/full").status == 1)
    let input = try Command(shell: "$APUS opt - <&-")
    #expect(input.status == 1 && input.errors.contains("<stdin>: error[file.unreadable]"))
    #expect(try Command(shell: "$APUS opt - < /").errors.contains("error[file.unreadable]"))
  }

  /// Whatever a request is, the next one is served.
  @Test func requests() throws {
    let run = try Command(shell: "printf 'what\\n\\nrun\\tnone.onnx\\tin\\tout\\nrun\\t\\t\\t\\n' | $APUS serve")
    let replies = run.output.split(separator: "\n")
    #expect(run.status == 0 && replies.count == 3 && replies.allSatisfy { $0.hasPrefix("@@ error ") }, "\(run.output)\(run.errors)")
    #expect(replies.first?.contains("[serve.request]") == true && replies.dropFirst().first?.contains("none.onnx: error[file.missing]") == true)
  }

  /// Lines that are no requests: as long as a file, of any bytes, and for folders that are not there.
  @Test func linesThatAreNoRequests() throws {
    let run = try Command(
      shell: """
        { head -c 200000 /dev/zero | tr '\\0' 'a'; echo; printf 'run\\t\\377\\000\\tin\\tout\\r\\n'; printf 'run\\tnone.onnx\\tin\\tout'; } \
          | $APUS serve --max-time 60s
        """)
    let replies = run.output.split(separator: "\n")
    #expect(run.status == 0 && replies.count == 3 && replies.allSatisfy { $0.hasPrefix("@@ error ") }, "\(run.output)\(run.errors)")
    #expect(replies.first?.contains("[serve.request]: a request has at most") == true)
    #expect(replies.last?.contains("none.onnx: error[file.missing]") == true)
  }

  /// As with other tools, nothing is said when the reader has seen enough.
  @Test func aReaderThatStops() throws {
    // More than a pipe holds.
    let scratch = try Scratch()
    let body = (0..<4000).map { "  %v\($0): f32[N] = exp %x\n" }.joined()
    let file = try scratch.file("m.ir", "apus-ir 1\nfunc @f(%x: f32[N]) -> f32[N] {\n\(body)  return %x\n}\n")
    let run = try Command(shell: "{ $APUS opt $MODEL; echo $? >&2; } | head -1", environment: ["MODEL": file])
    #expect(run.output == "apus-ir 1\n" && run.errors == "141\n")
  }

  @Test func devicesAreWrittenAndNotReplaced() throws {
    // A pipe is as good as a device, and the test's own.
    let scratch = try Scratch()
    let run = try Command(
      shell: "cd $SCRATCH && mkfifo pipe && { cat pipe & } && $APUS opt $MODEL -o pipe && wait && test -p pipe && ls",
      environment: ["SCRATCH": scratch.url.path, "MODEL": Command.checkout.appendingPathComponent(digits).path])
    #expect(run.status == 0 && run.output.hasPrefix("apus-ir 1") && run.output.hasSuffix("}\npipe\n"), "\(run.errors)")
    #expect(try Command("opt", digits, "-o", "/dev/full").errors.contains("error[file.unwritable]"))
    let graph = try scratch.file("g.apus", "graph g(x: f32[N]) { return x }")
    let nowhere = try Command("opt", graph, "-o", scratch.path("none/o.ir"))
    #expect(nowhere.status == 1 && nowhere.errors.contains("error[file.unwritable]"))
  }

  @Test func modelsDoNotNameFilesOutsideOfTheFolder() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "m.ir",
      """
      apus-ir 1

      func @f(%"../x": f32[2]) -> ("../evil": f32[2], good: f32[2]) {
        return %"../x", %"../x"
      }
      """)
    let write = try Command("run", file, "--input", "../x=2xf32=1", "--outputs", scratch.path("out"))
    #expect(write.status == 1 && write.errors.contains("error[output.name]"), "\(write.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path) == ["m.ir"])
    let archive = try Command("run", file, "--input", "../x=2xf32=1", "--outputs", scratch.path("x.npz"))
    #expect(archive.status == 0)
    let named = try Command("run", file, "--input", "../x=2xf32=1", "--output", "../evil=\(scratch.path("x.npy"))")
    #expect(named.status == 0)
    // x.npy lies beside the folder, where the input's name leads.
    try FileManager.default.createDirectory(atPath: scratch.path("in"), withIntermediateDirectories: true)
    let read = try Command("run", file, "--inputs", scratch.path("in"))
    #expect(read.status == 1 && read.errors.contains("error[input.missing]"))
  }

  @Test func progressIsForTerminals() throws {
    let run = try Command("run", digits, "--input", "images=Examples/digits/seven.npy")
    #expect(run.status == 0 && run.errors == "")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func terminalsSeeProgressAndColour() throws {
    let command = "$APUS run $DIGITS --input images=Examples/digits/seven.npy --expect digit=1xs64=8"
    for (setting, isColoured) in [("", true), ("1", false)] {
      let run = try Command(
        shell: "script -qec '\(command)' /dev/null", environment: ["DIGITS": digits, "NO_COLOR": setting])
      #expect(run.status == 1)
      #expect(run.output.contains("[1/4] read (") && run.output.contains("[4/4] run ("), "\(run.output)")
      #expect(run.output.contains("\u{1B}[1;31merror[output.mismatch]") == isColoured)
    }
  }
}
