//go:build linux && amd64

package forkall

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestEntry learns how the event descriptor is registered in both ways.
func TestEntry(t *testing.T) {
	if err := Init(); err != nil {
		t.Fatal(err)
	}
	if !findEntry(1 << 20) {
		t.Fatal("the poller does not tell of the event")
	}
	asked := eventEntry
	eventEntry = unix.EpollEvent{}
	if !readEntry() || eventEntry != asked {
		t.Errorf("/proc says %+v, the poller %+v", eventEntry, asked)
	}
	eventEntry = asked
}

func TestRegistered(t *testing.T) {
	const info = "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t1057\n" +
		"tfd:       49 events:       19 data:     6000013f2ac8  pos:0 ino:421 sdev:e\n" +
		"tfd:        5 events: 8000001d data:        500000001  pos:0 ino:422 sdev:e\n"
	for _, c := range []struct {
		fd   int
		data uint64
		ok   bool
	}{{49, 0x6000013f2ac8, true}, {5, 0x500000001, true}, {4, 0, false}} {
		if data, ok := registered(info, c.fd); data != c.data || ok != c.ok {
			t.Errorf("%d: %#x, %v, want %#x, %v", c.fd, data, ok, c.data, c.ok)
		}
	}
}
