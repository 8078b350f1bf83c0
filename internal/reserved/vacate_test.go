//go:build linux && amd64

package reserved

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// The runtime's poller goes on under other numbers.
func TestClear(t *testing.T) {
	r, w, err := os.Pipe() // of the poller
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	read := make(chan byte)
	go func() {
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil {
				return
			}
			read <- b[0]
		}
	}()
	for i, to := range []int{64, 200, 1000} {
		old := List()
		if !Clear(0, to, to, nil) {
			t.Fatalf("descriptors below %d cannot be moved: %v", to, List())
		}
		for _, fd := range old {
			if fd < to && (isOpen(fd) || Has(fd)) {
				t.Errorf("descriptor %d is still there", fd)
			}
		}
		for _, d := range Poller() {
			if fd := d.Int(); fd < to || !Has(fd) || !isPollServerDescriptor(uintptr(fd)) {
				t.Errorf("a descriptor of the poller is %d", fd)
			}
		}
		begin := time.Now()
		time.Sleep(5 * time.Millisecond)
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("slept %v", d)
		}
		if _, err := w.Write([]byte{byte(i)}); err != nil || <-read != byte(i) {
			t.Errorf("no wake-up: %v", err)
		}
	}
}

// Who does not agree with a number is asked about another.
func TestClearAgreement(t *testing.T) {
	fd, e := dup()
	if e != 0 {
		t.Fatal(e)
	}
	d, err := Keep(fd)
	if err != nil {
		t.Fatal(err)
	}
	own, asked := d.Int(), 0
	ok := Clear(own, own+1, 300, func(old, fresh int) bool {
		asked++
		return old == own && fresh >= 303
	})
	if !ok || asked != 4 || d.Int() != 303 || isOpen(own) {
		t.Errorf("Clear = %t after %d questions, descriptor %d", ok, asked, d.Int())
	}
}

// Descriptors can be moved above the limit, and what does not stay has room.
func TestRoom(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Max < 2100 {
		t.Skip("the hard limit is low")
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) }()
	low := syscall.Rlimit{Cur: 20, Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	if !Clear(0, 2000, 2000, nil) {
		t.Errorf("not moved: %v", List())
	}
	var fds []int
	for {
		fd, e := dup()
		if e != 0 {
			break
		}
		fds = append(fds, fd)
	}
	Room(func() {
		fd, e := dup()
		if e != 0 {
			t.Error(e)
		}
		_ = syscall.Close(fd)
	})
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
	var now syscall.Rlimit
	if _ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); now != low {
		t.Errorf("the limit is %v afterwards", now)
	}
}
