//go:build linux && amd64

package reserved

import (
	"sync/atomic"
	"unsafe"
)

const sysPrlimit64 = 302

// isPollServerDescriptor reports whether the runtime's poller uses a descriptor.
//
//go:linkname isPollServerDescriptor internal/poll.runtime_isPollServerDescriptor
func isPollServerDescriptor(fd uintptr) bool

// runtimeNumber returns a function that changes the runtime's idea of the number of
// one of its poller's descriptors, which is fd now; other is the other's. It is nil if
// that cannot be found out.
//
// The linker lets nobody name the runtime's variables. isPollServerDescriptor compares
// with both, so its instructions say where they are: those that compare or load with
// an address relative to RIP. That the variables have the right values is checked
// before, that the function agrees afterwards.
func runtimeNumber(fd, other int) func(int) {
	if !isPollServerDescriptor(uintptr(fd)) || !isPollServerDescriptor(uintptr(other)) {
		return nil
	}
	f := isPollServerDescriptor
	code := unsafe.Slice(**(***byte)(unsafe.Pointer(&f)), 64)
	var epfd *int32
	var event *uintptr
	for i := 0; i+7 <= len(code); i++ {
		const rexW, modRM, ripRelative = 0x48, 0xc7, 0x05
		if code[i] != rexW || code[i+2]&modRM != ripRelative {
			continue
		}
		target := unsafe.Add(unsafe.Pointer(&code[i+7]), *(*int32)(unsafe.Pointer(&code[i+3])))
		switch code[i+1] {
		case 0x63: // MOVSXD r64, [rip+disp32]
			epfd = (*int32)(target)
		case 0x39, 0x3b: // CMP
			event = (*uintptr)(target)
		}
	}
	switch {
	case epfd == nil || event == nil:
	case int(*epfd) == fd && *event == uintptr(other):
		return func(fd int) { atomic.StoreInt32(epfd, int32(fd)) }
	case int(*epfd) == other && *event == uintptr(fd):
		return func(fd int) { atomic.StoreUintptr(event, uintptr(fd)) }
	}
	return nil
}
