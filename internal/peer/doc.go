//go:build linux && amd64

// Package peer is what hospes processes tell each other, and the host's kernel,
// about the guest that they run. A guest process is a host process; what the kernel
// cannot know of it, where guest memory lies and which program it runs, stands in a
// record at one address, the same in all processes ([Addr]).
//
// The record is private memory, so that the kernel does what is right with it: fork
// copies it, children of vfork share it, execve drops it. Nobody needs a descriptor
// for it, and whoever may not trace a process cannot read it (ptrace(2), "Ptrace
// access mode checking").
//
// What is read from other processes is theirs to say: they are trusted no further
// than a tracer trusts its tracee.
package peer
