//go:build linux && amd64

package view

import (
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
)

// exitName says what an exit by an operation is.
func exitName(op ir.Op) string {
	switch op {
	case jit.Poll:
		return "interrupt"
	case jit.Stale:
		return "changed code"
	case ir.Ecall:
		return "system call"
	case ir.CallTo:
		return "call"
	}
	return "exit"
}
