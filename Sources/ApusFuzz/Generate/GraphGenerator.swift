import ApusIR
import ApusSupport
import ApusTensor

/// Draws modules that are valid by construction, from the declarations of the ops.
///
/// All ops, all element types, symbolic and empty axes, broadcasts, values with several readers, `if`, `while`, calls and
/// weights. Sizes are drawn so that the numbered constraints of the ops hold.
public struct GraphGenerator: Sendable {
  /// How large graphs get.
  public struct Limits: Sendable {
    /// Elements of a value at the upper bounds of the symbols.
    public var elements = 1 << 12
    /// Of a hundred shapes, how many are large; of sizes, a fifth of it.
    public var largePercent = 0
    /// Regions and calls within each other.
    public var nesting = 2
    public var parameters = 6
    public var symbols = 3
    /// Of a hundred ops that depend on sizes being right, how many are kept.
    public var guardPercent = 20
    /// Of a hundred sizes, how many only a run knows.
    var openPercent = 30
    /// The known sizes that are drawn; any where there are none.
    var sizes: [Int] = []
    /// The element types that are drawn where an op leaves the choice.
    public var types = ElementType.allCases
    /// The ops that are drawn.
    public var codes: [OpCode] {
      didSet { plainCodes = Self.plain(codes) }
    }
    /// Those of them that run no other code.
    public private(set) var plainCodes: [OpCode]

    /// The same for the types that most programs have most ops for.
    public var common: Limits {
      var limits = self
      limits.types = [.f32, .s32, .s64, .bool]
      return limits
    }

    /// The same for large graphs: values have so many elements that threads share loops over them and depths are cut.
    public var enlarged: Limits {
      var limits = self
      (limits.elements, limits.largePercent) = (70_000, 75)
      // The interpreter takes a turn of a loop for each step along a sequence.
      limits.codes.removeAll { $0 == .lstm || $0 == .gru }
      return limits
    }

    public init(codes: [OpCode]? = nil) {
      self.codes = codes ?? OpChoice.codes
      plainCodes = Self.plain(self.codes)
    }

    /// A part of all that can be drawn, another one for each graph: a few ops, sizes and types meet each other more often
    /// than all of them do (Groce et al., "Swarm testing", 2012).
    func some(_ draw: inout Draw) -> Limits {
      var few = self
      if draw.chance(largePercent > 0 ? 80 : 50) {
        // Large values are dear, and what goes wrong for them does so in one op mostly.
        let isVeryFew = draw.chance(largePercent > 0 ? 60 : 25)
        let plain = draw.shuffled(plainCodes).prefix(isVeryFew ? draw.int(1...3) : draw.int(3...16))
        few.codes = codes.filter { plain.contains($0) || !plainCodes.contains($0) && draw.chance(50) }
      }
      if draw.chance(50) { few.sizes = (0..<draw.int(1...3)).map { _ in draw.one(of: GraphDrawing.knownSizes) } }
      if draw.chance(25) { few.types = (0..<draw.int(1...2)).map { _ in draw.one(of: types) } }
      if draw.chance(25) { few.openPercent = 0 }
      return few
    }

    private static func plain(_ codes: [OpCode]) -> [OpCode] {
      codes.filter { !$0.traits.contains(.controlFlow) && $0 != .call }
    }
  }

  public var limits: Limits
  /// What has been drawn so far; what is rare in it is drawn first.
  public var coverage = DrawCoverage()

  public init(limits: Limits = Limits()) { self.limits = limits }

  /// A module whose first function is what runs. It has about `ops` ops besides constants, and what the last one needs.
  public mutating func module(seed: UInt64, ops: Int) -> Module {
    var draw = Draw(seed: seed)
    let some = limits.some(&draw)
    var drawing = GraphDrawing("main", seed: draw.seed(), some, ops: ops, coverage)
    drawing.drawOps(ops)
    drawing.finish()
    coverage = drawing.coverage
    return drawing.module
  }
}
