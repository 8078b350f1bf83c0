//go:build linux && amd64

package strace

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/linux"
)

// row returns the row of a call.
func row(t *testing.T, name string) *linux.Row {
	for i := range linux.Rows {
		if linux.Rows[i].Name == name {
			return &linux.Rows[i]
		}
	}
	t.Fatal("no row", name)
	return nil
}

// TestThreads lets the calls of two threads overlap.
func TestThreads(t *testing.T) {
	var out strings.Builder
	tr := New(&out)
	one, two := &linux.Task{TID: 101}, &linux.Task{TID: 102}
	closing := &linux.Call{Row: row(t, "fsync"), Args: [6]uint64{3}}
	pid := &linux.Call{Row: row(t, "getpid")}
	exit := &linux.Call{Row: row(t, "exit")}
	futex := &linux.Call{Row: row(t, "futex"), Args: [6]uint64{0x1000, 128, 2}}

	tr.Enter(one, closing)
	tr.Leave(one, closing, -9)
	tr.Enter(one, futex)
	tr.Enter(two, pid)
	tr.Leave(two, pid, 101)
	tr.Enter(two, closing)
	tr.Leave(one, futex, -512)
	tr.Leave(two, closing, 0)
	tr.Enter(two, exit)
	info := [128]byte{0: 15}
	tr.Signal(one, 15, &info)
	tr.Enter(one, closing)
	tr.Exit(nil, linux.Status{Signal: 15})

	want := `fsync(3)                                = -1 EBADF (Bad file descriptor)
futex(0x1000, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>
[pid   102] getpid()                    = 101
[pid   102] fsync(3 <unfinished ...>
[pid   101] <... futex resumed>)        = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
[pid   102] <... fsync resumed>)        = 0
[pid   102] exit(0)                     = ?
--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=0, si_uid=0} ---
fsync(3 <unfinished ...>
+++ killed by SIGTERM +++
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUnknown is about numbers that the table does not have, and errors without a name.
func TestUnknown(t *testing.T) {
	var out strings.Builder
	tr := New(&out)
	task := &linux.Task{TID: 1}
	c := &linux.Call{Row: &linux.Row{Nr: 1000, Name: "unknown"}, Args: [6]uint64{1, 2}}
	tr.Enter(task, c)
	tr.Leave(task, c, -38)
	tr.Enter(task, c)
	tr.Leave(task, c, -4000)
	want := `syscall_0x3e8(0x1, 0x2, 0, 0, 0, 0)     = -1 ENOSYS (Function not implemented)
syscall_0x3e8(0x1, 0x2, 0, 0, 0, 0)     = -1 (errno 4000)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
