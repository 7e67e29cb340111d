import Foundation
import Testing

/// The commands that README.md shows, run as they stand there beside the graph that it shows.
@Suite struct ReadmeTests {
  private static let readme =
    (try? String(contentsOf: Command.checkout.appendingPathComponent("README.md"), encoding: .utf8)) ?? ""

  private static let commands: [String] = readme.replacing("\\\n", with: " ").split(separator: "\n").map(String.init)
    .filter { $0.hasPrefix("apus ") }
    .map { $0.components(separatedBy: "   #")[0].trimmingCharacters(in: .whitespaces) }

  @Test func thereAreSome() { #expect(Self.commands.count >= 8) }

  @Test(arguments: commands) func runs(_ command: String) throws {
    let scratch = try Scratch()
    let graph = try #require(Self.readme.components(separatedBy: "```\ngraph mlp").dropFirst().first)
    _ = try scratch.file("mlp.apus", "graph mlp" + graph.components(separatedBy: "```")[0])
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path("Examples"), withDestinationPath: Command.checkout.appendingPathComponent("Examples").path)
    let run = try Command(
      shell: "cd $SCRATCH && $APUS \(command.dropFirst("apus ".count))", environment: ["SCRATCH": scratch.url.path])
    #expect(run.status == 0, "\(command): \(run.errors)")
    #expect(!run.output.isEmpty)
  }
}
