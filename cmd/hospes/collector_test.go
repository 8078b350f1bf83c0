package main

import (
	"runtime"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for used, want := range map[uint64]int{
		0:         800,
		3 << 20:   800,
		8 << 20:   400, // to 40 MiB
		16 << 20:  200,
		32 << 20:  100,
		500 << 20: 100,
	} {
		if got := percent(used); got != want {
			t.Errorf("%d MiB in use: %d %%, want %d", used>>20, got, want)
		}
	}
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
