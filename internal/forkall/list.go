//go:build linux && amd64

package forkall

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The runtime's own list of its threads, runtime.allm. It serves where /proc is not
// mounted, or not that of the process's PID namespace, as in a bare chroot.
//
// Nothing exported leads to the list but functions that walk it. So [findList] takes
// the addresses out of the code of one of these, and checks what it has found.

// list is where the runtime's list is; head is 0 if that is not known.
var list struct {
	head uintptr // address of runtime.allm
	link uintptr // offset of the next m in an m
}

// findList learns where the list is. It is for one thread at a time.
func findList() bool {
	walker := runtime.NumCgoCall // sums a field of all
	code := unsafe.Slice(*(**byte)(*(*unsafe.Pointer)(unsafe.Pointer(&walker))), 64)
	heads, links := operands(code)
	for _, head := range heads {
		for _, link := range links {
			if isList(head, link) {
				list.head, list.link = head, link
				return true
			}
		}
	}
	return false
}

// operands returns what the loads of 64-bit words in a piece of code refer to: the
// addresses of variables, and the offsets from a register.
func operands(code []byte) (addresses, offsets []uintptr) {
	const (
		rexW   = 0x48 // and bit 2: a high register is the target
		movLdr = 0x8b
	)
	for i := 0; i+7 <= len(code); i++ {
		if code[i]&^4 != rexW || code[i+1] != movLdr {
			continue
		}
		disp := *(*int32)(unsafe.Pointer(&code[i+3]))
		switch mod, rm := code[i+2]>>6, code[i+2]&7; {
		case mod == 0 && rm == 5: // relative to the next instruction
			addresses = append(addresses, uintptr(unsafe.Pointer(&code[i]))+7+uintptr(disp))
		case mod == 2 && rm != 4:
			offsets = append(offsets, uintptr(disp))
		}
	}
	return addresses, offsets
}

// isList reports whether a variable is the head of the list of all m.
func isList(head, link uintptr) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil { // what was taken for a pointer was none
			ok = false
		}
	}()
	want, _ := runtime.ThreadCreateProfile(nil)
	self, n := false, 0
	for m := *word(head); m != 0 && n <= want; m = *word(m + link) {
		self = self || m == currentM()
		if tid := *word(m + procidOffset); tid != 0 && unix.Tgkill(unix.Getpid(), int(tid), 0) != nil {
			return false
		}
		n++
	}
	return self && n == want
}

// leaving are threads that have announced their end; 0 is a free place. The runtime
// takes a thread off its list while the thread still has some way to go.
var leaving [256]int32

// Leaving announces that the calling thread, which is not the first, ends with its
// goroutine.
func Leaving() {
	tid := int32(unix.Gettid())
	for {
		for i := range leaving {
			old := atomic.LoadInt32(&leaving[i])
			if old != 0 && old != tid && unix.Tgkill(unix.Getpid(), int(old), 0) == nil {
				continue
			}
			if atomic.CompareAndSwapInt32(&leaving[i], old, tid) {
				return
			}
		}
		runtime.Gosched() // 256 threads end at once
	}
}

// signalListed is signalAll by the runtime's list.
//
//go:nosplit
//go:norace
func signalListed(pid, self uintptr) int {
	fresh := 0
	for i := 0; i < len(leaving); i++ {
		if n := signalThread(pid, self, uintptr(atomic.LoadInt32(&leaving[i]))); n < 0 {
			return n
		} else {
			fresh += n
		}
	}
	for m := *word(list.head); m != 0; m = *word(m + list.link) {
		tid := threadID(m)
		if tid == 0 {
			return -1
		}
		if n := signalThread(pid, self, tid); n < 0 {
			return n
		} else {
			fresh += n
		}
	}
	return fresh
}

// threadID is the ID of an m's thread. One that is being made has none until it has
// come some way, and not at all if who makes it has stopped: that gives 0.
//
//go:nosplit
//go:norace
func threadID(m uintptr) uintptr {
	for i := 0; i < patience*10; i++ {
		if tid := atomic.LoadUintptr(word(m + procidOffset)); tid != 0 {
			return tid
		}
		wait := unix.Timespec{Nsec: 1e5}
		raw(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0, 0)
	}
	return 0
}

// signalThread sends a thread the signal if it has had none. It returns how many
// have got one, or -1 if there are too many threads.
//
//go:nosplit
//go:norace
func signalThread(pid, self, tid uintptr) int {
	switch {
	case tid == 0 || tid == self || isSignalled(int32(tid)):
		return 0
	case total == maxThreads:
		return -1
	case failed(raw(unix.SYS_RT_TGSIGQUEUEINFO, pid, tid, uintptr(unix.SIGSTKFLT), uintptr(unsafe.Pointer(&freezing)))):
		return 0
	}
	signalled[total] = int32(tid)
	total++
	return 1
}
