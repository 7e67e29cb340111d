import ApusSupport

/// A program that runs ONNX models, and is asked to by the conformance contract: `tool serve` reads
/// `run<TAB>MODEL<TAB>INPUTS<TAB>OUTPUTS` and answers `@@ ok`, `@@ unsupported MESSAGE` or `@@ error MESSAGE`.
public struct Target: Sendable, Hashable {
  /// `onnxruntime`, or the command without `serve`.
  public var name: String
  /// What a model may take; then the program is ended, and the model counts as one that hangs it.
  public var timeout = Duration.seconds(10)
  /// What the first model may take after the program was started.
  public var firstTimeout = Duration.seconds(60)

  public init(_ name: String) { self.name = name }

  var command: WorkerCommand {
    name == "onnxruntime"
      ? WorkerCommand("/usr/bin/env", ["python3", "-c", Self.onnxRuntimeAdapter])
      : WorkerCommand("/bin/sh", ["-c", "exec \(name) serve"])
  }

  /// `serve` for onnxruntime. It says what it lacks on stderr, with status 2.
  private static let onnxRuntimeAdapter = """
    from os import makedirs
    from os.path import exists
    from sys import exit, stdin
    try:
        from numpy import asarray
        from onnx import TensorProto, numpy_helper
        from onnxruntime import InferenceSession, SessionOptions, set_default_logger_severity
    except ImportError as problem:
        exit("python3 lacks a module: %s" % problem)
    set_default_logger_severity(4)
    LACKING = ("NOT_IMPLEMENTED", "NotImplemented", "Could not find an implementation", "is not supported", "not implemented",
               "unsupported", "Unsupported", "only support", "does not support", "is under development and support", "is invalid: type", "Type Error: Type")
    def line(problem):
        return " ".join(str(problem).split())
    def run(model, inputs, outputs):
        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
        feeds, index = {}, 0
        while exists("%s/input_%d.pb" % (inputs, index)):
            tensor = TensorProto()
            with open("%s/input_%d.pb" % (inputs, index), "rb") as file:
                tensor.ParseFromString(file.read())
            if tensor.data_type == TensorProto.BFLOAT16:
                return "unsupported inputs of bfloat16"
            feeds[tensor.name] = numpy_helper.to_array(tensor)
            index += 1
        if any("bfloat16" in output.type for output in session.get_outputs()):
            return "unsupported outputs of bfloat16"
        results = session.run(None, feeds)
        makedirs(outputs, exist_ok=True)
        for index, (output, result) in enumerate(zip(session.get_outputs(), results)):
            with open("%s/output_%d.pb" % (outputs, index), "wb") as file:
                file.write(numpy_helper.from_array(asarray(result), output.name).SerializeToString())
        return "ok"
    for request in stdin:
        fields = request.rstrip("\\n").split("\\t")
        try:
            reply = run(*fields[1:4])
        except Exception as problem:
            text = line(problem)
            kind = "unsupported" if any(word in text or word in type(problem).__name__ for word in LACKING) else "error"
            reply = "%s %s" % (kind, text)
        print("@@ " + reply, flush=True)
    """
}
