import ApusSupport
internal import CLLVM

/// What code is generated for: triple, CPU, features, and the register file that schedules rely on.
/// CPU and features are always explicit: an unset CPU silently loses the wide vectors.
public struct CodeTarget: Sendable, Hashable {
  /// Such as `x86_64-unknown-linux-gnu`.
  public var triple: String
  /// LLVM's name of the CPU, such as `znver3`.
  public var cpu: String
  /// LLVM's comma-separated feature list, such as `+avx2,+fma`.
  public var features: String
  /// Bytes of the widest vector register that code uses: 16, 32 or 64.
  public var vectorBytes: Int
  /// Number of architectural vector registers of that width.
  public var vectorRegisters: Int

  public init(triple: String, cpu: String, features: String, vectorBytes: Int, vectorRegisters: Int) {
    precondition([16, 32, 64].contains(vectorBytes), "vectors are 16, 32 or 64 bytes wide")
    self.triple = triple
    self.cpu = cpu
    self.features = features
    self.vectorBytes = vectorBytes
    self.vectorRegisters = vectorRegisters
  }

  /// The machine this process runs on, as LLVM describes it.
  public static func host() -> CodeTarget {
    let triple = takeString(LLVMGetDefaultTargetTriple())
    let features = takeString(LLVMGetHostCPUFeatures())
    let cpu = takeString(LLVMGetHostCPUName())
    return CodeTarget(triple: triple, cpu: cpu, features: features)
  }

  /// The register file follows from the features: AVX-512 has 32 registers of 64 bytes, AVX 16 of 32,
  /// SSE2 16 of 16, AArch64 32 of 16.
  public init(triple: String, cpu: String, features: String) {
    let enabled = Set(features.split(separator: ",").filter { $0.hasPrefix("+") }.map { $0.dropFirst() })
    let isARM = triple.hasPrefix("aarch64") || triple.hasPrefix("arm64")
    let wide = enabled.contains("avx512f")
    self.init(
      triple: triple, cpu: cpu, features: features,
      vectorBytes: wide ? 64 : enabled.contains("avx") ? 32 : 16,
      vectorRegisters: wide || isARM ? 32 : 16)
  }

  /// Whether a · b + c in one rounding is an instruction; elsewhere LLVM would call libm.
  public var hasFusedMultiplyAdd: Bool { has("fma") || triple.hasPrefix("aarch64") || triple.hasPrefix("arm64") }

  /// Whether the feature list turns on `feature`, such as `fma`.
  public func has(_ feature: String) -> Bool {
    features.split(separator: ",").contains { $0.first == "+" && $0.dropFirst() == feature }
  }
}

/// LLVM's version, part of every artefact's cache key.
public func llvmVersion() -> String {
  var major: UInt32 = 0
  var minor: UInt32 = 0
  var patch: UInt32 = 0
  LLVMGetVersion(&major, &minor, &patch)
  return "\(major).\(minor).\(patch)"
}

/// Copies a message that LLVM allocated, then frees it.
func takeString(_ message: UnsafeMutablePointer<CChar>?) -> String {
  guard let message else { return "" }
  defer { LLVMDisposeMessage(message) }
  return String(cString: message)
}

/// Turns LLVM's error, if there is one, into a diagnostic.
func throwIfFailed(_ error: LLVMErrorRef?, id: String) throws(DiagnosticError) {
  guard let error, let text = LLVMGetErrorMessage(error) else { return }
  defer { LLVMDisposeErrorMessage(text) }
  throw DiagnosticError(id: id, String(cString: text))
}
