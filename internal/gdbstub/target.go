package gdbstub

import "github.com/hospes-vm/hospes/internal/guest"

// ID is a thread of a process.
type ID struct{ PID, TID int }

// Point is a breakpoint, or a watchpoint for what it is not zero for.
type Point struct {
	Addr        uint64
	Len         uint64
	Read, Write bool // neither: execution
}

// Action is how a thread goes on.
type Action struct {
	Step     bool   // for an instruction,
	From, To uint64 // and while it is in [From, To)
	Signal   int    // Linux's number of one that it gets first; 0 for none
}

// Kind is what has happened to a thread, or to its process.
type Kind int

// Events.
const (
	Signal        Kind = iota // it is about to get the signal; 0: it has been interrupted
	Breakpoint                // it is at a breakpoint
	Watchpoint                // it has accessed what Point watches, at Addr
	Exited                    // its process has ended, with status Code
	Killed                    // its process has ended by the signal
	Forked                    // its process has made the child Child
	Vforked                   // the same, by vfork
	VforkDone                 // the child no longer uses its memory
	Execed                    // it has begun the program Path
	SyscallEntry              // it is about to make the system call Code
	SyscallReturn             // it has made it
	NoneRuns                  // all threads that went on have ended, but others have not
)

// Event is why everything has stopped.
type Event struct {
	ID
	Kind   Kind
	Signal int // Linux's number
	Code   int
	Addr   uint64
	Point  Point
	Child  ID
	Path   string
}

// Stat is what GDB wants to know of a file.
type Stat struct {
	Dev, Ino, Mode, Nlink, UID, GID uint32
	Rdev                            uint32
	Size, BlockSize, Blocks         uint64
	Atime, Mtime, Ctime             uint32
}

// File is an open file of the guest's machine. Errors are syscall.Errno.
type File interface {
	ReadAt(b []byte, off int64) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	Stat() (Stat, error)
	Close() error
}

// Wants are the events that are reported, besides signals, points and ends.
type Wants struct {
	Fork, Vfork, Exec bool
	Syscalls          bool         // those in Calls, or all if it is nil
	Calls             map[int]bool // by number
	Pass              uint64       // signals that are delivered without a word, by bit: number less 1
}

// Target is one or more processes that are debugged. All methods are called by one goroutine.
// Between Resume and the next event that Poll returns nothing else may be called but Interrupt.
type Target interface {
	// Machine is the architecture's name for GDB, and Features its registers.
	Machine() string
	Features() []guest.Feature

	// Threads lists all threads, those of one process together.
	Threads() []ID
	// Name is what a thread calls itself.
	Name(ID) string
	// Created reports whether a process was started for the debugger, and ends with it.
	Created(pid int) bool

	// Regset is a set of registers of a thread, nil if it cannot be had.
	Regset(id ID, note uint32) []byte
	SetRegset(id ID, note uint32, set []byte) bool
	// ReadMem and WriteMem return how many bytes there are from addr on.
	ReadMem(pid int, b []byte, addr uint64) int
	WriteMem(pid int, addr uint64, b []byte) int

	// Insert and Remove set and remove a point.
	Insert(pid int, p Point) bool
	Remove(pid int, p Point) bool

	// SetWants says which events are reported.
	SetWants(Wants)
	// Resume has threads go on as action says; those for which it reports false stay where
	// they are. It reports false if none goes on.
	Resume(action func(ID) (Action, bool)) bool
	// Events receives when Poll has something to do.
	Events() <-chan struct{}
	// Poll deals with what has happened. When it reports true, all threads have stopped.
	Poll() (Event, bool)
	// Interrupt has everything stop soon.
	Interrupt()

	// Run starts a program for the debugger, and stops it before its first instruction.
	Run(Launch) (pid int, ok bool)
	// Attach has another process debugged, and stops it.
	Attach(pid int) bool
	// Detach lets a process go on alone, Kill ends it.
	Detach(pid int) bool
	Kill(pid int) bool

	// Siginfo is the siginfo_t of what a thread has stopped for.
	Siginfo(ID) []byte
	SetSiginfo(id ID, info []byte) bool
	Auxv(pid int) []byte
	// Exe is the program's file.
	Exe(pid int) string

	// Open, Readlink, Unlink and Stat are for files as the process sees them; Stat follows
	// a symbolic link at the end of path if it is told to.
	Open(pid int, path string, flags, mode int) (File, error)
	Readlink(pid int, path string) (string, error)
	Unlink(pid int, path string) error
	Stat(pid int, path string, follow bool) (Stat, error)
}
