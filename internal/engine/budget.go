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
}

// share is what optimising may take of the guest's CPU time: 1/40. Go's collector takes about as much again.
const share = 40

// Bounds of how long to wait for time.
const minWait, maxWait = 20 * time.Millisecond, 200 * time.Millisecond

// wait is how long to wait until there is time left, about: 0 if there is.
func (b *budget) wait() time.Duration {
	if b.unlimited {
		return 0
	}
	over := b.over(processTime() - b.spent)
	if over <= 0 {
		return 0
	}
	return min(max(over*share, minWait), maxWait)
}

// over is how much too much has been spent when all else has taken a time.
func (b *budget) over(guest time.Duration) time.Duration {
	return b.spent - guest/share
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
