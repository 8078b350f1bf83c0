// Package demo holds a small riscv64 Linux program that shows what hospes does: it
// computes with integers, floating point, memory and threads, prints what it does, and
// checks its own results. The source is in guest/.
package demo

import _ "embed"

//go:generate ./build.sh

//go:embed demo.elf
var program []byte

// Program returns the demo: a static ELF executable that takes no arguments, needs no
// file, and exits with status 0 if all its results are right. The caller must not change
// the bytes.
func Program() []byte { return program }
