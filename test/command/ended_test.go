//go:build linux && amd64

package command

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// endedAs is the exit status, or the name of the signal that killed the process.
func endedAs(s *os.ProcessState) string {
	ws := s.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		if name := unix.SignalName(ws.Signal()); name != "" {
			return name
		}
		return fmt.Sprintf("SIG%d", ws.Signal())
	}
	return strconv.Itoa(ws.ExitStatus())
}
