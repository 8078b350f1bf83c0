// Package mem is the guest's address space: which guest pages exist (VMAs), what
// may be done with them, and where their bytes lie in the host.
//
// A Space owns the list of VMAs and the placement policy. How guest addresses
// become host addresses is a Mapping, of which there are three implementations:
//
//   - mem/offset: host address = base + guest address, protection by the host's MMU;
//   - mem/direct: the same with base 0;
//   - mem/table:  a software page table, protection by look-up; any GOOS/GOARCH.
//
// The rest of the program sees guest memory only through Space. Guest memory is
// never a Go object: the garbage collector does not know it.
//
// # Faults
//
// Accesses that the guest may not make end in a *Fault. Accessors documented to
// panic do so with a *Fault or, in the offset mapping, with the runtime.Error of
// a host page fault, which Space.Recover turns into a *Fault. The goroutine must
// have debug.SetPanicOnFault enabled.
package mem

import (
	"fmt"
	"unsafe"
)

// PageSize is the least page size of a guest in bytes, of which Mappings know. A Space may
// have larger pages, each of which is several of these.
const PageSize = 4096

// PageUp rounds n up to a multiple of PageSize; it wraps to 0 at the very end.
func PageUp(n uint64) uint64 { return (n + PageSize - 1) &^ (PageSize - 1) }

// Guard is the number of inaccessible bytes on both sides of a linear window.
const Guard = 1 << 16

// Prot is a set of access permissions; the values are Linux's PROT_ bits.
type Prot uint8

const (
	None  Prot = 0
	Read  Prot = 1
	Write Prot = 2
	Exec  Prot = 4
)

// String formats p as in /proc/pid/maps, without the sharing flag.
func (p Prot) String() string {
	b := []byte("---")
	for i, c := range "rwx" {
		if p&(1<<i) != 0 {
			b[i] = byte(c)
		}
	}
	return string(b)
}

// FaultKind says which rule an access broke.
type FaultKind uint8

const (
	MapErr FaultKind = iota // no mapping at the address: SEGV_MAPERR
	AccErr                  // mapping forbids the access: SEGV_ACCERR
	BusErr                  // mapped, but nothing behind it (past the end of the file): BUS_ADRERR
	Again                   // none: made again, by the accessors of the Mapping, the access may succeed
	Break                   // none: a debugger wants to be told when execution gets there
)

// Fault is a guest access that cannot be made. Addr is the first guest address
// that could not be accessed.
type Fault struct {
	Addr   uint64
	Access Prot
	Kind   FaultKind
}

func (f *Fault) Error() string {
	return fmt.Sprintf("guest %s access at %#x: %s", f.Access, f.Addr, [...]string{"not mapped", "not permitted", "bus error", "try again", "breakpoint"}[f.Kind])
}

// Mapping turns guest addresses into host memory. Calls that change it are
// serialised by Space; accessors may run at any time on any thread.
type Mapping interface {
	// Window returns the linear window: for guest addresses below limit, the
	// host address is base + address and the host's MMU enforces protection.
	// Accesses up to Guard bytes outside of it fault.
	// limit is 0 when there is no such window.
	Window() (base uintptr, limit uint64)

	// Limit is the first guest address that can never be mapped.
	Limit() uint64

	// Map establishes pages at [addr, addr+n), replacing what was there.
	Map(addr, n uint64, prot Prot, src Source) error
	// Unmap removes pages at [addr, addr+n).
	Unmap(addr, n uint64) error
	// Protect changes permissions of mapped pages at [addr, addr+n).
	Protect(addr, n uint64, prot Prot) error
	// Move relocates the pages of [from, from+oldLen), which have permissions
	// prot, to [to, to+newLen) without copying, as mremap(2) does: what is there
	// is replaced, further pages continue the same source. With keep
	// (MREMAP_DONTUNMAP) the old range stays mapped, empty. oldLen 0 makes a
	// second mapping of shared pages.
	Move(from, oldLen, to, newLen uint64, prot Prot, keep bool) error

	// Load reads size (1, 2, 4, 8) bytes, little-endian, zero-extended.
	// It panics on a fault. Any alignment.
	Load(addr uint64, size int) uint64
	// Store writes the low size bytes of v. It panics on a fault; nothing is
	// written then.
	Store(addr uint64, size int, v uint64)
	// Pointer returns the host address of a naturally aligned object of size
	// bytes (at most 16), for atomic accesses. It panics on a fault.
	Pointer(addr uint64, size int, access Prot) unsafe.Pointer

	// Spans calls f with consecutive pieces of host memory that make up
	// [addr, addr+n), as few as possible, until f returns false. It stops at the
	// first page that lacks the access and returns its fault, or nil. In the
	// offset mapping permissions are not checked here; touching the memory
	// faults instead.
	Spans(addr, n uint64, access Prot, f func(host []byte) bool) *Fault

	// Peek reads len(b) bytes at addr, all of them in pages that may be executed, but
	// not read. The Space is locked.
	Peek(b []byte, addr uint64) error

	// GuestAddr is the inverse mapping of a host address inside guest memory.
	GuestAddr(host uintptr) (addr uint64, ok bool)

	// Close releases all host memory. No accessor may run at the time or later.
	Close() error
}

// Copier is a Mapping whose memory is one piece. What Spans does with a function that has to be allocated, it does without.
type Copier interface {
	Mapping
	// Copy reads len(b) bytes of code at addr. It panics on a fault.
	Copy(b []byte, addr uint64)
}

// Paged is a Mapping through a page table that translated code can read.
type Paged interface {
	Mapping
	// Pages returns the table: for guest addresses below limit, the entry of addr is
	// the word at base + addr/4096*8. Its upper bits are the host's address of the page
	// minus the guest's, its lower ones have Prot among them. Whatever an entry does not
	// allow is left to the accessors, which know more: it may be 0. So are those of
	// addresses up to Guard bytes outside. An access that is allowed where it begins may
	// be made to its end, as within a Window.
	Pages() (base uintptr, limit uint64)
}

// Divided is a Mapping for hosts whose pages are larger than the guest's. Its window
// allows less than the guest may do: system calls have to take host addresses from
// Spans, which is exact.
type Divided interface {
	Mapping
	// Granule is the host's page size in bytes.
	Granule() uint64
	// Surround tells the mapping what is mapped where: around is called during calls
	// that change it, and gives what there was before.
	Surround(around func(addr uint64) (VMA, bool))
	// Detours returns a page table that leads to where bytes lie that the window does not
	// show, or not with all that is allowed: as a Paged mapping has it, but an access has to
	// lie in one guest page. Pages that host pages have for themselves may be in it, too.
	Detours() (base uintptr, limit uint64)
	// TakeMoved reports whether anything may have got another place in the host since the
	// last call.
	TakeMoved() bool
	// Extend has [end, end+n) show what comes behind the shared mapping that ends there.
	Extend(end, n uint64, prot Prot) error
	// Refused says what it means that the host has refused an access to a host address;
	// nil if that is for others to say.
	Refused(host uintptr) *Fault
	// Apart reports whether the guest page of addr is private memory that shares its host
	// page, which the host takes for shared memory, and how far all pages are alike in that.
	Apart(addr uint64) (apart bool, end uint64)
	// Empty has what is anonymous and apart of [addr, addr+n) read as zero.
	Empty(addr, n uint64)
	// WipeOnFork has [addr, addr+n), private anonymous memory, read as zero in children of
	// a fork, or not any longer.
	WipeOnFork(addr, n uint64, wipe bool) error
	// BeforeFork is called before a fork(2), when no other thread uses guest memory,
	// and AfterFork in both processes afterwards. An error in the child means that it
	// must not go on.
	BeforeFork() error
	AfterFork(child bool) error
}

// Source is what stands behind new pages: nothing (zero pages), or a file.
type Source struct {
	// FD is a host descriptor to map, or -1 for anonymous memory.
	FD int
	// Offset is the file offset in bytes, a multiple of the page size.
	Offset int64
	// Shared is MAP_SHARED: writes reach the file and other mappings of it.
	Shared bool
	// HostFlags are further MAP_ flags that the host is to see
	// (MAP_NORESERVE, MAP_POPULATE, MAP_LOCKED ...).
	HostFlags int
}
