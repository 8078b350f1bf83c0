//go:build linux && amd64

package peer

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// Addr is the host address of the record. It lies between Go's heap and the place
// where guest memory is reserved first.
const Addr = 0x0f80_0000_0000

const (
	magic   = 0x7365_7073_6f68_0005 // the last two bytes are the version of the layout
	pathLen = 4096

	// maxThreads is how many threads can be seen from outside.
	maxThreads = 1 << 15
)

// Kind says how guest addresses become host addresses.
type Kind uint32

// The mappings of package mem.
const (
	Offset Kind = 1 + iota // host address = Base + guest address
	Table                  // by the list Runs
)

// Description is the part of the record of fixed size. Addresses are the guest's,
// unless they are said to be the host's.
type Description struct {
	Magic    atomic.Uint64 // written last
	Kind     Kind
	Base     uint64 // the host address of guest address 0; Table: where all guest memory is
	Limit    uint64 // the end of guest addresses
	Size     uint64 // Table: bytes from Base on
	Runs     uint64 // Table: host address of a slice; see package mem/table, List
	PageSize uint64 // the guest's, in bytes

	// Offset, where host pages are larger: host address of the table of mem.Divided, or 0, and
	// the end of the guest addresses that have entries.
	Detours, DetoursEnd uint64

	StartCode, EndCode, StartData, EndData uint64 // as in /proc/pid/stat
	StartStack, StartBrk                   uint64
	ArgStart, ArgEnd, EnvStart, EnvEnd     uint64
	VDSO, VDSOEnd                          uint64
	Auxv, AuxvLen                          uint64 // host address of a copy of the auxiliary vector, bytes

	VMAs uint64 // host address of mem.Space's list, for the same build

	Brk              atomic.Uint64 // the end of the heap
	Ignored, Handled atomic.Uint64 // signals
	Threads          atomic.Uint32 // the slots of threads that have ever been in use
	Undoes           atomic.Bool   // the process has a list of adjustments of semaphores (SEM_UNDO)

	exeLen, hostLen, rootLen uint32
}

// record is what lies at Addr.
type record struct {
	Description
	exe, host, root [pathLen]byte
	hidden          [maxHidden]atomic.Int32 // descriptors of hospes, plus one; 0 for none
	threads         [maxThreads]Thread
}

// maxHidden is the number of descriptors of hospes that can be told.
const maxHidden = 32

// Thread is what is to be known of a guest thread from outside. The zero value is
// an unused one.
type Thread struct {
	tid, pid atomic.Int32 // of the thread and of its process: a child of vfork has others here
	Flags    atomic.Uint32
	_        uint32
	// Stop is the host address of what the thread says while it is stopped for its
	// tracer, or 0.
	Stop atomic.Uint64
}

// own is this process's record; nil until it has been published, or if it cannot be.
var own struct {
	sync.Mutex // guards the slots of threads; innermost
	p          *record
	free       []*Thread
}

// Publish makes the record, or a new one. Strings longer than a path are cut. It
// reports false if that is not possible, as when another program has placed something
// there that embeds a guest: then the process looks like any other of the host.
func Publish(d *Description, exe, hostExe, root string) bool {
	own.Lock()
	defer own.Unlock()
	if own.p == nil {
		if own.p = mapRecord(); own.p == nil {
			return false
		}
	}
	r := own.p
	r.Magic.Store(0)
	r.Kind, r.Base, r.Limit, r.Size, r.Runs, r.PageSize = d.Kind, d.Base, d.Limit, d.Size, d.Runs, d.PageSize
	r.Detours, r.DetoursEnd = d.Detours, d.DetoursEnd
	r.StartCode, r.EndCode, r.StartData, r.EndData = d.StartCode, d.EndCode, d.StartData, d.EndData
	r.StartStack, r.StartBrk = d.StartStack, d.StartBrk
	r.ArgStart, r.ArgEnd, r.EnvStart, r.EnvEnd = d.ArgStart, d.ArgEnd, d.EnvStart, d.EnvEnd
	r.VDSO, r.VDSOEnd, r.Auxv, r.AuxvLen = d.VDSO, d.VDSOEnd, d.Auxv, d.AuxvLen
	r.VMAs = d.VMAs
	r.Brk.Store(d.StartBrk)
	r.Undoes.Store(false)
	r.exeLen = uint32(copy(r.exe[:], exe))
	r.hostLen = uint32(copy(r.host[:], hostExe))
	r.rootLen = uint32(copy(r.root[:], root))
	r.Magic.Store(magic)
	return true
}

// SetBrk tells the end of the heap.
func SetBrk(addr uint64) {
	if r := own.p; r != nil {
		r.Brk.Store(addr)
	}
}

// SetUndoes tells whether the process has a list of adjustments of semaphores.
func SetUndoes(has bool) {
	if r := own.p; r != nil {
		r.Undoes.Store(has)
	}
}

// SetSignals tells which signals the guest ignores and handles.
func SetSignals(ignored, handled uint64) {
	if r := own.p; r != nil {
		r.Ignored.Store(ignored)
		r.Handled.Store(handled)
	}
}

// SetHidden tells which descriptors belong to hospes.
func SetHidden(fds []int) {
	own.Lock()
	defer own.Unlock()
	if own.p == nil {
		return
	}
	for i := range own.p.hidden {
		v := int32(0)
		if i < len(fds) {
			v = int32(fds[i]) + 1
		}
		own.p.hidden[i].Store(v)
	}
}

// Join gives a guest thread a slot in the record; nil if there is none.
func Join(tid, pid int) *Thread {
	own.Lock()
	defer own.Unlock()
	r := own.p
	if r == nil {
		return nil
	}
	var t *Thread
	if n := len(own.free); n > 0 {
		t, own.free = own.free[n-1], own.free[:n-1]
	} else if n := r.Threads.Load(); n < maxThreads {
		t = &r.threads[n]
		r.Threads.Store(n + 1)
	} else {
		return nil
	}
	t.Flags.Store(0)
	t.Stop.Store(0)
	t.pid.Store(int32(pid))
	t.tid.Store(int32(tid))
	return t
}

// Leave gives the slot of a thread back, which may be nil.
func (t *Thread) Leave() {
	if t == nil {
		return
	}
	own.Lock()
	defer own.Unlock()
	t.tid.Store(0)
	own.free = append(own.free, t)
}

// Forked makes t, which may be nil, the only thread of a process that is a copy of
// another.
func (t *Thread) Forked(tid, pid int) {
	own.Lock()
	defer own.Unlock()
	r := own.p
	if r == nil || t == nil {
		return
	}
	own.free = own.free[:0]
	for i := range r.threads[:r.Threads.Load()] {
		if other := &r.threads[i]; other != t {
			other.tid.Store(0)
			own.free = append(own.free, other)
		}
	}
	t.Flags.Store(0)
	t.Stop.Store(0)
	t.pid.Store(int32(pid))
	t.tid.Store(int32(tid))
}

// offsets in the record, for readers.
const (
	exeAt     = unsafe.Offsetof(record{}.exe)
	hostAt    = unsafe.Offsetof(record{}.host)
	rootAt    = unsafe.Offsetof(record{}.root)
	hiddenAt  = unsafe.Offsetof(record{}.hidden)
	threadsAt = unsafe.Offsetof(record{}.threads)

	threadCountAt = unsafe.Offsetof(Description{}.Threads)
	threadSize    = uint64(unsafe.Sizeof(Thread{}))
)
