//go:build linux && amd64

package sandbox

import "syscall"

// Memory management calls: mmap(2), mremap(2), brk(2) and their kin. Placement
// and bookkeeping are mem.Space's.

func sysBrk(t *Task, c *Call) (uint64, syscall.Errno) { return t.Mem.Brk(c.Args[0]), 0 }
