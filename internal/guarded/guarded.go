// Package guarded calls code that an embedder has given: readers, writers, file systems. It runs on goroutines of a
// guest's, where the embedder cannot recover from its panics; they end the guest, and not the process.
package guarded

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic of an embedder's code.
type Panic struct {
	What  string // was called
	Value any
	Stack []byte // as of debug.Stack, at the panic
}

func (p *Panic) Error() string { return fmt.Sprintf("%s: panic: %v", p.What, p.Value) }

// Call calls f. It returns a *Panic if that has panicked, else nil.
func Call(what string, f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Panic{what, r, debug.Stack()}
		}
	}()
	f()
	return nil
}
