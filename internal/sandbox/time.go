//go:build linux && amd64

package sandbox

// restartBlock is what restart_syscall(2) continues, as in the kernel's struct
// restart_block.
type restartBlock struct {
	deadline int64  // when the sleep ends
	rem      uint64 // guest address for the time left, or 0
}
