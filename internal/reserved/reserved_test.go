//go:build linux

package reserved

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func link(fd int) string {
	s, _ := os.Readlink("/proc/self/fd/" + decimal(fd))
	return s
}

// The runtime's descriptors lie high, are known, and low numbers are free.
func TestPollerIsParked(t *testing.T) {
	r, w, err := os.Pipe() // would start the poller if nothing had
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if r.Fd() >= Base {
		t.Errorf("a new descriptor is %d", r.Fd())
	}
	kinds := map[string]int{}
	for _, fd := range List() {
		if fd < Base || fd >= tableSize {
			t.Errorf("descriptor %d lies outside [%d, %d)", fd, Base, tableSize)
		}
		kinds[link(fd)]++
	}
	if kinds["anon_inode:[eventpoll]"] != 1 || kinds["anon_inode:[eventfd]"] != 1 {
		t.Errorf("reserved descriptors are %v", kinds)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for fd := range tableSize {
		if l := link(fd); strings.Contains(l, "eventpoll") && !Has(fd) {
			t.Errorf("descriptor %d is an epoll instance nobody knows of", fd)
		}
	}
	if len(entries) > Base/2 {
		t.Errorf("%d descriptors are open: the fillers were not closed", len(entries))
	}
}

func TestKeep(t *testing.T) {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(p[1])
	d, err := Keep(p[0])
	if err != nil {
		t.Fatal(err)
	}
	fd := d.Int()
	if fd < Base || !Has(fd) || Has(p[0]) || isOpen(p[0]) {
		t.Errorf("Keep(%d) = %d, known %t, old one open %t", p[0], fd, Has(fd), isOpen(p[0]))
	}
	if _, err := syscall.Write(p[1], []byte("x")); err != nil {
		t.Errorf("the pipe has no reader: %v", err)
	}
	if _, err := Keep(-1); err != syscall.EBADF {
		t.Errorf("Keep(-1): %v", err)
	}
}

// Under a limit of open files below Base, numbers lie above the limit.
func TestKeepUnderLowLimit(t *testing.T) {
	var inherited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &inherited); err != nil {
		t.Fatal(err)
	}
	low := inherited
	low.Cur = 30
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &inherited); err != nil {
			t.Error(err)
		}
	}()
	fd, e := dup()
	if e != 0 {
		t.Fatal(e)
	}
	if d, err := Keep(fd); err != nil || d.Int() < Base || !Has(d.Int()) {
		t.Errorf("Keep = %v, %v", d, err)
	}
	var now syscall.Rlimit
	if _ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); now != low {
		t.Errorf("the limit is %v afterwards", now)
	}
}

// Under a hard limit below Base, the highest numbers are taken, downwards.
func TestKeepUnderHardLimit(t *testing.T) {
	const asChild = "HOSPES_TEST_HARD_LIMIT"
	if os.Getenv(asChild) == "" {
		cmd := exec.Command("sh", "-c", `ulimit -n 30; exec "$0" -test.run='^TestKeepUnderHardLimit$'`, "/proc/self/exe")
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Args[3] = exe
		cmd.Env = append(os.Environ(), asChild+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 31, Max: 31}); err == nil {
		return // privileged: then there is no limit
	}
	want := 29
	for Has(want) {
		want--
	}
	if len(List()) != 2 || want != 27 {
		t.Errorf("the poller has %v", List())
	}
	for ; want > 24; want-- {
		fd, e := dup()
		if e != 0 {
			t.Fatal(e)
		}
		d, err := Keep(fd)
		if err != nil || d.Int() != want || !Has(want) {
			t.Errorf("Keep = %v, %v, want %d", d, err, want)
		}
	}
}

// Without the means to place them, the poller's descriptors are found.
func TestFindPoller(t *testing.T) {
	if got := findPoller(); len(got) != 2 || !Has(got[0]) || !Has(got[1]) {
		t.Errorf("findPoller() = %v, reserved %v", got, List())
	}
}

func BenchmarkPark(b *testing.B) {
	for b.Loop() {
		var f filler
		fd, ok := f.below(Base)
		if !ok {
			b.Fatal("no room")
		}
		_ = syscall.Close(fd)
		f.empty()
	}
}
