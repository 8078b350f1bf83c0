//go:build linux && amd64

package sandbox

import "golang.org/x/sys/unix"

// usage is what processes have used.
type usage struct {
	user    int64  // time in guest code, in nanoseconds
	retired uint64 // instructions
	maxRSS  uint64 // bytes
}

func (u *usage) add(v *usage) {
	u.user += v.user
	u.retired += v.retired
	u.maxRSS = max(u.maxRSS, v.maxRSS)
}

// rusage is u as getrusage(2) has it.
func (u *usage) rusage() *unix.Rusage {
	return &unix.Rusage{Utime: unix.NsecToTimeval(u.user), Maxrss: int64(u.maxRSS / 1024)}
}
