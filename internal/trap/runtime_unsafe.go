//go:build linux && amd64

package trap

import (
	"strings"
	"syscall"
	"unsafe"
)

// What Go's runtime does with signals for its own sake can be changed by the
// GODEBUG variable in part, and in part not at all. The linker lets nobody name the
// runtime's variables, so they are found by their contents, which are hard to
// mistake, among the program's initialised data. All of it is put right before the
// guest has any say, and nothing depends on it but what the functions' comments say.

// goSignal is an entry of the runtime's table of signals (runtime/sigtab_linux_generic.go).
type goSignal struct {
	flags int32
	name  string
}

// Flags of signals that new threads of the runtime unblock, whatever mask the
// program was started with (runtime's _SigKill, _SigThrow, _SigUnblock; see its
// blockableSig), and of those that it gives no handler when it starts (_SigDefault).
const (
	goSigKill    = 1 << 1
	goSigThrow   = 1 << 2
	goSigDefault = 1 << 4
	goSigUnblock = 1 << 7
)

// goDebugVar is an entry of the runtime's table of GODEBUG variables (runtime's dbgVar).
type goDebugVar struct {
	name   string
	value  *int32
	atomic *int32
	def    int32
}

// takeOverRuntime has threads that the runtime creates later keep those signals
// blocked which it would unblock for its own use (SIGTERM, SIGCHLD, 34 and others),
// and has it send itself no SIGURG to preempt goroutines (asyncpreemptoff=1). It
// reports what was possible. Without the former such a thread hands the first of
// these signals on, or falls for its default action; without the latter a guest
// that handles SIGURG gets too many.
//
// It allocates nothing and uses nothing of the runtime, which may not have started yet.
//
// Checks of pointer conversions would find fault with looking at data as something
// that it may not be.
//
//go:nocheckptr
func takeOverRuntime(at *auxv) (masks, preemption bool) {
	const (
		tabLen = unsafe.Offsetof(goSignal{}.name) + wordSize // of the length of the first name
		varLen = unsafe.Offsetof(goDebugVar{}.name) + wordSize
	)
	img := programImage(at)
	if img.data.end == 0 {
		return false, false
	}
	end := img.data.end - unsafe.Sizeof([65]goSignal{})
	for p := img.data.start + tabLen; p < end && !(masks && preemption); p += wordSize {
		switch *(*uintptr)(addr(p)) {
		case uintptr(len(firstGoSignal)):
			if tab := (*[65]goSignal)(addr(p - tabLen)); img.isSignalTable(tab) {
				masks = true
				keepBlocked(tab)
			}
		case uintptr(len(preemptVar)):
			if v := (*goDebugVar)(addr(p - varLen)); img.isPreemptVar(v) {
				preemption = true
				if preemptOff == nil {
					preemptOff, preemptBefore = v.value, *v.value
				}
				*v.value = 1
			}
		}
	}
	return masks, preemption
}

const (
	wordSize      = unsafe.Sizeof(uintptr(0))
	firstGoSignal = "SIGNONE: no trap"
	preemptVar    = "asyncpreemptoff"
)

// What takeOverRuntime has found, and what was there.
var (
	signalTable   *[65]goSignal
	signalFlags   [65]int32
	preemptOff    *int32
	preemptBefore int32
)

func keepBlocked(tab *[65]goSignal) {
	first := signalTable == nil
	signalTable = tab
	for sig := range tab {
		if first {
			signalFlags[sig] = tab[sig].flags
		}
		if slotOf[sig] == slotOrdinary {
			tab[sig].flags &^= goSigKill | goSigThrow | goSigUnblock
		}
	}
}

// giveBackRuntime undoes takeOverRuntime.
func giveBackRuntime() {
	if signalTable != nil {
		for sig := range signalTable {
			signalTable[sig].flags = signalFlags[sig]
		}
	}
	if preemptOff != nil {
		*preemptOff = preemptBefore
	}
}

// isSignalTable compares lengths first: strings in data that is something else
// may point anywhere.
func (img *image) isSignalTable(tab *[65]goSignal) bool {
	for sig := range tab {
		if n := len(tab[sig].name); n < len("signal 0") || n > 64 {
			return false
		}
	}
	for _, known := range []struct {
		sig  syscall.Signal
		name string
	}{{0, firstGoSignal}, {syscall.SIGSEGV, "SIGSEGV: "}, {syscall.SIGCHLD, "SIGCHLD: "}, {64, "signal 64"}} {
		name := tab[known.sig].name
		if !img.contains(name) || !strings.HasPrefix(name, known.name) {
			return false
		}
	}
	return tab[syscall.SIGSEGV].flags&goSigUnblock != 0 && tab[syscall.SIGTERM].flags&goSigUnblock == 0
}

func (img *image) isPreemptVar(v *goDebugVar) bool {
	return img.contains(v.name) && v.name == preemptVar &&
		img.writable.has(uintptr(unsafe.Pointer(v.value))) && v.atomic == nil
}

type segment struct{ start, end uintptr }

func (s segment) has(p uintptr) bool { return s.start <= p && p < s.end }

// image is where the program's segments lie in memory.
type image struct {
	data     segment    // the initialised part of the writable one
	writable segment    // all of it
	readOnly [8]segment // the others
}

// contains reports whether s lies in one of the read-only segments.
func (img *image) contains(s string) bool {
	p := uintptr(unsafe.Pointer(unsafe.StringData(s)))
	for i := range img.readOnly {
		if seg := &img.readOnly[i]; seg.has(p) && seg.has(p+uintptr(len(s))-1) {
			return true
		}
	}
	return false
}

//go:linkname getAuxv runtime.getAuxv
func getAuxv() []uintptr

// auxv has what is used of the auxiliary vector, by its type.
type auxv [8]uintptr

const atPhdr, atPhnum = 3, 5

func (at *auxv) add(key, value uintptr) {
	if key < uintptr(len(at)) {
		at[key] = value
	}
}

// runtimeAuxv is the vector as the runtime has found it.
func runtimeAuxv() (at auxv) {
	for aux := getAuxv(); len(aux) >= 2; aux = aux[2:] {
		at.add(aux[0], aux[1])
	}
	return at
}

// Early does what Init does to Go's runtime, before that has started: so that no
// thread ever unblocks a signal that is meant for the guest and is pending already
// when the program starts. Argv is where the kernel has put the arguments.
//
//go:nosplit
//go:nocheckptr
func Early(argv uintptr) {
	var at auxv
	p := argv
	for range 2 { // behind the arguments, then behind the environment
		for *(*uintptr)(addr(p)) != 0 {
			p += wordSize
		}
		p += wordSize
	}
	for *(*uintptr)(addr(p)) != 0 {
		at.add(*(*uintptr)(addr(p)), *(*uintptr)(addr(p + wordSize)))
		p += 2 * wordSize
	}
	takenOver.masks, takenOver.preemption = takeOverRuntime(&at)
	if signalTable != nil {
		for sig := range signalTable {
			if slotOf[sig] == slotOrdinary { // its handler would not stay, and costs two system calls
				signalTable[sig].flags |= goSigDefault
			}
		}
	}
}

// programHeader is Elf64_Phdr.
type programHeader struct {
	typ, flags                                     uint32
	off, vaddr, paddr, fileSize, memorySize, align uintptr
}

// programImage reads the program headers that the kernel has loaded.
func programImage(at *auxv) (img image) {
	const (
		ptLoad, ptPhdr    = 1, 6
		flagWrite         = 2
		maxProgramHeaders = 64
	)
	if at[atPhdr] == 0 || at[atPhnum] > maxProgramHeaders {
		return img
	}
	headers := unsafe.Slice((*programHeader)(addr(at[atPhdr])), at[atPhnum])
	var bias uintptr
	for i := range headers {
		if headers[i].typ == ptPhdr {
			bias = at[atPhdr] - headers[i].vaddr
		}
	}
	n := 0
	for i := range headers {
		h := &headers[i]
		seg := segment{bias + h.vaddr, bias + h.vaddr + h.fileSize}
		switch {
		case h.typ != ptLoad:
		case h.flags&flagWrite != 0:
			img.data = seg
			img.writable = segment{seg.start, seg.start + h.memorySize}
		case n < len(img.readOnly):
			img.readOnly[n] = seg
			n++
		}
	}
	return img
}
