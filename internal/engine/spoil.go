//go:build linux && amd64 && wrong

package engine

import "github.com/hospes-vm/hospes/internal/ir"

// spoil makes some operations of a trace others. The build tag wrong is for testing that
// checks find translations that are wrong.
func spoil(t *ir.Trace) {
	for k := range t.Code {
		switch op := &t.Code[k].Op; *op {
		case ir.Xor:
			*op = ir.Or
		case ir.Ltu:
			*op = ir.Lts
		case ir.Store16:
			*op = ir.Store32
		}
	}
}
