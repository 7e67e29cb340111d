import ApusIR

/// What a campaign asks of a worker: one line each.
enum WorkerRequest: Equatable {
  /// Judge these cases.
  case run(Range<Int>)
  /// Take in a case that is worth keeping.
  case adopt(CaseText)
  /// Judge this case.
  case judge(CaseText)
  /// Make a failing case smaller.
  case reduce(number: Int, Failure, CaseText)

  var line: String {
    switch self {
    case .run(let range): WorkerLine(["run", "\(range.lowerBound)", "\(range.upperBound)"]).text
    case .adopt(let text): WorkerLine(["adopt"] + text.fields).text
    case .judge(let text): WorkerLine(["judge"] + text.fields).text
    case .reduce(let number, let failure, let text):
      WorkerLine(["reduce", "\(number)"] + failure.fields + text.fields).text
    }
  }

  init?(line: String) {
    let fields = WorkerLine(text: line).fields
    let request: WorkerRequest?
    switch (fields.first, fields.count) {
    case ("run", 3):
      guard let start = Int(fields[1]), let end = Int(fields[2]), start <= end else { return nil }
      request = .run(start..<end)
    case ("adopt", 4): request = CaseText(fields: fields[1...]).map { .adopt($0) }
    case ("judge", 4): request = CaseText(fields: fields[1...]).map { .judge($0) }
    case ("reduce", 8):
      guard let number = Int(fields[1]), let failure = Failure(fields: Array(fields[2...4])) else { return nil }
      request = CaseText(fields: fields[5...]).map { .reduce(number: number, failure, $0) }
    case _: request = nil
    }
    guard let request else { return nil }
    self = request
  }
}

/// What a worker says: one line each.
enum WorkerReport: Equatable {
  /// It takes requests.
  case ready
  /// It begins to draw the case of that number; all before are done.
  case start(Int)
  /// That is the case, about to be judged.
  case drawn(CaseText)
  /// What the compiler was at when the process received a signal.
  case stage(Oracle?, pass: String?)
  case failed(Int, Failure, ops: Int)
  /// The planted bugs whose sites the case reached; in builds that hold them.
  case reached(Int, [String])
  /// Nothing can be said about the case, for this reason.
  case void(Int, reason: String)
  /// The case is worth keeping.
  case kept(Int, CaseText)
  case statistics(DrawStatistics)
  /// The request is done.
  case finished
  /// What a failing case was made into so far.
  case reduced(Int, Failure, ops: Int, CaseText)

  var line: String {
    switch self {
    case .ready: WorkerLine(["ready"]).text
    case .start(let number): "start\t\(number)\n"
    case .drawn(let text): WorkerLine(["drawn"] + text.fields).text
    case .stage(let oracle, let pass): WorkerLine(["stage", oracle?.rawValue ?? "", pass ?? ""]).text
    case .failed(let number, let failure, let ops): WorkerLine(["failed", "\(number)", "\(ops)"] + failure.fields).text
    case .reached(let number, let bugs): WorkerLine(["reached", "\(number)"] + bugs).text
    case .void(let number, let reason): WorkerLine(["void", "\(number)", reason]).text
    case .kept(let number, let text): WorkerLine(["kept", "\(number)"] + text.fields).text
    case .statistics(let statistics): WorkerLine(["statistics"] + statistics.fields).text
    case .finished: WorkerLine(["finished"]).text
    case .reduced(let number, let failure, let ops, let text):
      WorkerLine(["reduced", "\(number)", "\(ops)"] + failure.fields + text.fields).text
    }
  }

  init?(line: String) {
    let fields = WorkerLine(text: line).fields
    let number = fields.count > 1 ? Int(fields[1]) : nil
    let report: WorkerReport?
    switch (fields.first, fields.count) {
    case ("ready", 1): report = .ready
    case ("start", 2): report = number.map { .start($0) }
    case ("drawn", 4): report = CaseText(fields: fields[1...]).map { .drawn($0) }
    case ("stage", 3): report = .stage(Oracle(rawValue: fields[1]), pass: fields[2].isEmpty ? nil : fields[2])
    case ("failed", 6):
      guard let number, let ops = Int(fields[2]), let failure = Failure(fields: Array(fields[3...])) else { return nil }
      report = .failed(number, failure, ops: ops)
    case ("reached", _): report = number.map { .reached($0, Array(fields[2...])) }
    case ("void", 3): report = number.map { .void($0, reason: fields[2]) }
    case ("kept", 5):
      guard let number, let text = CaseText(fields: fields[2...]) else { return nil }
      report = .kept(number, text)
    case ("statistics", _): report = DrawStatistics(fields: Array(fields[1...])).map { .statistics($0) }
    case ("finished", 1): report = .finished
    case ("reduced", 9):
      guard let number, let ops = Int(fields[2]), let failure = Failure(fields: Array(fields[3...5])),
        let text = CaseText(fields: fields[6...])
      else { return nil }
      report = .reduced(number, failure, ops: ops, text)
    case _: report = nil
    }
    guard let report else { return nil }
    self = report
  }
}

/// Fields with tabs between them on one line, whatever is in them.
struct WorkerLine {
  var fields: [String]

  init(_ fields: [String]) { self.fields = fields }

  /// Reads what ``text`` is, with or without its end.
  init(text: String) {
    fields = []
    var field: [UInt8] = []
    var isEscaped = false
    for byte in text.utf8 {
      switch (byte, isEscaped) {
      case (UInt8(ascii: "n"), true): field.append(UInt8(ascii: "\n"))
      case (UInt8(ascii: "t"), true): field.append(UInt8(ascii: "\t"))
      case (UInt8(ascii: "\\"), false):
        isEscaped = true
        continue
      case (UInt8(ascii: "\t"), false):
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
      case (UInt8(ascii: "\n"), false): break
      case _: field.append(byte)
      }
      isEscaped = false
    }
    fields.append(String(decoding: field, as: UTF8.self))
  }

  /// The line with its end.
  var text: String {
    var bytes: [UInt8] = []
    for (index, field) in fields.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: "\t")) }
      for byte in field.utf8 {
        switch byte {
        case UInt8(ascii: "\\"): bytes += [byte, byte]
        case UInt8(ascii: "\n"): bytes += "\\n".utf8
        case UInt8(ascii: "\t"): bytes += "\\t".utf8
        case _: bytes.append(byte)
        }
      }
    }
    bytes.append(UInt8(ascii: "\n"))
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Failure {
  var fields: [String] { [oracle.rawValue, pass ?? "", detail] }

  init?(fields: [String]) {
    guard fields.count == 3, let oracle = Oracle(rawValue: fields[0]) else { return nil }
    self.init(oracle, after: fields[1].isEmpty ? nil : fields[1], fields[2])
  }
}
