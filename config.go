package hospes

import (
	"errors"
	"io"
)

// Mapping selects how guest addresses become host addresses.
type Mapping int

const (
	// Offset places guest memory at a constant distance in the host's address
	// space; the host's MMU protects it. The default; needs Linux.
	Offset Mapping = iota
	// Table translates every access through a software page table.
	Table
	// Direct places guest memory at the guest's own addresses. An executable that is not
	// linked above them (-ldflags=-T=0x600000001000) keeps those that it has from the guest.
	Direct
)

var mappingNames = [...]string{Offset: "offset", Table: "table", Direct: "direct"}

// String returns the name that ParseMapping reads.
func (m Mapping) String() string { return mappingNames[m] }

// ParseMapping returns the mapping of a name: "offset", "table" or "direct".
func ParseMapping(name string) (Mapping, error) {
	for i, s := range mappingNames {
		if s == name {
			return Mapping(i), nil
		}
	}
	return 0, errors.New(`memory mapping "` + name + `" is none of "offset", "table" and "direct"`)
}

// Translator are the options of the dynamic binary translator. On hosts without one they
// mean nothing.
type Translator struct {
	// Off has everything interpreted; otherwise hot code is translated.
	Off bool
	// Threshold is how often a block of guest code is interpreted before it is
	// translated; 0 stands for the default, a negative number for "not at all".
	Threshold int
	// NoOptimiser has hot code only translated. Otherwise loops in it are recompiled as a
	// whole, on a thread in the background.
	NoOptimiser bool
	// OptimiserThreshold, if it is not 0, is how often translated code jumps back to a place, or calls it,
	// before the code there is optimised, whatever that costs; a negative number stands for "not at
	// all": the guest then waits for it. If it is 0, code is optimised that is seen to take much time.
	OptimiserThreshold int
	// Chance, if it is not 0, has optimised code left at random places. It is for tests: the
	// seed of the random numbers.
	Chance uint64
	// CacheSize is the size of the code cache in bytes; 0 stands for the default.
	CacheSize int
	// NoNativeLib has memcpy, strlen and the like of the guest's C library, or of Go's runtime, translated like
	// any other code. Otherwise they are executed by code of the host, where their guest code is that of a known
	// library, and the vdso's functions ask the host's what time it is. The table mapping does without, as do
	// checks and counts of what is executed; with Strace or Explore the vdso makes system calls.
	NoNativeLib bool
	// WX keeps the code cache in memory that is never both writable and executable, for
	// hosts that allow no other. A child that the guest forks then begins with an empty one.
	WX bool
	// Stored, if set, is the absolute path of a directory where translations are kept for later runs of the same program, and
	// found by these. What lies there is executed by this process, so it has to be the effective user's, and nobody else may be able to write to it:
	// otherwise it is not used. CreateStored has it made if it is not there. Nothing is kept while translations are observed: with perf, CodeView, Check, Profile,
	// Coverage, Mix, Explore or Chance; nor for programs with privileges.
	Stored       string
	CreateStored bool
	// PerfMap and JITDump make translated code visible to perf(1), under the names of the
	// guest's functions: by /tmp/perf-PID.map, and /tmp/jit-PID.dump.
	PerfMap, JITDump bool
}

// CodeView shows guest code, and what the translator makes of it: for each translated
// block its guest instructions, with the operations of the intermediate representation
// and the host instructions that each became.
type CodeView struct {
	Output io.Writer // may be nil if nothing of the following is to be shown
	// Guest alone shows what is interpreted, too, before it first runs.
	Guest, IR, Host bool
	// Page, if set, receives an HTML page of the regions that are optimised: guest code,
	// intermediate representation after each pass, registers and host code side by side.
	// A program that the guest executes goes on with the page.
	Page io.Writer
	// Filter, if set, says which blocks and regions to show, by the guest address of their beginning
	// and the name that it has: "main+0x8", or "" if it has none. It may be called by
	// several threads at once.
	Filter func(pc uint64, name string) bool
}

// Profile has the CPU time that guest threads take sampled, with call stacks.
type Profile struct {
	// Rate is how many samples are taken in a second of a thread's CPU time; 0 stands for 100.
	Rate int
	// Report makes the file that the profile is written to.
	Report Report
}

// Coverage has counted which lines of source text are executed, by the guest's debug information. Everything is
// translated then, and nothing optimised.
type Coverage struct {
	// Paths are parts of the names of source files, such as "src/lib" or "main.c"; only files that have one of them
	// count, if there are any, else those of which anything was executed.
	Paths []string
	// Report makes the file that a tracefile of lcov is appended to.
	Report Report
}

// Report makes a file that something about a process is written to, at its end or before it executes another
// program: once for each process, unless that execve fails after all. A child that the guest has forked says so. It
// is not called for a child of which there is nothing to tell.
type Report func(child bool) (io.WriteCloser, error)

// Config says what to run, and how.
type Config struct {
	// Program is the path of the program file: an ELF executable or a #! script.
	Program string
	// Image, if not nil, is the program itself; Program is then only its name.
	Image []byte
	// Args are the arguments, Args[0] being the program's name for itself. If
	// empty, it is Program alone.
	Args []string
	// Env is the environment, "name=value" each.
	Env []string
	// Sysroot is a directory laid over the host's file system: absolute paths
	// that exist below it mean the files there. If empty, the root that the
	// program itself lies in, or the cross-compiler's sysroot, is found when the
	// program needs one.
	Sysroot string
	// Root, if set, is the directory that is the guest's whole file system, in place of
	// Sysroot: no path leads out of it but into Binds, and programs of the host do not run.
	// It is a matter of how the guest's paths are read, not a wall.
	Root  string
	Binds []Bind
	// Dir, if set, becomes the working directory: a path of the guest.
	Dir string
	// Search has a Program without a slash be looked for in the directories of PATH in Env.
	Search bool
	// Mapping is the memory mapping.
	Mapping Mapping
	// PageSize is the guest's page size in bytes: 4096, 16384 or 65536; 0 is the first.
	PageSize int
	// HostPageSize has the host be treated as if its pages were larger than they are:
	// 16384 or 65536 bytes; 0 is what they are. It is for tests, and for the offset
	// mapping only.
	HostPageSize int
	// AddressBits says how large the guest's address space is: 38, 47 or 56 bits, as on
	// machines with sv39, sv48 or sv57 translation; 0 is the first. More than the host
	// itself has is for the table mapping only.
	AddressBits int
	// NoIsolation has translated code use addresses without a look at them. Otherwise the
	// guest can read and write no memory of this process but its own, whatever address it
	// computes. The table mapping is always so.
	NoIsolation bool
	// Translator says how guest code becomes code of the host.
	Translator Translator
	// Strace, if set, receives the system calls in the format of strace(1).
	Strace io.Writer
	// Code, if set, shows guest code and what is made of it.
	Code *CodeView
	// Check, if set, has everything translated at once, and what each block does to
	// registers and memory compared with what the interpreter does. The first difference
	// is reported here, with both disassemblies, and ends the guest with status 125.
	Check io.Writer
	// Profile, if set, has a profile made of the guest, in the format of github.com/google/pprof.
	Profile *Profile
	// Coverage, if set, has a tracefile of lcov made of what is executed.
	Coverage *Coverage
	// Explore, if set, opens files of a directory that hospes-explore shows while the guest runs: to write to, empty
	// or to append to.
	Explore func(name string, add bool) (io.WriteCloser, error)
	// OnFailure, if set, is told of reports that could not be written.
	OnFailure func(error)
	// ExecOptions make execve of guest programs possible: the new program is run by
	// this executable started anew, and they tell that one how (see Resumed), but for
	// the sysroot. They must not be nil for it.
	ExecOptions []string
	// Resume continues what Resumed or Interpreting has returned.
	Resume *Resume
	// AwaitTracer, if set, has the program wait for a tracer, as hospes's debugger is one, before its
	// first instruction; it goes on without when the channel is closed.
	AwaitTracer chan struct{}
	// Core, if set, names the file of core dumps, in which %p is the process ID and all else as in core(5).
	// Otherwise they have the host's name for them, and are written if the guest's RLIMIT_CORE allows it.
	Core string
	// Stats has OnExit called at the end by a signal, too, if the guest can see it, and
	// measures what Stats are zero without.
	Stats bool
	// Mix has Stats say which instructions were executed, and where. Everything is translated then, and nothing optimised.
	Mix Mix
	// OnExit, if set, is called by the thread that ends the guest, before Run
	// returns; in a child that the guest has forked, too. It need not return.
	OnExit func(Status, Stats)
}

// Bind has an absolute path of the guest lead to a file or directory of the host. A
// directory in Root lists it if it has something of that name.
type Bind struct{ Host, Guest string }

// Status is how the guest ended.
type Status struct {
	// Code is the exit status, 0 to 255, if Signal is 0.
	Code int
	// Signal is the number of the signal that killed the guest, or 0.
	Signal int
}

// LoadError says why a program cannot be run. Its text is one line.
type LoadError struct {
	Err error
	// ExitStatus is what a shell would exit with: 127 if the program was not
	// found, 126 if it cannot be executed.
	ExitStatus int
}

func (e *LoadError) Error() string { return e.Err.Error() }

func (e *LoadError) Unwrap() error { return e.Err }

// Resume is the execve that has started this executable to run a guest program: a
// guest's, or one that the kernel hands over.
type Resume struct {
	Options []string // Config.ExecOptions of before; nil if the kernel has started this
	Program string   // the program, as its starter named it
	Args    []string // its arguments, Args[0] included
	// Secure says that the program has privileges which who started it does not have:
	// the environment is not to be trusted.
	Secure bool

	execFn  string
	fd      int    // the open program, or -1
	sysroot string // that of before, or ""
	state   any    // *linux.ExecState; nil without a guest's execve
}
