import ApusSupport
import Testing

@Suite struct NearestNameTests {
  @Test func whatWasProbablyMeant() {
    let names = ["matmul", "reduce_sum", "reduce_max", "add"]
    #expect(nearest(to: "matmull", in: names) == "matmul")
    #expect(nearest(to: "reduce_smu", in: names) == "reduce_sum")
    #expect(nearest(to: "ad", in: names) == "add")
    #expect(nearest(to: "reduce_xyz", in: names) == "reduce_max")
    #expect(nearest(to: "convolve", in: names) == nil)
    #expect(nearest(to: "", in: names) == nil)
  }
}
