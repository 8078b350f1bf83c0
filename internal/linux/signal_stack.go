//go:build linux && amd64

package linux

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// sysSigaltstack is sigaltstack(2). The alternate stack is the guest's alone: on the host
// signals are handled on Go's.
func sysSigaltstack(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, uapi.Sigaltstack(t.Mem, &t.sig.stack, t.CPU.SP(), c.Args[0], c.Args[1])
}
