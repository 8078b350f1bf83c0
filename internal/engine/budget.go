//go:build linux && amd64

package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// budget is how much time optimising may take: so little of what the process takes that
// a program which ends before it pays is not slowed down by more than a few percent.
type budget struct {
	unlimited bool
	spent     time.Duration // CPU time
	gained    time.Duration // CPU time in regions, by samples
}

// share is what optimising may take of the guest's CPU time: 1/40. Go's collector takes about as much again. Behind the
// first of it, it has to be earned: fewShare is what may be taken where regions are of no use, and gain what may of the time in them.
const (
	share    = 40
	first    = 4 * time.Millisecond
	fewShare = 160
	gain     = 10
)

// Bounds of how long to wait for time.
const minWait, maxWait = 20 * time.Millisecond, 200 * time.Millisecond

// wait is how long to wait until there is time left, about: 0 if there is.
func (b *budget) wait() time.Duration {
	if b.unlimited {
		return 0
	}
	over := b.over(b.guest())
	if over <= 0 {
		return 0
	}
	return min(max(over*share, minWait), maxWait)
}

// guest is what the process has taken for all else.
func (b *budget) guest() time.Duration { return processTime() - b.spent }

// over is how much too much has been spent when all else has taken a time.
func (b *budget) over(guest time.Duration) time.Duration {
	return b.spent - min(guest/share, first+guest/fewShare+b.gained/gain)
}

// processTime is the CPU time that this process has taken.
func processTime() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadTime is that of this thread.
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(id, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
