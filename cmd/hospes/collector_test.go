package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for used, want := range map[uint64]int{
		0:         3200,
		3 << 20:   3200,
		8 << 20:   1600, // to 136 MiB
		16 << 20:  800,
		128 << 20: 100,
		500 << 20: 100,
	} {
		if got := percent(used); got != want {
			t.Errorf("%d MiB in use: %d %%, want %d", used>>20, got, want)
		}
	}
}

// TestUsed: what the collector has found in use, when that is more than the least heap at which it begins.
func TestUsed(t *testing.T) {
	const size, piece, percent = 24 << 20, 1 << 10, 400
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	var kept [][]byte
	for range size / piece {
		kept = append(kept, make([]byte, piece))
	}
	runtime.GC()
	if got := used(percent); got < size || got > size+size/4 {
		t.Errorf("%d bytes are in use, and found to be %d", size, got)
	}
	runtime.KeepAlive(kept)
}

func TestAfterEachCollection(t *testing.T) {
	called := make(chan struct{}, 10)
	afterEachCollection(func() { called <- struct{}{} })
	for range 3 {
		runtime.GC()
		select {
		case <-called:
		case <-time.After(time.Minute):
			t.Fatal("not called")
		}
	}
}
