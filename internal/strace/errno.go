//go:build linux && amd64

package strace

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// restarts are the kernel's error numbers of interrupted calls, which programs
// never see (include/linux/errno.h).
var restarts = map[int]string{
	512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
	513: "ERESTARTNOINTR (To be restarted)",
	514: "ERESTARTNOHAND (To be restarted if no handler)",
	516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}

// formatErrno is the result of a call that failed.
func formatErrno(n int) string {
	if s, ok := restarts[n]; ok {
		return "? " + s
	}
	e := syscall.Errno(n)
	name := unix.ErrnoName(e)
	if name == "" {
		return fmt.Sprintf("-1 (errno %d)", n)
	}
	text := e.Error() // the C library's text, but for the first letter
	return fmt.Sprintf("-1 %s (%s)", name, strings.ToUpper(text[:1])+text[1:])
}
