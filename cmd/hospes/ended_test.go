//go:build linux && amd64

package main

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// endedAs is the exit status, or the name of the signal that killed the process.
func endedAs(s *os.ProcessState) string {
	ws := s.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return strconv.Itoa(ws.ExitStatus())
}
