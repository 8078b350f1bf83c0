//go:build linux && amd64 && !race && !msan && !asan

// Package early runs before Go's runtime does: it saves the signal mask and the
// ignored signals with which the program was started, which the runtime changes,
// blocks all signals, and has the runtime unblock none. It also notes which of the
// standard descriptors are closed, which the runtime opens; it raises the limits
// of memory, which are the guest's and may be too low for the runtime itself; it
// reserves the addresses that the guest may have, before Go's heap gets there; and it has the heap in large pages. Threads
// of the runtime inherit the mask: none of them will take a signal that is meant for
// the guest.
//
// Programs that are a guest from start to end, such as the command, import it for
// its effect. One that only embeds a guest must not: its own signals would wait
// for ever.
//
// The hook is the one through which package runtime/cgo sets up thread-local
// storage, at the very start of the runtime. A program cannot have both: one that
// uses cgo does not link with this package, and under the race detector, which does,
// the package has no effect.
package early

import (
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inherited"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/direct"
	"github.com/hospes-vm/hospes/internal/trap"
)

// What the hook saved.
var (
	mask    uint64
	closed  uint32 // bit n: descriptor n, of 0 to 2, is not open
	actions [65]action

	data, space limit

	reserved uintptr // where the guest's range has been reserved, or an error
)

// The guest's range, with a guard behind it.
const (
	//lint:ignore U1000 in the assembly
	rangeStart = mem.MinAddr
	//lint:ignore U1000 in the assembly
	rangeSize = direct.MaxLimit + mem.Guard - mem.MinAddr
)

// What Go's runtime needs to start, in bytes: it reserves address space for its tables,
// and maps its heap in pieces of 64 MB.
const (
	//lint:ignore U1000 in the assembly
	leastData = 80 << 20
	//lint:ignore U1000 in the assembly
	leastSpace = 1500 << 20
)

// limit is a resource limit that the hook has raised.
type limit struct {
	cur, max uint64
	//lint:ignore U1000 in the assembly
	raised [2]uint64
	known  uint32
}

// action is the kernel's struct sigaction on amd64, of which only the handler matters.
type action struct {
	handler uintptr
	_       [3]uint64 // flags, restorer, mask
}

const sigIgn = 1

// start runs when the runtime has not started yet, on the stack of g0.
//
//lint:ignore U1000 called by the assembly
//go:nosplit
func start(argv uintptr) { trap.Early(argv) }

func init() {
	var ignored uint64
	for sig := 1; sig < len(actions); sig++ {
		if actions[sig].handler == sigIgn {
			ignored |= 1 << (sig - 1)
		}
	}
	trap.Inherit(mask, ignored)
	inherited.SetClosed(closed)
	if reserved == mem.MinAddr {
		direct.Reserved()
	}
	for resource, l := range map[int]*limit{unix.RLIMIT_DATA: &data, unix.RLIMIT_AS: &space} {
		if l.known != 0 {
			inherited.SetLimit(resource, inherited.Rlimit{Cur: l.cur, Max: l.max})
		}
	}
}
