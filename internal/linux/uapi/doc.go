//go:build linux

// Package uapi is what Linux's kernel makes of the arguments of a system call before it does anything, and what it reads of the
// caller's memory: the part that is the same for package linux, which passes calls on, and for package sandbox, which
// carries them out. Nothing in here knows tasks, processes or the host.
package uapi
