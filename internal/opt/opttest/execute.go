package opttest

import (
	"fmt"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// Callee does what functions do that are called outside of regions: it changes some registers.
func Callee(s *ir.State) {
	for n := 2; n < base; n += 3 {
		s.X[n] = s.X[n]*5 + uint64(n)
		s.F[n] ^= s.X[n]
	}
}

// Execute executes sources, beginning with the first, until one is left by what is no way to
// another. It is an error if limit guest instructions do not do.
func Execute(sources []opt.Source, s *ir.State, limit int) (ir.Outcome, error) {
	return Follow(sources, s, limit, func(uint64) {})
}

// Follow is Execute. It calls next with the address of each guest instruction before it is executed.
func Follow(sources []opt.Source, s *ir.State, limit int, next func(pc uint64)) (ir.Outcome, error) {
	at := 0
	for {
		out, to := execute(&sources[at], sources, s, &limit, next)
		switch {
		case limit < 0:
			return out, fmt.Errorf("not left in time")
		case to < 0:
			return out, nil
		}
		at = to
	}
}

// execute executes one source. It returns the number of the next, or -1.
func execute(src *opt.Source, all []opt.Source, s *ir.State, limit *int, next func(pc uint64)) (out ir.Outcome, to int) {
	t := src.Trace
	e := ir.NewEvaluation(s, len(t.Code))
	for k := 1; k < len(t.Code); k++ {
		if t.Code[k].Op == ir.Inst {
			if *limit--; *limit < 0 {
				return out, -1
			}
			next(t.Code[k].Imm)
		}
		out, left := e.Step(&t.Code[k], ir.Value(k))
		if !left {
			continue
		}
		way := slices.IndexFunc(src.Ways, func(w opt.Way) bool {
			return w.From == ir.Value(k) && (w.Return || all[w.To].Trace.PC == out.PC) // else it is expected, but not so
		})
		if way < 0 || out.Fault {
			return out, -1
		}
		if src.Ways[way].Return {
			Callee(s)
		}
		return out, src.Ways[way].To
	}
	panic("opttest: a trace without end")
}
