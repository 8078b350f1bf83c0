//go:build linux && amd64

package sandbox

import "syscall"

// Who a process is: IDs of processes, groups and sessions, and users. All processes are root's, of a machine of
// their own: there is nothing that this would allow them to do to others.

// ids are those of a user.
type ids struct{ uid, gid uint32 }

// ids are those of the process.
func (p *Process) ids() ids { return ids{p.uid, 0} }

func sysGetppid(t *Task, _ *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return uint64(t.P.ppid()), 0
}

// ppid is the parent's process ID, with Kernel.mu held.
func (p *Process) ppid() int {
	if p.parent == nil {
		return firstID - 1
	}
	return p.parent.Pid
}

// process is that of an ID as system calls take it: 0 is the caller's. Kernel.mu is held.
func (t *Task) process(pid int) *Process {
	if pid == 0 {
		return t.P
	}
	return t.K.processes[pid]
}
