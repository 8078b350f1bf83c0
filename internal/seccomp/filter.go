package seccomp

import (
	"encoding/binary"
	"errors"
)

// Action is what a filter returns: what is to be done in the upper 16 bits, data
// for that in the lower ones.
type Action uint32

// Actions, in the order of precedence (seccomp(2)).
const (
	KillProcess Action = 0x80000000
	KillThread  Action = 0x00000000
	Trap        Action = 0x00030000
	Errno       Action = 0x00050000
	UserNotif   Action = 0x7fc00000
	Trace       Action = 0x7ff00000
	Log         Action = 0x7ffc0000
	Allow       Action = 0x7fff0000
)

// Kind is the action without its data.
func (a Action) Kind() Action { return a & 0xffff0000 }

// Data is the data of the action.
func (a Action) Data() uint16 { return uint16(a) }

// before reports whether a has precedence over b.
func (a Action) before(b Action) bool { return int32(a.Kind()) < int32(b.Kind()) }

// Known reports whether a is an action that exists, without data.
func (a Action) Known() bool {
	switch a {
	case KillProcess, KillThread, Trap, Errno, UserNotif, Trace, Log, Allow:
		return true
	}
	return false
}

// Filter is a filter and those that were installed before it. It never changes, so
// that threads and processes can share it. A nil Filter allows everything.
type Filter struct {
	program []Instruction
	prev    *Filter
	depth   int // number of filters of the chain
	cost    int // total of the kernel's instructions, with a penalty for each filter

	// Listener says that user notifications of the chain go to somebody: a filter of
	// it was installed with SECCOMP_FILTER_FLAG_NEW_LISTENER.
	Listener bool
}

const (
	maxPathLength = 1 << 15 // MAX_INSNS_PER_PATH: instructions that all filters together may have
	filterPenalty = 4       // what each filter besides counts
)

// ErrTooLong is the error of a chain whose programs are too long together (ENOMEM).
var ErrTooLong = errors.New("seccomp: too many filters")

// Append returns prev with one more filter, which has precedence among equals. The
// errors are ErrProgram and ErrTooLong.
func Append(prev *Filter, program []Instruction, listener bool) (*Filter, error) {
	if err := Check(program); err != nil {
		return nil, err
	}
	f := &Filter{program: program, prev: prev, depth: 1, cost: kernelLength(program) + filterPenalty, Listener: listener}
	if prev != nil {
		f.depth += prev.depth
		f.cost += prev.cost
		f.Listener = f.Listener || prev.Listener
	}
	if f.cost-filterPenalty > maxPathLength {
		return nil, ErrTooLong
	}
	return f, nil
}

// kernelLength is the number of instructions that the kernel translates a program to
// (bpf_convert_filter): this is what it counts.
func kernelLength(program []Instruction) int {
	n := 3 // clears A and X, moves the argument
	for _, in := range program {
		n++
		switch forms[in.Code] {
		case formReturn:
			if in.Code&retA == 0 {
				n++ // a move
			}
		case formBranch:
			if in.Code&srcX == 0 && int32(in.K) < 0 {
				n++ // a move of what would be sign-extended
			}
			if in.JF != 0 && (in.JT != 0 || in.Code&0xf0 == opJSET) {
				n++ // a second jump
			}
		case formPlain:
			if in.Code == classALU|opDIV|srcX {
				n += 4 // for 0
			}
		}
	}
	return n
}

// Len is the number of filters.
func (f *Filter) Len() int {
	if f == nil {
		return 0
	}
	return f.depth
}

// Program returns the program of the filter at a depth: 0 is the oldest. It returns
// nil if there is none. The caller must not change it.
func (f *Filter) Program(depth int) []Instruction {
	for ; f != nil; f = f.prev {
		if f.depth == depth+1 {
			return f.program
		}
	}
	return nil
}

// Evaluate runs all filters and returns what has precedence.
func (f *Filter) Evaluate(d *Data) Action {
	w := d.words()
	result := Allow
	for ; f != nil; f = f.prev {
		if a := Action(run(f.program, &w)); a.before(result) {
			result = a
		}
	}
	return result
}

// Extends reports whether f has all filters of old, in the same order: a thread
// that has old may be given f.
func (f *Filter) Extends(old *Filter) bool {
	for ; f != nil; f = f.prev {
		if f == old {
			return true
		}
	}
	return old == nil
}

// MarshalBinary returns the chain as bytes.
func (f *Filter) MarshalBinary() ([]byte, error) {
	var b []byte
	for depth := range f.Len() {
		p := f.Program(depth)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = Encode(b, p)
	}
	if f != nil && f.Listener {
		b = append(b, 1)
	}
	return b, nil
}

// Unmarshal is the inverse of [Filter.MarshalBinary].
func Unmarshal(b []byte) (f *Filter, err error) {
	for len(b) >= 4 {
		n := uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
		if n*InstructionSize > uint64(len(b)) {
			return nil, ErrProgram
		}
		if f, err = Append(f, Decode(b[:n*InstructionSize]), false); err != nil {
			return nil, err
		}
		b = b[n*InstructionSize:]
	}
	if f != nil && len(b) > 0 {
		f.Listener = b[0] == 1
	}
	return f, nil
}
