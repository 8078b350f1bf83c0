// Package vdso holds the shared object that Linux maps into every RISC-V process:
// the return path of signal handlers and the functions that C libraries prefer
// to system calls. Hospes has no data page to read clocks from, so each function
// makes its system call; that is within the vdso's contract.
package vdso

import _ "embed"

//go:generate ./build.sh vdso.so

// Image is a position-independent ELF file with one read-execute segment that
// starts at offset and address 0. It must not be modified.
//
//go:embed vdso.so
var Image []byte
