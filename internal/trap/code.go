//go:build linux && amd64

package trap

import (
	"errors"
	"sync"
	"sync/atomic"
)

// codeRegion is a range of translated code. The handler reads it; a region with no end
// holds nothing.
type codeRegion struct {
	start, end uintptr
	landing    uintptr
	at         uintptr // modulo 2^64
	exceptions uintptr // likewise
	exact      uintptr // of a bitmap; 0 for none
}

const maxCode = 1 << 12

var (
	code     [maxCode]codeRegion
	codeUsed uint32     // how many of them the handler has to look at
	codeMu   sync.Mutex // guards changes of both
)

// ErrTooMuchCode is returned by AddCode when no further area fits.
var ErrTooMuchCode = errors.New("too many areas of translated code")

// AddCode has instructions in [start, end) that fault (SIGSEGV, SIGBUS and the like) go
// on at landing. Their address is stored to memory at RBP + at; all registers are what they were.
//
// A floating-point exception that MXCSR does not mask is not seen there: all are masked, and the
// instruction is executed again. Memory at RBP + exceptions tells: the word of 32 bits there becomes -1,
// and the next one is counted down.
func AddCode(start, end, landing uintptr, at, exceptions int32) error {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i := range code {
		r := &code[i]
		if r.end != 0 {
			continue
		}
		r.start, r.landing, r.at, r.exceptions, r.exact = start, landing, uintptr(at), uintptr(exceptions), 0
		atomic.StoreUintptr(&r.end, end)
		if n := uint32(i + 1); n > codeUsed {
			atomic.StoreUint32(&codeUsed, n)
		}
		return nil
	}
	return ErrTooMuchCode
}

// SetExact says where in an area of AddCode threads may be taken out of it as if an instruction had
// faulted: exact has a bit for each byte of the area, and stays as long as that.
func SetExact(start uintptr, exact []uint64) {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i := range code {
		if r := &code[i]; r.start == start && r.end != 0 {
			atomic.StoreUintptr(&r.exact, address(exact))
		}
	}
}

// RemoveCode undoes AddCode. No thread may be in that code any more.
func RemoveCode(start uintptr) {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i := range code {
		if r := &code[i]; r.start == start && r.end != 0 {
			atomic.StoreUintptr(&r.end, 0)
		}
	}
	n := codeUsed
	for n > 0 && code[n-1].end == 0 {
		n--
	}
	atomic.StoreUint32(&codeUsed, n)
}
