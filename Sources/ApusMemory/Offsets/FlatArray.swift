/// A run of plain values of fixed length whose indices are checked in debug builds alone: the search reads and writes
/// one every nanosecond, and its indices are its own.
struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  init(repeating element: Element, count: Int) {
    precondition(count >= 0, "a length is not negative")
    base = .allocate(capacity: max(count, 1))
    base.initialize(repeating: element, count: max(count, 1))
    self.count = count
  }

  init(_ elements: [Element]) {
    count = elements.count
    base = .allocate(capacity: max(count, 1))
    for (index, element) in elements.enumerated() { (base + index).initialize(to: element) }
  }

  deinit { base.deallocate() }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      assert(index >= 0 && index < count, "an index lies outside")
      return base[index]
    }
    @inline(__always) nonmutating set {
      assert(index >= 0 && index < count, "an index lies outside")
      base[index] = newValue
    }
  }

  subscript(index: Int32) -> Element {
    @inline(__always) get { self[Int(index)] }
    @inline(__always) nonmutating set { self[Int(index)] = newValue }
  }

  func fill(_ element: Element) {
    for index in 0..<count { base[index] = element }
  }

  /// Sorts the elements of a range.
  func sort(_ range: Range<Int>, by isBefore: (Element, Element) -> Bool) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range lies outside")
    var part = UnsafeMutableBufferPointer(start: base + range.lowerBound, count: range.count)
    part.sort(by: isBefore)
  }
}
