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

    /// A few of the ops: they meet each other more often than all of them do (Groce et al., "Swarm testing", 2012).
    func some(_ draw: inout Draw) -> Limits {
      var few = self
      let plain = draw.shuffled(plainCodes).prefix(draw.int(3...16))
      few.codes = codes.filter { plain.contains($0) || !plainCodes.contains($0) && draw.chance(50) }
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
    let limits = draw.chance(50) ? limits.some(&draw) : limits
    var drawing = GraphDrawing("main", seed: draw.seed(), limits, ops: ops, coverage)
    drawing.drawOps(ops)
    drawing.finish()
    coverage = drawing.coverage
    return drawing.module
  }
}
