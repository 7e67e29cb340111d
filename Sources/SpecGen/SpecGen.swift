@main struct SpecGen { static func main() {} }
