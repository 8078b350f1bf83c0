package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// What the translator makes it keeps for long, and most programs end before there is much to collect. So the collector
// leaves a heap of this size alone, in bytes; a bigger one may double, as in any Go program.
const smallHeap = 128 << 20

const (
	usualPercent = 100     // of what is in use, by which a heap may grow until the next collection
	usualLeast   = 4 << 20 // bytes of the heap at the first collection then
	mostPercent  = usualPercent * smallHeap / usualLeast
)

// paceCollector sets when the collector works from now on, unless GOGC does.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	now := mostPercent
	debug.SetGCPercent(now)
	afterEachCollection(func() {
		now = percent(used(now))
		debug.SetGCPercent(now)
	})
}

// used is how many bytes of the heap the last collection has found in use, by the size at which the next one begins
// if the heap may grow by so many percent: package runtime/metrics, which says it, takes every start a tenth of a millisecond.
func used(percent int) uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC * 100 / uint64(100+percent)
}

// percent is by how much a heap of which so many bytes are in use may grow until the next collection.
func percent(used uint64) int {
	return int(min(max(usualPercent, usualPercent*smallHeap/max(used, 1)), mostPercent))
}

// afterEachCollection has f called by the goroutine of finalizers.
func afterEachCollection(f func()) {
	type sentinel struct{ _ *byte } // an object without pointers might share its memory with others
	var next func()
	next = func() {
		runtime.SetFinalizer(new(sentinel), func(*sentinel) {
			f()
			next()
		})
	}
	next()
}
