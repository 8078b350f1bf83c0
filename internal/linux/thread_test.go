//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// TestTimedWait: a wait that is interrupted for the host's reasons ends when it
// would have ended; the next one with the same arguments begins anew.
func TestTimedWait(t *testing.T) {
	var w timedWait
	c := &Call{Row: &unknownCall, Args: [6]uint64{1, 2, 3}}
	d := unix.NsecToTimespec(int64(time.Hour))
	if got := w.left(c, d); got != d {
		t.Errorf("first wait %v, want %v", got, d)
	}
	time.Sleep(2 * time.Millisecond)
	w.done(ERESTARTNOHAND)
	if got := w.left(c, d); got.Nano() > d.Nano()-int64(2*time.Millisecond) || got.Nano() < d.Nano()/2 {
		t.Errorf("after an interruption %v is left", got)
	}
	other := &Call{Row: &unknownCall, Args: [6]uint64{1, 2, 4}}
	if got := w.left(other, d); got != d {
		t.Errorf("other arguments %v, want %v", got, d)
	}
	w.done(syscall.ETIMEDOUT)
	if got := w.left(other, d); got != d {
		t.Errorf("after the end %v, want %v", got, d)
	}
	w.deadline = unix.Timespec{}
	if got := w.left(other, d); got != (unix.Timespec{}) {
		t.Errorf("past the deadline %v, want 0", got)
	}
}

func virtualSignal(sig, code, value int) *trap.Info {
	var info trap.Info
	binary.LittleEndian.PutUint32(info[0:], uint32(sig))
	binary.LittleEndian.PutUint32(info[8:], uint32(code))
	binary.LittleEndian.PutUint32(info[24:], uint32(value))
	return &info
}

func TestVirtualQueue(t *testing.T) {
	var q virtualQueue
	q.add(virtualSignal(11, -1, 100))
	q.add(virtualSignal(4, -1, 200))
	q.add(virtualSignal(11, -1, 300)) // merged
	if got, want := q.set.Load(), sigbit(11)|sigbit(4); got != want {
		t.Errorf("set %#x, want %#x", got, want)
	}
	if _, ok := q.take(sigbit(8)); ok {
		t.Error("took what is not there")
	}
	for _, want := range []*trap.Info{virtualSignal(4, -1, 200), virtualSignal(11, -1, 100)} {
		if got, ok := q.take(^uint64(0)); !ok || got != *want {
			t.Errorf("took signal %d (%v), want %d", got.Signal(), ok, want.Signal())
		}
	}
	if _, ok := q.take(^uint64(0)); ok {
		t.Error("the queue is not empty")
	}
}

func TestDefaultActions(t *testing.T) {
	for sig, want := range map[syscall.Signal]defaultAction{
		unix.SIGTERM: defaultKill, unix.SIGSEGV: defaultKill, 64: defaultKill, unix.SIGPIPE: defaultKill,
		unix.SIGCHLD: defaultIgnore, unix.SIGURG: defaultIgnore, unix.SIGWINCH: defaultIgnore, unix.SIGCONT: defaultIgnore,
		unix.SIGTSTP: defaultStop, unix.SIGTTIN: defaultStop, unix.SIGTTOU: defaultStop,
	} {
		if got := defaultOf(int(sig)); got != want {
			t.Errorf("%v: %v, want %v", sig, got, want)
		}
	}
}
