package testcmd

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// inheritNothing has programs inherit of this process what they do elsewhere, whoever has started the tests: no signals that are
// ignored or blocked, no further descriptors, a umask with which files are readable and executable by all. If signals are
// blocked the process executes itself: only so do all threads have another mask.
func inheritNothing() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	unix.Umask(0o022)
	status, _ := os.ReadFile("/proc/self/status")
	_, text, _ := strings.Cut(string(status), "\nSigIgn:\t")
	var ignored uint64
	_, _ = fmt.Sscanf(text, "%x", &ignored)
	for sig := 1; sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			trap.Default(sig, 0)
		}
	}
	var blocked, none unix.Sigset_t
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &blocked); err == nil && blocked != none {
		_ = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
}
