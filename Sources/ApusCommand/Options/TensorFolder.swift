/// A folder with a file `NAME.npy` for each tensor.
enum TensorFolder {
  /// Names come from the model, which nobody needs to trust: none leads out of the folder.
  static func canHold(_ name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0) && name.utf8.count <= 200
  }

  static func file(_ name: String, in folder: String) -> String { "\(folder)/\(name).npy" }
}
