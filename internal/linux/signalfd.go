//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// signalfd(2). The descriptors are the host's, through which all signals come that
// wait in the host kernel. The unmaskable ones wait here (signal_virtual.go): what
// reads from such a descriptor, or waits for one, looks there first, if the process
// has ever made one that wants any of them. Which of them a descriptor wants the host
// knows (proc(5), fdinfo). SIGSTKFLT is not among them: by that Thread.Kick interrupts
// a thread, and it must not be read.

const throughFD = trap.Unmaskable &^ (1 << (unix.SIGSTKFLT - 1))

const signalfdInfoSize = 128 // sizeof(struct signalfd_siginfo)

func sysSignalfd4(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, flags := c.Int(0), c.Int(3)
	switch {
	case c.Args[2] != sigsetSize:
		return 0, syscall.EINVAL
	case t.P.reserved.has(fd):
		return 0, syscall.EBADF
	}
	mask, f := t.Mem.Load(c.Args[1], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	mask &^= 1 << (unix.SIGSTKFLT - 1)
	if mask&throughFD != 0 {
		t.P.sig.throughFD.Store(true)
	}
	m := marshaller{t: t}
	defer m.finish()
	b := binary.NativeEndian.AppendUint64(nil, mask)
	return t.Syscall(unix.SYS_SIGNALFD4, uintptr(fd), m.keep(&b[0]), sigsetSize, uintptr(flags))
}

// readsSignals makes of a handler of read(2) one that reads what waits here first.
func readsSignals(read Handler) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if !t.mayReadVirtual() || c.Args[2] < signalfdInfoSize {
			return read(t, c)
		}
		want := t.signalfdMask(c.Int(0))
		n := uint64(0)
		for ; n+signalfdInfoSize <= c.Args[2] && want != 0; n += signalfdInfoSize {
			info, ok := t.takeVirtual(want)
			if !ok {
				break
			}
			b := signalfdInfo(&info)
			if t.Mem.CopyOut(c.Args[1]+n, b[:]) != nil {
				t.sig.own.add(&info)
				return n, faultUnless(n)
			}
		}
		if n == 0 {
			return read(t, c)
		}
		return n, 0
	}
}

// faultUnless is EFAULT for a call that has done nothing yet.
func faultUnless(done uint64) syscall.Errno {
	if done != 0 {
		return 0
	}
	return syscall.EFAULT
}

// mayReadVirtual reports whether there may be a descriptor through which something
// comes that waits here.
func (t *Task) mayReadVirtual() bool {
	return t.P.sig.throughFD.Load() && t.virtualPending()&throughFD != 0
}

// signalfdMask is the set of unmaskable signals that a descriptor wants; empty if it
// is none of signalfd(2).
func (t *Task) signalfdMask(fd int) (mask uint64) {
	for line := range strings.Lines(fdInfo(fd)) {
		if _, err := fmt.Sscanf(line, "sigmask:%x", &mask); err == nil {
			return mask & throughFD
		}
	}
	return 0
}

// signalfdReady reports whether a descriptor can be read because of what waits here.
func (t *Task) signalfdReady(fd int) bool {
	return t.virtualPending()&t.signalfdMask(fd) != 0
}

// fdInfo is what the host says of a descriptor (/proc/pid/fdinfo of proc(5)).
func fdInfo(fd int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/thread-self/fdinfo/%d", fd))
	return string(b)
}

// signalfdInfo is the struct signalfd_siginfo of a signal that somebody has sent.
func signalfdInfo(info *trap.Info) (b [signalfdInfoSize]byte) {
	const siTimer = -2
	le := binary.LittleEndian
	copy(b[:12], info[:12]) // number, errno, code
	switch info.Code() {
	case siTimer:
		copy(b[24:28], info[16:20]) // timer
		copy(b[32:36], info[20:24]) // overrun
	default:
		copy(b[12:20], info[16:24]) // process, user
	}
	if code := info.Code(); code != siTKill && code != 0 {
		copy(b[44:48], info[24:28])                // value as a number
		le.PutUint64(b[48:], le.Uint64(info[24:])) // and as a pointer
	}
	return b
}

// readySignalfds returns which of the descriptors in a poll set, of those that are
// waited for with POLLIN, can be read because of what waits here: their addresses.
func (t *Task) readySignalfds(addr uint64, n uint32) (ready []uint64) {
	if !t.mayReadVirtual() || uint64(n) > t.P.Limit(unix.RLIMIT_NOFILE) {
		return nil
	}
	for ; n > 0; n, addr = n-1, addr+pollfdSize {
		v, f := t.Mem.Load(addr, pollfdSize)
		if f != nil {
			return nil
		}
		if fd := int(int32(v)); v>>32&unix.POLLIN != 0 && fd >= 0 && t.signalfdReady(fd) {
			ready = append(ready, addr)
		}
	}
	return ready
}

// markReadable adds POLLIN to the answers for descriptors, and returns for how many
// there was none.
func (t *Task) markReadable(ready []uint64) (more uint64, e syscall.Errno) {
	for _, addr := range ready {
		events, f := t.Mem.Load(addr+pollfdRevents, 2)
		if f == nil {
			f = t.Mem.Store(addr+pollfdRevents, 2, events|unix.POLLIN)
		}
		if f != nil {
			return 0, syscall.EFAULT
		}
		if events == 0 {
			more++
		}
	}
	return more, 0
}

// readySet is readySignalfds for an fd_set: the descriptors themselves.
func (t *Task) readySet(addr uint64, n int) (ready []int) {
	if addr == 0 || !t.mayReadVirtual() {
		return nil
	}
	for base := 0; base < n; base += 64 {
		set, f := t.Mem.Load(addr+uint64(base)/8, 8)
		if f != nil {
			return nil
		}
		for ; set != 0; set &= set - 1 {
			if fd := base + bits.TrailingZeros64(set); fd < n && t.signalfdReady(fd) {
				ready = append(ready, fd)
			}
		}
	}
	return ready
}

// markSet adds descriptors to the fd_set of an answer, and returns how many were not in it.
func (t *Task) markSet(addr uint64, ready []int) (more uint64, e syscall.Errno) {
	for _, fd := range ready {
		at := addr + uint64(fd)/8
		b, f := t.Mem.Load(at, 1)
		if f == nil {
			f = t.Mem.Store(at, 1, b|1<<(fd%8))
		}
		if f != nil {
			return 0, syscall.EFAULT
		}
		if b>>(fd%8)&1 == 0 {
			more++
		}
	}
	return more, 0
}

// readyEvents returns the events of an epoll descriptor that the host does not know of.
func (t *Task) readyEvents(epfd int) (ready []unix.EpollEvent) {
	if !t.mayReadVirtual() {
		return nil
	}
	for line := range strings.Lines(fdInfo(epfd)) {
		var fd int
		var events uint32
		var data uint64
		if _, err := fmt.Sscanf(line, "tfd: %d events: %x data: %x", &fd, &events, &data); err != nil {
			continue
		}
		if events&unix.EPOLLIN != 0 && t.signalfdReady(fd) {
			ready = append(ready, unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(data), Pad: int32(data >> 32)})
		}
	}
	return ready
}

// zeroTimeout is a time-out for the host that has passed already.
func (m *marshaller) zeroTimeout() uintptr {
	b := make([]byte, 16)
	return m.keep(&b[0])
}
