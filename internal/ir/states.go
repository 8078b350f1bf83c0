package ir

// States say where the registers of a guest are when translated code is left at an instruction
// that has faulted, or that is left to the interpreter: side tables of a piece of code. A register that
// is in neither list is in its place in the context.
type States struct {
	// Homes are for all of the code; nil means those that all pieces of code have in common.
	Homes []Recovery
	// Late has, for each such instruction, a range of registers of which Homes is not true.
	Late []Recovery
	// Computed are computations that have been left out: what they are of is there.
	Computed []Computation
}

// Computation is a pure operation on integers, with where its arguments are.
type Computation struct {
	Op   Op
	Imm  uint64
	Args [2]Recovery
}

// Recovery says where a guest register is.
type Recovery struct {
	Register uint8  // as variables are numbered: see Chain
	From     Origin // where it is
	Fix      Fix    // what is to be done with what is there
	N        int32  // number of the place, or the value
}

// Origin is a kind of places for values.
type Origin uint8

const (
	InPlace    Origin = iota // the register's own place in the context
	InHost                   // host register N
	InSpill                  // N among intermediate values
	InVariable               // the place of variable N
	IsConst                  // N itself, sign-extended
	IsComputed               // the result of States.Computed[N]
)

// Fix says in which ways a value stands for another one, in bits.
type Fix uint8

const (
	FixBox   Fix = 1 << iota // a binary32 for the NaN-boxed one
	FixNaN32                 // any NaN for the canonical one
	FixNaN64
	FixSign // the sign extension of its lower half for it
)
