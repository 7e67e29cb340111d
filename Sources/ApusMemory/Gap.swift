/// The share by which something proven to take at least `bound` may be above the least; 0 where it is the least.
public func gap(of peak: Int, above bound: Int) -> Double {
  peak <= bound ? 0 : Double(peak - bound) / Double(max(bound, 1))
}
