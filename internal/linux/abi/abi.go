// Package abi describes Linux's system call interface as data: what arguments a
// call has, of which kind, and how large the structures are that they point to.
// The personality's marshaller, strace and the documentation all read the same
// specifications.
//
// # Argument specifications
//
// A specification is a list of "name:kind" separated by spaces, in argument
// order. Kinds:
//
//	int uint          32-bit, sign- or zero-extended
//	long ulong        64-bit
//	size off hex      64-bit: byte count, file offset, printed in hexadecimal
//	fd dirfd          descriptors; dirfd prints AT_FDCWD
//	pid uid gid sig mode dev clock
//	path              path name, resolved in the sysroot; relative to the preceding dirfd, if any
//	path(link)        the same for calls that act on a symbolic link itself
//	path(at)          the same; AT_SYMLINK_NOFOLLOW among the call's flags(at) decides
//	path(atfollow)    the same; AT_SYMLINK_FOLLOW decides
//	str               any other NUL-terminated string
//	ptr               a guest address that is opaque to the marshaller
//	flags(set)        bits named by set, such as flags(open)
//	enum(set)         one value of set, such as enum(whence)
//	in(T) out(T) io(T)          pointer to a T that the kernel reads, writes, or both; may be null
//	in(T:len) out(T:len) ...    T of variable size: argument len gives it in bytes
//	in(T*n) out(T*n) ...        array of T: argument n gives the number of elements
//
// T is a name in the table of sizes. The sizes are those of the generic 64-bit
// ABI (asm-generic), which riscv64 and arm64 share.
package abi

import (
	"fmt"
	"strings"
	"sync"
)

// Arg is one argument of a system call.
type Arg struct {
	Name string
	Kind string // int, fd, path, flags, in, out, io, ...
	Type string // set name of flags and enum, type name of in, out, io
	Size int    // in, out, io: size of one T in bytes; 1 for T of variable size
	Len  int    // in, out, io: index of the argument that multiplies Size, or -1
}

// IsMemory reports whether the argument is a pointer to memory of known extent.
func (a *Arg) IsMemory() bool { return a.Kind == "in" || a.Kind == "out" || a.Kind == "io" }

// Bytes is the extent of the memory that a points to, given all arguments.
func (a *Arg) Bytes(args *[6]uint64) uint64 {
	if a.Len < 0 {
		return uint64(a.Size)
	}
	return uint64(a.Size) * (args[a.Len] & 0xffffffffffff)
}

var parsed sync.Map // string -> []Arg

// Parse returns the arguments of a specification. Results are kept, so that each
// specification is parsed once, when it is first used. It panics on a malformed
// specification: they are constants of the program, and a test parses all.
func Parse(spec string) []Arg {
	if v, ok := parsed.Load(spec); ok {
		return v.([]Arg)
	}
	args := parse(spec)
	parsed.Store(spec, args)
	return args
}

func parse(spec string) []Arg {
	fields := strings.Fields(spec)
	args := make([]Arg, len(fields))
	for i, f := range fields {
		name, kind, ok := strings.Cut(f, ":")
		if !ok {
			panic(fmt.Sprintf("abi: argument %q has no kind", f))
		}
		args[i] = Arg{Name: name, Kind: kind, Len: -1}
	}
	for i := range args {
		if kind, param, ok := strings.Cut(args[i].Kind, "("); ok {
			args[i].Kind, args[i].Type = kind, strings.TrimSuffix(param, ")")
			if args[i].IsMemory() {
				args[i].setType(args)
			}
		}
	}
	return args
}

// setType resolves "T", "T:len" or "T*n".
func (a *Arg) setType(args []Arg) {
	typ, lenArg := a.Type, ""
	if i := strings.IndexAny(typ, ":*"); i >= 0 {
		typ, lenArg = a.Type[:i], a.Type[i+1:]
		for k := range args {
			if args[k].Name == lenArg {
				a.Len = k
			}
		}
		if a.Len < 0 {
			panic(fmt.Sprintf("abi: no argument %q for the length of %q", lenArg, a.Name))
		}
	}
	size, ok := Sizes[typ]
	if !ok {
		panic(fmt.Sprintf("abi: unknown type %q", typ))
	}
	if strings.Contains(a.Type, ":") {
		size = 1
	}
	a.Type, a.Size = typ, size
}

// Sizes are the sizes in bytes of the types that specifications name. Size 1
// marks those of variable size.
var Sizes = map[string]int{
	"bytes": 1, "sockaddr": 1, "sched_attr": 1, "cpumask": 1, "clone_args": 1, "open_how": 1, "xattr": 1, "dirents": 1, "optval": 1,
	"int": 4, "uint": 4, "fdpair": 8, "long": 8, "ulong": 8, "loff": 8, "time": 8, "ptr": 8, "uid": 4, "gid": 4, "sigset": 8,
	"timespec": 16, "timeval": 16, "timezone": 8, "itimerval": 32, "itimerspec": 32, "tms": 32, "timex": 208,
	"stat": 128, "statfs": 120, "statx": 256, "rusage": 144, "rlimit": 16, "sysinfo": 112, "utsname": 390,
	"pollfd": 8, "epoll_event": 16, "siginfo": 128, "stack": 24, "sigaction": 24, "sigevent": 64, "iovec": 16, "msghdr": 56, "mmsghdr": 64,
	"cap_header": 8, "cap_data": 24, "sched_param": 4, "mq_attr": 64, "flock": 32, "fdset": 128, "file_handle": 1, "futex_waitv": 24,
	"robust_list_head": 24, "hwprobe": 16, "timespec2": 32, "sembuf": 6, "size": 8, "u64": 8, "futex_waitv2": 48,
	"cachestat_range": 16, "cachestat": 40, "bytes24": 24, "dqinfo": 24, "dqblk": 72, "nextdqblk": 80, "fs_disk_quota": 112, "fs_quota_stat": 80, "bytes4k": 4096,
}
