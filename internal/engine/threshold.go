//go:build linux && amd64

package engine

import (
	"sync/atomic"
	"time"
)

// threshold is how often a block is interpreted before it is translated: as often as was
// chosen, and more often while the code cache is too small for what is hot, so that
// translations pay before they are forgotten.
type threshold struct {
	least int32 // what was chosen
	now   atomic.Int32
	since time.Time // when the cache was emptied last. Guarded by Machine.resetMu
}

const (
	perByte      = 50 * time.Nanosecond // what making a byte of host code takes, about
	maxThreshold = 1 << 14
)

func (t *threshold) start(n int) {
	t.least = int32(n)
	t.now.Store(t.least)
	t.since = time.Now()
}

// A program of which so much has been translated is one that takes long: translations pay earlier then. In short ones,
// such as those that shells run, most of what is executed a dozen times is soon over.
const (
	wideBlocks    = 4000
	wideThreshold = 12
)

// wide is for a program of which wideBlocks have been translated, if nobody has chosen another threshold.
func (t *threshold) wide() {
	t.now.CompareAndSwap(int32(DefaultOptions.Threshold), wideThreshold)
}

// reused is for translations that another guest is going to execute, too: what it executes once, the next ones do, and
// so nothing is interpreted any more.
func (t *threshold) reused() {
	if now := t.now.Load(); now <= t.least {
		t.now.CompareAndSwap(now, 0)
	}
}

// emptied adapts the threshold when a cache of size bytes has been emptied: translating is to
// take a tenth of the time at most.
func (t *threshold) emptied(size int) {
	filling := time.Duration(size) * perByte
	now := t.now.Load()
	switch lasted := time.Since(t.since); {
	case lasted < 10*filling:
		now = min(max(2*now, 8), max(maxThreshold, t.least))
	case lasted > 50*filling:
		now = max(now/2, t.least)
	}
	t.now.Store(now)
	t.since = time.Now()
}
