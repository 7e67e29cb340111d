extension SubjectGroup {
  /// One pass over the elements: cheap arithmetic, and an elementary function.
  static func elementwise() -> SubjectGroup {
    SubjectGroup(
      "elementwise",
      [
        traffic(
          "chain-of-8-1M", elements: 2_000_000,
          """
          graph chain(x: f32[1000000]) {
            a = max(x * 1.5 + 0.25, 0.125)
            return abs(a * a - x) * 0.5 + x
          }
          """),
        traffic("gelu-128x3072", elements: 2 * 128 * 3072, "graph g(x: f32[128, 3072]) { return gelu(x) }"),
        traffic(
          "bias-add-1024x1024", elements: 2 * 1024 * 1024, "graph g(x: f32[1024, 1024], b: f32[1024]) { return x + b }"),
      ])
  }

  /// Rows that are read several times and written once.
  static func normalization() -> SubjectGroup {
    SubjectGroup(
      "normalization",
      [
        traffic(
          "softmax-8x12x128x128", elements: 2 * 8 * 12 * 128 * 128,
          "graph g(x: f32[8, 12, 128, 128]) { return softmax(x, axis: -1) }"),
        traffic(
          "layer_norm-128x768", elements: 2 * 128 * 768,
          "graph g(x: f32[128, 768], s: f32[768], b: f32[768]) { return layer_norm(x, s, b) }"),
      ])
  }

  /// Reductions of each kind of axis, windows and scans.
  static func folding() -> SubjectGroup {
    let million = 1024 * 1024
    return SubjectGroup(
      "folding",
      [
        traffic("sum-rows-1024x1024", elements: million, square("reduce_sum(x, axes: [1])")),
        traffic("max-rows-1024x1024", elements: million, square("reduce_max(x, axes: [1])")),
        traffic("sum-columns-1024x1024", elements: million, square("reduce_sum(x, axes: [0])")),
        traffic("sum-all-1024x1024", elements: million, square("reduce_sum(x, axes: [0, 1])")),
        traffic("arg_max-rows-1024x1024", elements: million, square("arg_max(x, axis: 1)")),
        traffic("cumsum-rows-1024x1024", elements: 2 * million, square("cumsum(x, axis: 1)")),
        traffic("cumsum-columns-1024x1024", elements: 2 * million, square("cumsum(x, axis: 0)")),
        traffic("max_pool-3x3-112x112x64-stride-2", elements: 64 * (112 * 112 + 56 * 56), pool(stride: 2)),
        traffic("max_pool-3x3-112x112x64", elements: 64 * 2 * 112 * 112, pool(stride: 1)),
      ])
  }

  /// Elements that change places.
  static func movement() -> SubjectGroup {
    SubjectGroup(
      "movement",
      [
        traffic(
          "nchw-to-nhwc-64x112x112", elements: 2 * 64 * 112 * 112,
          "graph g(x: f32[1, 64, 112, 112]) { return transpose(x, perm: [0, 2, 3, 1]) }"),
        traffic("transpose-1024x1024", elements: 2 * 1024 * 1024, square("transpose(x, perm: [1, 0])")),
        traffic(
          "concat-of-slices-512x1024", elements: 2 * 512 * 1536,
          """
          graph g(x: f32[512, 1024], y: f32[512, 1024]) {
            return concat(slice(x, starts: [0, 128], limits: [512, 896]), slice(y, starts: [0, 0], limits: [512, 768]), axis: 1)
          }
          """),
        traffic(
          "gather-1024-of-30000x768", elements: 2 * 1024 * 768,
          """
          graph g(table: f32[30000, 768]) {
            rows = convert(iota(axis: 0, shape: [1024], to: s64) * 7919 % 30000, to: s64)
            return gather(table, rows, axis: 0)
          }
          """),
      ])
  }

  /// Orders of rows.
  static func ordering() -> SubjectGroup {
    SubjectGroup(
      "ordering",
      [
        Subject.graph(
          "sort-64x4096", .items(64 * 4096, "elements"),
          "graph g(x: f32[64, 4096]) { v, i = sort(x, axis: -1); return v, i }"),
        Subject.graph(
          "top_k-10-of-64x4096", .items(64 * 4096, "elements"),
          "graph g(x: f32[64, 4096]) { v, i = top_k(x, k: [10], axis: -1); return v, i }"),
      ])
  }

  /// Held against a copy that moves as many elements of four bytes, each once.
  private static func traffic(_ name: String, elements: Int, _ text: String) -> Subject {
    .graph(name, .bytes(Double(elements) * 4), text)
  }

  private static func square(_ expression: String) -> String {
    "graph g(x: f32[1024, 1024]) { return \(expression) }"
  }

  private static func pool(stride: Int) -> String {
    """
    graph g(x: f32[1, 64, 112, 112]) {
      return reduce_window(x, kind: max, window: [3, 3], strides: [\(stride), \(stride)], pads: [1, 1, 1, 1])
    }
    """
  }
}
