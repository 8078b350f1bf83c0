//go:build linux && amd64

// Package inherited remembers what the process inherited from the one that
// started it, before Go's standard library changes it: package syscall raises the
// soft limit of open files when it is initialised, and the guest must see the
// limit it was given. Package trap/early adds what it changes.
//
// The package imports nothing. Go initialises packages that are ready in the order
// of their import paths, so this one comes before package syscall; a test holds that.
package inherited

// Rlimit is struct rlimit (getrlimit(2)).
type Rlimit struct{ Cur, Max uint64 }

const rlimitNofile = 7 // RLIMIT_NOFILE

// nofile is RLIMIT_NOFILE as inherited; known tells whether the host gave it.
var nofile, known = readNofile()

func readNofile() (l Rlimit, ok bool) {
	return l, prlimit(rlimitNofile, nil, &l) == 0
}

// prlimit is prlimit64(2) for this process. It returns the errno.
//
//go:noescape
func prlimit(resource uintptr, set, get *Rlimit) (errno uintptr)

// Nofile returns RLIMIT_NOFILE as it was inherited; ok is false if the host would
// not tell.
func Nofile() (l Rlimit, ok bool) { return nofile, known }

// Restore puts the inherited RLIMIT_NOFILE back. Descriptors above it stay open.
func Restore() {
	if known {
		prlimit(rlimitNofile, &nofile, nil)
	}
}

// closed are the standard descriptors that were not open, as bits.
var closed uint32

// SetClosed records which of the descriptors 0 to 2 were closed (bit n for
// descriptor n) when the program started. Go's runtime opens them, so that only
// package trap/early can tell.
func SetClosed(fds uint32) { closed = fds }

// Closed reports whether descriptor fd, of 0 to 2, was closed.
func Closed(fd int) bool { return closed>>fd&1 != 0 }

// limits are resource limits that the host has no more, by number.
var limits [16]struct {
	Rlimit
	known bool
}

// SetLimit records what a resource limit was that has been changed since.
func SetLimit(resource int, l Rlimit) {
	limits[resource].Rlimit, limits[resource].known = l, true
}

// Limit returns a resource limit as it was inherited; ok is false if it is still the
// host's.
func Limit(resource int) (l Rlimit, ok bool) {
	return limits[resource].Rlimit, limits[resource].known
}
