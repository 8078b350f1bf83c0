package riscv

import "unsafe"

// compareAndSwap128 stores v at p, which is 16-byte aligned, if it holds
// expected, and returns what was there. Every amd64 host but the first few has
// the instruction.
//
//go:noescape
func compareAndSwap128(p unsafe.Pointer, expected, v [2]uint64) (old [2]uint64)
