/// A relocatable object file in memory, as the linker or the JIT takes it.
public struct ObjectFile: Sendable, Hashable {
  public let bytes: [UInt8]

  public init(bytes: [UInt8]) { self.bytes = bytes }
}
