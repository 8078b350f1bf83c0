package opt

// Pass is a step of the optimiser.
type Pass struct {
	Name string
	Run  func(*Region)
}

// Passes are the steps, in their order. Join, loads and bounds look for addresses that are sums with
// constants. Boxes, bounds and narrow look ahead of loops, where the state is then observed.
var Passes = []Pass{
	{"phis", dropPhis},
	{"simplify", simplify},
	{"choices", chooseValues},
	{"branches", foldBranches},
	{"join", join},
	{"loads", loads},
	{"numbers", number},
	{"phis again", dropPhis},
	{"unused", dropUnused},
	{"boxes", boxes},
	{"bounds", bounds},
	{"narrow", wantNarrow},
	{"writes", dropWrites},
	{"simplify again", simplify},
	{"extensions", dropExtensions},
	{"unused again", dropUnused},
}

// Optimise runs all passes. After each of them it calls after, if that is not nil.
func Optimise(r *Region, after func(pass string)) {
	for _, p := range Passes {
		p.Run(r)
		r.mem.endPass()
		if after != nil {
			after(p.Name)
		}
	}
}
