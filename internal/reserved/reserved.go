//go:build linux

// Package reserved keeps hospes's own descriptors out of the guest's way. Guest
// descriptors are host descriptors, and a program may rely on getting the lowest
// free number; so what hospes keeps open lies above the numbers that most
// programs use, and the personality pretends that these are closed.
//
// The Go runtime opens two descriptors for its network poller when it first needs
// it, which may be as early as package os's initialisation (a non-blocking
// standard input). They cannot be moved afterwards. That is why this package
// imports nothing that depends on os, and does its work when it is initialised.
package reserved

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// Base is where descriptors of hospes are placed, above those that programs
	// usually reach; tableSize is the end of the numbers that they should not
	// exceed: the size of the kernel's first descriptor table. A higher number would make the kernel enlarge the table,
	// which costs milliseconds when threads share it (it waits for an RCU grace
	// period). Numbers just below tableSize are bash's for process substitution.
	Base      = 48
	tableSize = 64
)

var (
	mu      sync.Mutex            // serialises changes of the following, and moves
	set     atomic.Pointer[[]int] // sorted; replaced, never changed
	kept    []*Descriptor         // those that are open
	watcher func([]int)           // told of changes; nil for none

	poller []*Descriptor // constant after init
)

func init() {
	set.Store(new([]int))
	WithRoom(tableSize, func() {
		for _, fd := range parkPoller() {
			poller = append(poller, keep(fd))
		}
	})
}

// Descriptor is an open file of hospes. The guest may want its number: then it gets
// another one.
type Descriptor struct {
	n     atomic.Int32
	moved func(fd int) // told of the new number; nil for none
}

// Int is the descriptor's number at the time. It is to be used at once.
//
//go:nosplit
func (d *Descriptor) Int() int { return int(d.n.Load()) }

// Write writes all of b to the file.
func (d *Descriptor) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := syscall.Write(d.Int(), b[done:])
		if err != nil && err != syscall.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}

// Poller returns the two descriptors of the runtime's poller, in any order, or
// fewer if they are not known. The caller must not change the result.
func Poller() []*Descriptor { return poller }

// Has reports whether fd is a descriptor of hospes.
func Has(fd int) bool {
	for _, r := range *set.Load() {
		if r == fd {
			return true
		}
	}
	return false
}

// List returns the descriptors of hospes in ascending order. The caller must not
// change the result.
func List() []int { return *set.Load() }

// Keep takes a descriptor over: it becomes a close-on-exec one with a high number
// that is hospes's from now on, and fd is closed.
func Keep(fd int) (*Descriptor, error) {
	high, e := dupHigh(fd)
	if e != 0 {
		return nil, e
	}
	d := keep(high)
	_ = syscall.Close(fd) // its duplicate holds the file: no error can be lost
	return d, nil
}

// Close closes the file. The descriptor must not be used afterwards.
func (d *Descriptor) Close() error {
	mu.Lock()
	defer mu.Unlock()
	kept = slices.DeleteFunc(kept, func(k *Descriptor) bool { return k == d })
	update()
	return syscall.Close(d.Int())
}

// keep makes a descriptor hospes's as it is.
func keep(fd int) *Descriptor {
	mu.Lock()
	defer mu.Unlock()
	d := new(Descriptor)
	d.n.Store(int32(fd))
	kept = append(kept, d)
	update()
	return d
}

// update makes the set anew. mu is locked.
func update() {
	l := make([]int, len(kept))
	for i, d := range kept {
		l[i] = d.Int()
	}
	slices.Sort(l)
	set.Store(&l)
	if watcher != nil {
		watcher(l)
	}
}

// Watch has f called with the list of descriptors, now and whenever it changes. It
// replaces the function of an earlier call.
func Watch(f func([]int)) {
	mu.Lock()
	defer mu.Unlock()
	watcher = f
	f(List())
}

// dupHigh duplicates a descriptor, to Base or above. Where the hard limit of open files
// does not allow that, the duplicate gets the highest number that there is.
func dupHigh(fd int) (high int, e syscall.Errno) {
	if high, e = dupOver(fd, Base); e == 0 {
		return high, 0
	}
	for least := Base; least >= 0; least-- {
		r, e := dupAbove(fd, least)
		if e != syscall.EINVAL && e != syscall.EMFILE { // EINVAL: least is not below the limit
			return r, e
		}
	}
	return -1, syscall.EMFILE
}

// dupAbove makes a close-on-exec duplicate with a number of at least least.
func dupAbove(fd, least int) (int, syscall.Errno) {
	r, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, uintptr(least))
	return int(r), e
}

// parkPoller has the runtime open its poller's descriptors at Base or above, and
// returns them. Where the limit of open files does not allow that, they get the
// highest numbers that there are.
func parkPoller() []int {
	var fill filler
	defer fill.empty()
	first, ok := fill.below(Base)
	second, e := dup()
	if e == 0 {
		_ = syscall.Close(second)
	}
	if ok {
		_ = syscall.Close(first)
	}
	fds := []int{first, second}
	if !ok || e != 0 {
		fds = fill.freeHighest(2)
	}
	needRoom()
	startPoller()
	if len(fds) == 2 && isOpen(fds[0]) && isOpen(fds[1]) {
		return fds
	}
	return findPoller()
}

// needRoom ends the program if there are no two numbers for the poller: the runtime
// would do so with less clear words.
func needRoom() {
	var fds [2]int
	for i := range fds {
		fd, e := dup()
		if e != 0 {
			_, _ = syscall.Write(2, []byte("hospes: the limit of open files (ulimit -n) leaves no room for two of its own\n"))
			syscall.Exit(exitFailure)
		}
		fds[i] = fd
	}
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}

// exitFailure is the exit status of programs that run others and fail themselves.
const exitFailure = 125

// startPoller makes the runtime open its poller: timers rely on it.
func startPoller() { time.AfterFunc(time.Hour, func() {}).Stop() }

// filler occupies descriptor numbers, as runs of consecutive ones.
type filler struct{ runs [][2]int }

// below occupies all free numbers below limit. It returns the first free number
// from limit on, open; ok is false if there is none.
func (f *filler) below(limit int) (first int, ok bool) {
	for {
		fd, e := dup()
		switch {
		case e != 0:
			return 0, false
		case fd >= limit:
			return fd, true
		}
		if n := len(f.runs); n > 0 && f.runs[n-1][1]+1 == fd {
			f.runs[n-1][1] = fd
		} else {
			f.runs = append(f.runs, [2]int{fd, fd})
		}
	}
}

// freeHighest frees the highest n of the numbers, and returns them.
func (f *filler) freeHighest(n int) (freed []int) {
	for ; n > 0 && len(f.runs) > 0; n-- {
		last := &f.runs[len(f.runs)-1]
		_ = syscall.Close(last[1])
		freed = append(freed, last[1])
		if last[1]--; last[1] < last[0] {
			f.runs = f.runs[:len(f.runs)-1]
		}
	}
	return freed
}

// empty frees the numbers.
func (f *filler) empty() {
	for _, r := range f.runs {
		if _, _, e := syscall.RawSyscall(sysCloseRange, uintptr(r[0]), uintptr(r[1]), 0); e == 0 {
			continue
		}
		for fd := r[0]; fd <= r[1]; fd++ { // Linux before 5.9
			_ = syscall.Close(fd)
		}
	}
}

// sysCloseRange is close_range(2), which has the same number everywhere.
const sysCloseRange = 436

// dup duplicates standard input, which the runtime has made sure is open, or
// another file, when the guest has closed it.
func dup() (int, syscall.Errno) {
	fd, e := dupAbove(0, 0)
	if e == syscall.EBADF && len(poller) > 0 {
		return dupAbove(poller[0].Int(), 0)
	}
	return fd, e
}

func isOpen(fd int) bool {
	_, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	return e == 0
}

// findPoller looks for the poller's descriptors where they could not be placed:
// an epoll instance and an event counter, close-on-exec.
func findPoller() (fds []int) {
	buf := make([]byte, 64)
	for fd := 3; fd < tableSize && len(fds) < 2; fd++ {
		n, err := syscall.Readlink("/proc/self/fd/"+decimal(fd), buf)
		if err != nil {
			continue
		}
		switch string(buf[:n]) {
		case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
			fds = append(fds, fd)
		}
	}
	return fds
}

// decimal is strconv.Itoa for small numbers; this package imports little.
func decimal(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + string(rune('0'+n%10))
}
