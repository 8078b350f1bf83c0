//go:build linux && amd64

package trap

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"
)

// freezer is a handler that stops threads for package forkall, in assembly; 0 for none.
var freezer uintptr

// SetFreezer sets the handler of the signals that FreezeInfo describes. All
// registers are its to use.
func SetFreezer(handler uintptr) { atomic.StoreUintptr(&freezer, handler) }

// FreezeInfo makes info that of a signal, to be queued for a thread, that goes to
// the handler of SetFreezer.
func FreezeInfo(info *Info) {
	code := int32(freezeCode)
	binary.NativeEndian.PutUint32(info[0:], uint32(syscall.SIGSTKFLT))
	binary.NativeEndian.PutUint32(info[8:], uint32(code))
}

// Rebind makes t the only Thread, that of the calling host thread, in a process that
// is a copy of another one. Signals that wait in slots are the other's.
func (t *Thread) Rebind() {
	registryMu.Lock()
	for other := range bound {
		other.forget()
	}
	atomic.StoreUint32(&t.ready, 0)
	t.forgetSamples()
	registryMu.Unlock()
	_ = t.Bind() // there is room now
}
