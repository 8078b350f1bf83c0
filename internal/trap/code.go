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
}

const maxCode = 16

var (
	code   [maxCode]codeRegion
	codeMu sync.Mutex // guards changes of code
)

// AddCode has instructions in [start, end) that fault (SIGSEGV, SIGBUS and the like) go
// on at landing, with their address in RDX and all else as it was.
func AddCode(start, end, landing uintptr) error {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i := range code {
		r := &code[i]
		if r.end == 0 {
			r.start, r.landing = start, landing
			atomic.StoreUintptr(&r.end, end)
			return nil
		}
	}
	return errors.New("too many areas of translated code")
}

// RemoveCode undoes AddCode.
func RemoveCode(start uintptr) {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i := range code {
		if r := &code[i]; r.start == start && r.end != 0 {
			atomic.StoreUintptr(&r.end, 0)
		}
	}
}
