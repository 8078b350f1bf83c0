package opt

// Pass is a step of the optimiser.
type Pass struct {
	Name string
	Run  func(*Region)
}

// Passes are the steps, in their order.
var Passes = []Pass{
	{"loads", loads},
	{"boxes", boxes},
	{"bounds", bounds},
}

// Optimise runs all passes. After each of them it calls after, if that is not nil.
func Optimise(r *Region, after func(pass string)) {
	for _, p := range Passes {
		p.Run(r)
		if after != nil {
			after(p.Name)
		}
	}
}
