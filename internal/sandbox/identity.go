//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Who a process is: IDs of processes, groups and sessions, and users. The first process is root's, of a
// machine of its own: there is nothing that this would allow it to do to others.

// ids are those of a user, or of a group: real, effective, saved, and for files.
type ids struct{ real, effective, saved, fs uint32 }

// credentials are those of a process.
type credentials struct {
	uid, gid ids
	groups   []uint32
}

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

func sysGetpgid(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	p := t.process(c.Int(0))
	if p == nil {
		return 0, syscall.ESRCH
	}
	return uint64(p.group), 0
}

func sysGetsid(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	p := t.process(c.Int(0))
	if p == nil {
		return 0, syscall.ESRCH
	}
	return uint64(p.session), 0
}

func sysSetpgid(t *Task, c *Call) (uint64, syscall.Errno) {
	pid, group := c.Int(0), c.Int(1)
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	p := t.process(pid)
	switch {
	case group < 0:
		return 0, syscall.EINVAL
	case p == nil, p != t.P && p.parent != t.P:
		return 0, syscall.ESRCH
	case p.session != t.P.session, p.session == p.Pid:
		return 0, syscall.EPERM
	case p != t.P && p.executed:
		return 0, syscall.EACCES
	}
	if group == 0 {
		group = p.Pid
	}
	if group != p.Pid && !t.K.hasGroup(group, p.session) {
		return 0, syscall.EPERM
	}
	p.group = group
	return 0, 0
}

// hasGroup reports whether there is a process group in a session, with mu held.
func (k *Kernel) hasGroup(group, session int) bool {
	for _, p := range k.processes {
		if p.group == group && p.session == session {
			return true
		}
	}
	return false
}

func sysSetsid(t *Task, _ *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	for _, p := range t.K.processes {
		if p.group == t.P.Pid {
			return 0, syscall.EPERM
		}
	}
	t.P.group, t.P.session = t.P.Pid, t.P.Pid
	return uint64(t.P.Pid), 0
}

// noID is -1, which leaves an ID as it is.
const noID = 1<<32 - 1

// userIDs and groupIDs choose which IDs a call is about.
func userIDs(p *Process) *ids { return &p.cred.uid }

func groupIDs(p *Process) *ids { return &p.cred.gid }

// getID returns the handler of a call that tells an ID.
func getID(which func(*Process) *ids, effective bool) Handler {
	return func(t *Task, _ *Call) (uint64, syscall.Errno) {
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		if i := which(t.P); effective {
			return uint64(i.effective), 0
		} else {
			return uint64(i.real), 0
		}
	}
}

// getResID returns the handler of getresuid(2) and getresgid(2).
func getResID(which func(*Process) *ids) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		t.K.mu.Lock()
		i := *which(t.P)
		t.K.mu.Unlock()
		for k, id := range []uint32{i.real, i.effective, i.saved} {
			if t.Mem.Store(c.Args[k], 4, uint64(id)) != nil {
				return 0, syscall.EFAULT
			}
		}
		return 0, 0
	}
}

// setResID returns the handler of setresuid(2) and setresgid(2), and of their kin, whose arguments are those
// of setresuid by the function args: the real, effective and saved ID.
func setResID(which func(*Process) *ids, args func(c *Call, now ids, root bool) [3]uint32) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		root, now := t.P.cred.uid.effective == 0, which(t.P)
		next := args(c, *now, root)
		for _, id := range next {
			if id != noID && !root && id != now.real && id != now.effective && id != now.saved {
				return 0, syscall.EPERM
			}
		}
		for k, to := range []*uint32{&now.real, &now.effective, &now.saved} {
			if next[k] != noID {
				*to = next[k]
			}
		}
		now.fs = now.effective
		return 0, 0
	}
}

// setID is setuid(2): root sets all, others the effective ID.
func setID(c *Call, _ ids, root bool) [3]uint32 {
	id := c.Uint(0)
	if root {
		return [3]uint32{id, id, id}
	}
	return [3]uint32{noID, id, noID}
}

// setReID is setreuid(2), which has the saved ID follow the effective one.
func setReID(c *Call, now ids, _ bool) [3]uint32 {
	next := [3]uint32{c.Uint(0), c.Uint(1), noID}
	if next[0] != noID || next[1] != noID && next[1] != now.real {
		if next[2] = next[1]; next[2] == noID {
			next[2] = now.effective
		}
	}
	return next
}

func setAllIDs(c *Call, _ ids, _ bool) [3]uint32 { return [3]uint32{c.Uint(0), c.Uint(1), c.Uint(2)} }

// setFSID returns the handler of setfsuid(2) and setfsgid(2), which never fail.
func setFSID(which func(*Process) *ids) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		i, id := which(t.P), c.Uint(0)
		old := i.fs
		if t.P.cred.uid.effective == 0 || id == i.real || id == i.effective || id == i.saved {
			if id != noID {
				i.fs = id
			}
		}
		return uint64(old), 0
	}
}

func sysGetgroups(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	groups := t.P.cred.groups // never changed in place
	t.K.mu.Unlock()
	n := c.Int(0)
	switch {
	case n < 0, n > 0 && n < len(groups):
		return 0, syscall.EINVAL
	case n == 0 || len(groups) == 0:
		return uint64(len(groups)), 0
	}
	return uint64(len(groups)), t.writeObject(c.Args[1], groups)
}

func sysSetgroups(t *Task, c *Call) (uint64, syscall.Errno) {
	const most = 65536
	n := c.Uint(0)
	if n > most {
		return 0, syscall.EINVAL
	}
	groups := make([]uint32, n)
	if n > 0 {
		if e := t.readObject(c.Args[1], groups); e != 0 {
			return 0, e
		}
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	if t.P.cred.uid.effective != 0 {
		return 0, syscall.EPERM
	}
	t.P.cred.groups = groups
	return 0, 0
}

// Of capget(2): versions of the structures, and all capabilities that there are.
const (
	capVersion1 = 0x19980330
	capVersion3 = 0x20080522
	capVersion2 = 0x20071026
	capAll      = 1<<41 - 1
)

// sysCapget says that root has all capabilities, and others have none.
func sysCapget(t *Task, c *Call) (uint64, syscall.Errno) {
	var head struct {
		Version uint32
		PID     int32
	}
	if e := t.readObject(c.Args[0], &head); e != 0 {
		return 0, e
	}
	words := 2
	switch head.Version {
	case capVersion1:
		words = 1
	case capVersion2, capVersion3:
	default:
		head.Version = capVersion3
		if e := t.writeObject(c.Args[0], &head); e != 0 {
			return 0, e
		}
		if c.Args[1] == 0 {
			return 0, 0
		}
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	p := t.process(int(head.PID))
	if p == nil && t.K.tasks[int(head.PID)] != nil {
		p = t.K.tasks[int(head.PID)].P
	}
	root := p != nil && p.cred.uid.effective == 0
	t.K.mu.Unlock()
	switch {
	case head.PID < 0:
		return 0, syscall.EINVAL
	case p == nil:
		return 0, syscall.ESRCH
	case c.Args[1] == 0:
		return 0, 0
	}
	data := make([][3]uint32, words) // effective, permitted, inheritable
	for i := range data {
		if root {
			set := uint32(uint64(capAll) >> (32 * i))
			data[i] = [3]uint32{set, set, 0}
		}
	}
	return 0, t.writeObject(c.Args[1], data)
}

// release is the release of the kernel that this one is like: C libraries refuse to start on kernels older than
// the first that knew their machine.
const release = "6.12.0"

// version is the version of that kernel.
const version = "#1 SMP hospes"

func sysUname(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	host := t.K.cfg.Hostname
	t.K.mu.Unlock()
	var u unix.Utsname
	for to, s := range map[*[65]byte]string{
		&u.Sysname: "Linux", &u.Nodename: host, &u.Release: release, &u.Version: version,
		&u.Machine: t.mm.machine.Arch.Name(), &u.Domainname: "(none)",
	} {
		copy(to[:len(to)-1], s)
	}
	return 0, t.writeObject(c.Args[0], &u)
}

func sysPersonality(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	old := t.P.persona
	if next := c.Uint(0); next != noID {
		t.P.persona = next
	}
	return uint64(old), 0
}

func sysSethostname(t *Task, c *Call) (uint64, syscall.Errno) {
	n := c.Int(1)
	if n < 0 || n > 64 {
		return 0, syscall.EINVAL
	}
	b, e := t.copyIn(c.Args[0], uint64(n))
	if e != 0 {
		return 0, e
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	if t.P.cred.uid.effective != 0 {
		return 0, syscall.EPERM
	}
	t.K.cfg.Hostname = string(b)
	return 0, 0
}
