//go:build linux && amd64

package forkall

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestList compares the runtime's list of threads with the kernel's.
func TestList(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !findList() {
		t.Fatal("the list of threads cannot be found")
	}
	for _, n := range []int{1, 7, 40} {
		hold := make(chan struct{})
		started := make(chan int)
		for range n {
			go func() {
				runtime.LockOSThread() // for good: the thread ends with the goroutine
				started <- unix.Gettid()
				<-hold
				Leaving()
			}()
		}
		var ids []int
		for range n {
			ids = append(ids, <-started)
		}
		var listed, kernel []int
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			listed, kernel = listedThreads(), kernelThreads(t)
			if slices.Equal(listed, kernel) {
				break
			}
		}
		if !slices.Equal(listed, kernel) {
			t.Errorf("threads %v, the kernel says %v", listed, kernel)
		}
		for _, id := range ids {
			if !slices.Contains(listed, id) {
				t.Errorf("thread %d is not among %v", id, listed)
			}
		}
		close(hold)
	}
}

func listedThreads() (ids []int) {
	for m := *word(list.head); m != 0; m = *word(m + list.link) {
		if id := threadID(m); id != 0 {
			ids = append(ids, int(id))
		}
	}
	slices.Sort(ids)
	return ids
}

func kernelThreads(t *testing.T) (ids []int) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// TestOperands takes apart what a compiler might make of a loop over the list.
func TestOperands(t *testing.T) {
	code := []byte{
		0x48, 0x8b, 0x15, 0x10, 0, 0, 0, // MOVQ 0x10(IP), DX
		0xeb, 0x07,
		0x48, 0x8b, 0x92, 0x60, 0x01, 0, 0, // MOVQ 0x160(DX), DX
		0x4c, 0x8b, 0x84, 0x24, 0x08, 0, 0, 0, // MOVQ 8(SP), R8: no register but the stack's
		0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	}
	addresses, offsets := operands(code)
	if len(addresses) != 1 || !slices.Equal(offsets, []uintptr{0x160}) {
		t.Errorf("addresses %#x, offsets %#x", addresses, offsets)
	}
}
