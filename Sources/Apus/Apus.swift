// What `import Apus` shows of the modules below it.
@_exported import struct ApusCompiler.Model
@_exported import struct ApusRuntime.CFunction
@_exported import struct ApusRuntime.CustomOperation
@_exported import struct ApusRuntime.TensorSignature
@_exported import struct ApusSupport.Diagnostic
@_exported import struct ApusSupport.DiagnosticError
@_exported import enum ApusTensor.ElementType
@_exported import enum ApusTensor.Scalar
@_exported import struct ApusTensor.Tensor
@_exported import protocol ApusTensor.TensorElement
@_exported import struct ApusTensor.TensorFile
