package hospes

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Options say what an instance gets. The zero value gives it nothing of the host's but time and randomness.
type Options struct {
	// Args are the arguments, Args[0] being the program's name for itself. If empty, that is the module's name alone.
	Args []string
	// Env is the environment, "name=value" each.
	Env []string
	// Path is where the program is in the guest's file system, an absolute path; "" is "/" and the module's name. If nothing in Mounts is
	// there, the module's file is, so that programs find themselves (/proc/self/exe), and scripts their interpreter them.
	Path string
	// Dir is the working directory; "" is "/".
	Dir string

	// Stdin is the standard input, which is empty if it is nil. Output goes nowhere if Stdout or Stderr is nil. They are not used any more
	// once the instance has ended, but for a Read or Write that does not return.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Mounts are the file systems, in the order in which they are mounted. Without any, there are only /dev and
	// /proc, of the instance's own.
	Mounts []Mount

	Limits Limits

	// Clock is the time that the guest sees; nil is the host's.
	Clock Clock
	// Rand is where all randomness of the guest comes from; nil is the host's getrandom(2). It is read by one goroutine at a
	// time.
	Rand io.Reader

	// Functions are the Go functions that the guest can call, by name: see Instantiate.
	Functions map[string]any

	// Dial makes TCP connections for the guest, to addresses such as "192.0.2.1:80", which it allows by making them; an error that wraps a
	// syscall.Errno is what the guest gets to see. If it is nil, as by default, there is no network but a loopback of the instance's own.
	Dial func(ctx context.Context, network, address string) (io.ReadWriteCloser, error)

	// Hostname is what uname(2) says; "" is "sandbox".
	Hostname string
	// CPUs is how many processors there seem to be; 0 is one.
	CPUs int
	// Mapping is how memory is reached: Offset or Table. Of the latter there can be more at a time where the
	// number of mappings in a process is limited (vm.max_map_count), but it is slower.
	Mapping Mapping
	// Interpret has nothing translated.
	Interpret bool
}

// Limits are those of an instance: of all its threads and processes together. 0 is no limit, if nothing else is
// said.
//
// What they keep the guest from fails as under Linux's own limits, and the guest goes on: ENOMEM, EAGAIN, EMFILE. If
// it then ends with an error, that wraps a *LimitError. What cannot be refused ends the
// guest at once with a *LimitError: instructions, output and time.
type Limits struct {
	// Memory is in bytes: what can be accessed, or could once. The default is what fits the address space of 8 GiB.
	Memory uint64
	// Instructions is how many instructions may be executed. A guest with one thread, or with a FakeClock, stops after exactly so many.
	// Counting costs time, and nothing is optimised then.
	Instructions uint64
	// Threads is how many there may be at a time; the default is 4096.
	Threads int
	// Files is how many descriptors there may be; the default is 4096.
	Files int
	// Output is in bytes, on standard output and standard error together.
	Output int64
	// Time is how long the guest may run: all calls of Run, Start and Call together, by the host's clock.
	Time time.Duration
}

// check says whether the limits make sense.
func (l *Limits) check() error {
	for _, v := range []struct {
		name  string
		value int64
	}{{"Threads", int64(l.Threads)}, {"Files", int64(l.Files)}, {"Output", l.Output}, {"Time", int64(l.Time)}} {
		if v.value < 0 {
			return fmt.Errorf("hospes: Limits.%s is negative", v.name)
		}
	}
	return nil
}

// Mount is a file system in an instance. The guest does not see where it comes from, and symbolic links
// in it lead to nowhere else.
type Mount struct {
	// Target is where it is mounted, an absolute path. What is missing of that is made; "/" is the root.
	Target string
	// FS is a file system that can be read, if it is not nil,
	FS fs.FS
	// else Dir is a directory of the host, if it is not "". With neither there is an empty file system in memory, which ends with the instance.
	Dir string
	// Writable has the guest write to Dir. Memory is always writable, FS never.
	Writable bool
	// Size is how many bytes memory may hold; 0 is 64 MiB.
	Size int64
}

// Clock is a time. Times are in nanoseconds.
type Clock interface {
	// Monotonic is the time since the start of the machine.
	Monotonic() int64
	// Realtime is the time since 1970.
	Realtime() int64
	// AfterFunc has f called once, on another goroutine, when Monotonic is at least at, unless stop is called
	// before. f does not block.
	AfterFunc(at int64, f func()) (stop func())
}
