import Foundation

/// The same graph as a subject's for onnxruntime, which runs it through Python where both are installed.
struct Peer {
  var inputs: [String: [Int]]
  var weights: [String: [Int]] = [:]
  /// An ONNX operator, its inputs and its integer attributes, lists of one being numbers.
  var op: String
  var operands: [String]
  var attributes: [String: [Int]] = [:]

  /// The shortest of the runs and their median, in seconds.
  struct Result: Decodable {
    var minimum: Double
    var median: Double
  }

  /// Whether `onnxruntime` can be imported; nil when it can, else why not.
  static func whatIsMissing() -> String? {
    let (status, text) = python("import onnxruntime, numpy", [])
    return status == 0 ? nil : text.split(separator: "\n").last.map(String.init) ?? "python3 does not run"
  }

  /// Nil when it fails there.
  func measure(threads: Int, rounds: Int, clock: Clock) -> Result? {
    let graph: [String: Any] = [
      "inputs": inputs, "weights": weights, "op": op, "operands": operands, "attributes": attributes, "threads": threads,
      "rounds": rounds, "thread_time": clock == .thread && threads == 1,
    ]
    guard let data = try? JSONSerialization.data(withJSONObject: graph) else { return nil }
    let (status, text) = Self.python(Self.script, [String(decoding: data, as: UTF8.self)])
    guard status == 0 else { return nil }
    return try? JSONDecoder().decode(Result.self, from: Data(text.utf8))
  }

  private static func python(_ script: String, _ arguments: [String]) -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    do { try process.run() } catch { return (1, "\(error)") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// Writes the few messages of an ONNX file that one operator takes, and times it.
  private static let script = #"""
    import json, sys, time, statistics
    import numpy as np, onnxruntime as ort

    g = json.loads(sys.argv[1])

    def varint(n):
        out = bytearray()
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        out.append(n)
        return bytes(out)

    def number(field, n): return varint(field << 3) + varint(n)
    def data(field, b): return varint(field << 3 | 2) + varint(len(b)) + b
    def text(field, s): return data(field, s.encode())

    def value(name, shape):
        dims = b"".join(data(1, number(1, d)) for d in shape)
        return text(1, name) + data(2, data(1, number(1, 1) + data(2, dims)))

    random = np.random.default_rng(1)
    def values(shape): return random.random(shape, dtype=np.float32) - np.float32(0.5)

    def weight(name, shape):
        return b"".join(number(1, d) for d in shape) + number(2, 1) + text(8, name) + data(9, values(shape).tobytes())

    def attribute(name, v):
        if len(v) == 1: return text(1, name) + number(3, v[0]) + number(20, 2)
        return text(1, name) + b"".join(number(8, i) for i in v) + number(20, 7)

    node = b"".join(text(1, x) for x in g["operands"]) + text(2, "y") + text(4, g["op"])
    node += b"".join(data(5, attribute(k, v)) for k, v in g["attributes"].items())
    graph = data(1, node) + text(2, "g")
    graph += b"".join(data(5, weight(k, v)) for k, v in g["weights"].items())
    graph += b"".join(data(11, value(k, v)) for k, v in g["inputs"].items())
    graph += data(12, text(1, "y") + data(2, data(1, number(1, 1))))
    model = number(1, 8) + data(7, graph) + data(8, number(2, 17))

    options = ort.SessionOptions()
    options.intra_op_num_threads = g["threads"]
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, shape in g["inputs"].items(): binding.bind_cpu_input(name, values(shape))
    first = session.run(None, {name: values(shape) for name, shape in g["inputs"].items()})[0]
    y = ort.OrtValue.ortvalue_from_numpy(np.empty_like(first))
    binding.bind_ortvalue_output("y", y)
    clock = time.thread_time if g["thread_time"] else time.perf_counter
    times = []
    for _ in range(3): session.run_with_iobinding(binding)
    while len(times) < g["rounds"]:
        start = clock()
        count = 0
        while clock() - start < 0.004:
            session.run_with_iobinding(binding)
            count += 1
        times.append((clock() - start) / count)
    print(json.dumps({"minimum": min(times), "median": statistics.median(times)}))
    """#
}
