//go:build linux && amd64

package hostthread

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReserve has the runtime take its threads from the reserve, and use them as its own.
func TestReserve(t *testing.T) {
	if err := Init(); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		if e := Reserve(8); e != 0 {
			t.Fatal(e)
		}
		if n := waiting(); n != 8 {
			t.Fatalf("round %d: %d threads wait, want 8", round, n)
		}
		reserved := map[int]bool{}
		for _, tid := range Hold(nil) {
			reserved[tid] = true
		}
		Release()
		used := 0
		for _, tid := range lockedThreads(12) {
			if reserved[tid] {
				used++
			}
		}
		if used == 0 || Empty() != (waiting() == 0) {
			t.Errorf("round %d: %d of 8 threads in reserve were used", round, used)
		}
	}
}

// lockedThreads has n goroutines with threads of their own work at once, which end
// with them, and returns the threads' IDs.
func lockedThreads(n int) (tids []int) {
	var all sync.WaitGroup
	var begun sync.WaitGroup
	ids := make(chan int, n)
	begun.Add(n)
	for range n {
		all.Go(func() {
			runtime.LockOSThread()
			ids <- unix.Gettid()
			begun.Done()
			begun.Wait()
			for i := range 100 {
				_ = make([]byte, i<<8)
			}
			runtime.GC()
		})
	}
	all.Wait()
	close(ids)
	for tid := range ids {
		tids = append(tids, tid)
	}
	return tids
}

// TestHold says that held threads stay what they are.
func TestHold(t *testing.T) {
	if e := Reserve(3); e != 0 {
		t.Fatal(e)
	}
	tids := Hold(nil)
	lockedThreads(10)
	for _, tid := range tids {
		if err := unix.Tgkill(unix.Getpid(), tid, 0); err != nil {
			t.Errorf("thread %d: %v", tid, err)
		}
	}
	if n := waiting(); n != len(tids) {
		t.Errorf("%d threads wait, want %d", n, len(tids))
	}
	Release()
}
