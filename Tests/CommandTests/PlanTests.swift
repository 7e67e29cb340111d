import Foundation
import Testing

/// `apus plan`.
@Suite struct PlanTests {
  /// The example of MiniMalloc's readme; 12 bytes are alive at once.
  private let buffers = """
    id,lower,upper,size
    b1,0,3,4
    b2,3,9,4
    b3,0,9,4
    b4,9,21,4
    b5,0,21,4

    """
  /// 6 bytes are alive at once, and 7 are needed.
  private let tight = """
    size,id,upper,lower
    3,a,7,6
    1,b,4,2
    3,c,8,5
    1,d,6,3
    3,e,1,0
    3,f,3,0
    2,g,6,2
    """

  @Test func plansAndVerifies() throws {
    let scratch = try Scratch()
    let file = try scratch.file("b.csv", buffers)
    let plan = try Command("plan", "--buffers", file, "--capacity", "12", "-o", scratch.path("p.csv"), "--json")
    #expect(plan.status == 0, "\(plan.errors)")
    let json = try plan.json()
    #expect(json["peak"] as? Int == 12 && json["bound"] as? Int == 12 && json["gap"] as? Double == 0)
    #expect(json["fits"] as? Bool == true && json["schema_version"] as? Int == 1)
    #expect(json["method"] is String && json["nodes"] is Int && json["seconds"] is Double)
    let text = try String(contentsOfFile: scratch.path("p.csv"), encoding: .utf8)
    #expect(text.hasPrefix("id,lower,upper,size,offset\nb1,0,3,4,"))
    let check = try Command("plan", "--buffers", file, "--verify", scratch.path("p.csv"), "--capacity", "12")
    #expect(check.status == 0 && check.output.contains("peak: 12 bytes"), "\(check.errors)")
    // Planned again, the offsets take the place of the old ones.
    let again = try Command("plan", "--buffers", scratch.path("p.csv"), "-o", "-")
    #expect(again.status == 0 && again.output == text, "\(again.output)")
  }

  @Test func findsTheLeastCapacityAndProvesIt() throws {
    let scratch = try Scratch()
    let file = try scratch.file("t.csv", tight)
    let least = try Command("plan", "--buffers", file, "-o", scratch.path("p.csv"))
    #expect(least.status == 0 && least.output.contains("peak: 7 bytes\nbound: 7 bytes (search exhausted)"), "\(least.output)")
    #expect(try String(contentsOfFile: scratch.path("p.csv"), encoding: .utf8).hasPrefix("size,id,upper,lower,offset\n3,a,7,6,"))
    let six = try Command("plan", "--buffers", file, "--capacity", "6", "--json")
    #expect(six.status == 1 && six.errors.contains("t.csv: error[plan.capacity]: 6 bytes are too few, at least 7"))
    #expect(six.errors.contains("hint: ") && six.errors.contains(" bytes are known to be enough"))
    #expect(try six.json()["fits"] as? Bool == false)
    let five = try Command("plan", "--buffers", file, "--capacity", "5")
    #expect(five.status == 1 && five.errors.contains("alive at one step"))
    let short = try Command("plan", "--buffers", file, "--capacity", "6", "--max-nodes", "3")
    #expect(short.status == 5 && short.errors.contains("error[limit.plan]: 3 placements"), "\(short.errors)")
    let quick = try Command("plan", "--buffers", file, "--capacity", "6", "--max-time", "1ms", "--max-nodes", "1")
    #expect(quick.status == 5)
  }

  @Test func alignsOffsets() throws {
    let scratch = try Scratch()
    let file = try scratch.file("b.csv", buffers)
    let plan = try Command("plan", "--buffers", file, "--alignment", "64", "-o", scratch.path("p.csv"), "--plan=fast")
    #expect(plan.status == 0 && plan.output.contains("peak: 192 bytes"), "\(plan.output)")
    #expect(try Command("plan", "--verify", scratch.path("p.csv"), "--alignment", "64").status == 0)
    let misplaced = try Command("plan", "--verify", scratch.path("p.csv"), "--alignment", "128")
    #expect(misplaced.status == 1 && misplaced.errors.contains("p.csv:"), "\(misplaced.errors)")
    #expect(misplaced.errors.contains("error[memory.invalid]") && misplaced.errors.contains("not a multiple of 128"))
  }

  @Test func refusesFaultyPlans() throws {
    let scratch = try Scratch()
    let file = try scratch.file("b.csv", "id,lower,upper,size\na,0,2,8\nb,1,3,8\n")
    func verify(_ plan: String, _ more: String...) throws -> Command {
      try Command(["plan", "--verify", try scratch.file("p.csv", plan)] + more)
    }
    let overlap = try verify("id,lower,upper,size,offset\na,0,2,8,0\nb,1,3,8,7\n")
    #expect(overlap.status == 1 && overlap.errors.contains("p.csv:3:1: error[memory.invalid]: buffers 'a' and 'b' overlap"))
    #expect(overlap.errors.contains("\n  ^\n"), "\(overlap.errors)")
    let good = "id,lower,upper,size,offset\nb,1,3,8,0\na,0,2,8,8\n"
    #expect(try verify(good, "--buffers", file).status == 0)
    #expect(try verify(good, "--capacity", "15").errors.contains("error[plan.capacity]: the plan takes 16 bytes, of 15"))
    let other = try verify("id,lower,upper,size,offset\na,0,2,4,8\nb,1,3,8,0\n", "--buffers", file)
    #expect(other.status == 1 && other.errors.contains("p.csv:2:1: error[plan.differs]"), "\(other.errors)")
    #expect(try verify("id,lower,upper,size,offset\na,0,2,8,0\n", "--buffers", file).errors.contains("'b' has no place"))
    #expect(try verify("id,lower,upper,size,offset\nc,0,2,8,0\n", "--buffers", file).errors.contains("no buffer 'c'"))
    #expect(try verify("id,lower,upper,size\na,0,2,8\n").errors.contains("error[plan.column]: there is no column 'offset'"))
    let far = try verify("id,lower,upper,size,offset\na,0,2,8,9223372036854775807\n")
    #expect(far.status == 1 && far.errors.contains("error[memory.invalid]"), "\(far.errors)")
  }

  @Test(arguments: [
    ("", ": error[plan.empty]"),
    ("\u{FEFF}\r\n  \n", ": error[plan.empty]"),
    ("id,lower,upper\na,0,1\n", ":1:1: error[plan.column]: there is no column 'size'"),
    ("id,lower,upper,size,colour\n", ":1:21: error[plan.column]: 'colour' is none of"),
    ("id,lower,upper,size,alignment\n", ":1:21: error[plan.column]"),
    ("id,lower,upper,size,size\n", ":1:21: error[plan.column]: there are two columns 'size'"),
    ("id,lower,upper,size\na,0,1\n", ":2:1: error[plan.row]: there are 3 fields for 4 columns"),
    ("id,lower,upper,size\na,0,1,2,3\n", ":2:1: error[plan.row]"),
    ("id,lower,upper,size\n,0,1,2\n", ":2:1: error[plan.row]: an id is text"),
    ("id,lower,upper,size\n\"a\",0,1,2\n", ":2:1: error[plan.row]"),
    ("id,lower,upper,size\na\0b,0,1,2\n", ":2:1: error[plan.row]"),
    ("id,lower,upper,size\na,0,1,\0\n", ":2:7: error[plan.number]"),
    ("id,lower,upper,size\r\na,0,1,-2\r\n", ":2:7: error[plan.number]: 'size' is negative"),
    ("id,lower,upper,size\na,-1,1,2\n", ":2:3: error[plan.number]: 'lower' is negative"),
    ("id,lower,upper,size\na,0,1,9223372036854775808", ":2:7: error[plan.number]: 'size' is more than 2^63 - 1"),
    ("id,lower,upper,size\na,0,1.5,2\n", ":2:5: error[plan.number]: '1.5' is no whole number"),
    ("id,lower,upper,size\na,0, ,2\n", ":2:5: error[plan.number]: there is no number"),
    ("id,lower,upper,size\na,3,2,2\n", ":2:1: error[plan.lifetime]"),
    ("id,lower,upper,size\na,0,1,2\nb,0,1,2\na,1,2,2\n", ":4:1: error[plan.repeated]: there are two buffers 'a'"),
  ]) func refusesFaultyTables(text: String, message: String) throws {
    let scratch = try Scratch()
    let run = try Command("plan", "--buffers", try scratch.file("b.csv", text))
    #expect(run.status == 1 && run.errors.contains(".csv\(message)"), "\(run.errors)")
  }

  @Test func saysAllThatIsWrongUpToALimit() throws {
    let scratch = try Scratch()
    let lines = (0..<100).map { "b\($0),0,1,x" }.joined(separator: "\n")
    let run = try Command("plan", "--buffers", try scratch.file("b.csv", "id,lower,upper,size\n" + lines))
    #expect(run.status == 1 && run.errors.components(separatedBy: "error[plan.number]").count == 21)
  }

  @Test func readsWhatOtherProgramsWrite() throws {
    let scratch = try Scratch()
    let text = "\u{FEFF}" + buffers.replacingOccurrences(of: "\n", with: "\r\n").replacingOccurrences(of: ",", with: " , ")
    let run = try Command("plan", "--buffers", try scratch.file("b.csv", String(text.dropLast())), "-o", "-")
    #expect(run.status == 0 && run.output.hasPrefix("id,lower,upper,size,offset\nb1,0,3,4,"), "\(run.errors)")
    let none = try Command("plan", "--buffers", try scratch.file("n.csv", "id,lower,upper,size"), "--json")
    #expect(try none.json()["peak"] as? Int == 0)
  }

  @Test func hugeFilesAndSizesAreRefused() throws {
    let scratch = try Scratch()
    let huge = try scratch.file("h.csv", "")
    #expect(truncate(huge, 1 << 28 + 1) == 0)
    let run = try Command("plan", "--buffers", huge)
    #expect(run.status == 5 && run.errors.contains("error[limit.buffers]"), "\(run.errors)")
    let sums = "id,lower,upper,size\na,0,1,9223372036854775807\nb,0,1,9223372036854775807\n"
    let overflow = try Command("plan", "--buffers", try scratch.file("s.csv", sums))
    #expect(overflow.status == 5 && overflow.errors.contains("error[memory.overflow]"), "\(overflow.errors)")
    let one = "id,lower,upper,size\na,0,9223372036854775807,9223372036854775807\n"
    let most = try Command("plan", "--buffers", try scratch.file("o.csv", one), "--svg", scratch.path("o.svg"), "--json")
    #expect(most.status == 0, "\(most.errors)")
    #expect(try most.json()["peak"] as? Int == .max)
  }

  @Test func badCommandLines() throws {
    #expect(try Command("plan").status == 3)
    #expect(try Command("plan", "--buffers", "a.csv", "--alignment", "0").status == 3)
    #expect(try Command("plan", "--buffers", "a.csv", "--capacity", "-1").status == 3)
    #expect(try Command("plan", "--verify", "a.csv", "-o", "b.csv").status == 3)
    #expect(try Command("plan", "--buffers", "a.csv", "--plan=slow").status == 3)
    let missing = try Command("plan", "--buffers", "nowhere.csv")
    #expect(missing.status == 1 && missing.errors.contains("error[file.missing]"))
  }

  @Test func drawsAMapOfManyBuffers() throws {
    let scratch = try Scratch()
    let lines = (0..<500).map { "b<\($0)>,\($0 / 4),\($0 / 4 + 1 + $0 * 7 % 40),\(100 + $0 * 37 % 900)" }
    let file = try scratch.file("b.csv", "id,lower,upper,size\n" + lines.joined(separator: "\n"))
    let run = try Command("plan", "--buffers", file, "--plan=fast", "--svg", scratch.path("m.svg"))
    #expect(run.status == 0, "\(run.errors)")
    let text = try String(contentsOfFile: scratch.path("m.svg"), encoding: .utf8)
    #expect(text.components(separatedBy: "<rect").count == 502 && text.components(separatedBy: "</title>").count == 501)
    #expect(text.hasPrefix("<svg ") && text.hasSuffix("</svg>\n") && !text.contains("nan") && !text.contains("inf"))
    for words in ["peak ", "bound ", "time (steps)", "offset (bytes)", "b&lt;7&gt;: steps 1 to "] { #expect(text.contains(words)) }
  }

  /// MiniMalloc's instances, where they lie beside the checkout; all fit in 1 MiB. A build for debugging takes
  /// minutes for the others.
  @Test(.enabled(if: instances != nil), arguments: isFull ? ["A", "B", "C", "F", "G", "H", "K"] : ["F", "G"])
  func solvesMiniMallocsInstances(name: String) throws {
    let folder = try #require(Self.instances)
    let run = try Command("plan", "--buffers", folder + "/\(name).1048576.csv", "--capacity", "1m", "--json")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try #require(try run.json()["peak"] as? Int) <= 1 << 20)
  }

  private static let isFull = ProcessInfo.processInfo.environment["APUS_PLANNING_FULL"] != nil

  private static let instances: String? = {
    let folder = ProcessInfo.processInfo.environment["APUS_PLANNING"]
      ?? Command.checkout.appendingPathComponent("../shared/data/minimalloc").path
    return FileManager.default.fileExists(atPath: folder + "/A.1048576.csv") ? folder : nil
  }()
}
