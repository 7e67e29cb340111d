// What `import Apus` shows of the modules below it. ApusGraph comes whole: its operators and its functions,
// one for each op, are what a graph in Swift is written with.
@_exported import struct ApusCompiler.Model
@_exported import ApusGraph
@_exported import struct ApusRuntime.CFunction
@_exported import struct ApusRuntime.CustomOperation
@_exported import struct ApusRuntime.TensorSignature
@_exported import enum ApusSupport.Place
@_exported import enum ApusSupport.Severity
@_exported import struct ApusSupport.Diagnostic
@_exported import struct ApusSupport.DiagnosticError
@_exported import struct ApusTensor.BFloat16
@_exported import enum ApusTensor.ElementType
@_exported import enum ApusTensor.Scalar
@_exported import struct ApusTensor.Tensor
@_exported import protocol ApusTensor.TensorElement
@_exported import struct ApusTensor.TensorFile
@_exported import class ApusTensor.TensorStorage
