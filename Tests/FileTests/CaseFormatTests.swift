import Testing

@Suite struct CaseFormatTests {
  @Test("readable", arguments: CasePath.all)
  func readable(_ path: CasePath) throws {
    let file = try path.read()
    #expect(["check", "opt", "run"].contains(file.command))
    #expect(file.isRejecting || file.output != nil, "expects nothing", sourceLocation: path.location())
    for error in file.errors {
      #expect(error.id.allSatisfy { $0.isLetter || $0.isNumber || ".-_".contains($0) }, sourceLocation: path.location())
    }
  }

  @Test func pieces() throws {
    #expect(try CasePieces.bytes(of: #""ab" hex(00 FF) u16(258) zeros(2)"#) == [97, 98, 0, 255, 2, 1, 0, 0])
    #expect(try CasePieces.bytes(of: #"repeat("(", 3)"#) == [40, 40, 40])
    #expect(try CasePieces.bytes(of: #"safetensors("{'a'}")"#) == [5, 0, 0, 0, 0, 0, 0, 0] + Array(#"{"a"}"#.utf8))
    #expect(try CasePieces.bytes(of: "") == [])
    let npy = try CasePieces.bytes(of: #"npy("{}")"#)
    #expect(npy.count == 64 && npy[8] == 54 && npy.last == 10)
    #expect(throws: CaseFormatError.self) { try CasePieces.bytes(of: #""open"#) }
    #expect(throws: CaseFormatError.self) { try CasePieces.bytes(of: "nought(1)") }
    #expect(throws: CaseFormatError.self) { try CasePieces.bytes(of: "u16(x)") }
  }

  @Test func header() throws {
    let file = try CaseFile(
      text: """
        // test: opt fuse --verify
        // error@file: b.c
        // text: x = repeat("a", 3)
        // file: w.npy = zeros(2)
        // folder: d
        ${x}  // error: d.e // error: f
        """)
    #expect(file.command == "opt" && file.arguments == ["fuse", "--verify"])
    #expect(file.files == ["w.npy": [0, 0]] && file.folders == ["d"] && file.output == nil)
    #expect(file.errors == [.init(line: nil, id: "b.c"), .init(line: 6, id: "d.e"), .init(line: 6, id: "f")])
    guard case .bytes(let bytes) = file.input else { throw CaseFormatError("not bytes") }
    #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("\naaa  // error: d.e // error: f"))
  }

  @Test func output() throws {
    let file = try CaseFile(text: "// test: opt\nfunc\n// ----\nresult\n")
    #expect(file.output == "result" && file.input == .bytes(Array("// test: opt\nfunc\n".utf8)))
    #expect(throws: CaseFormatError.self) { try CaseFile(text: "func\n") }
    #expect(throws: CaseFormatError.self) { try CaseFile(text: "// test: check\n${y}\n") }
  }
}
