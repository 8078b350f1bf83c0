//go:build linux

package vfs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Processes is what /proc shows.
type Processes interface {
	// Pids are the IDs of all processes, in ascending order.
	Pids() []int
	// Process is the one with a process ID, or with a thread of that ID; nil if there is
	// none. One process always gives equal values.
	Process(id int) Process
	// System is the text of one of SystemFiles; nil if there is no such file.
	System(name string) []byte
}

// Process is a process in /proc.
type Process interface {
	Pid() int
	// Threads are the IDs of its threads; none when it is a zombie or gone.
	Threads() []int
	// Text is the text of one of ProcessFiles, for a thread.
	Text(tid int, name string) ([]byte, Errno)
	// SetComm names a thread.
	SetComm(tid int, name []byte) Errno
	// Exe, Cwd and Root are where its program, working directory and root are; ENOENT
	// for a zombie.
	Exe() (Path, Errno)
	Cwd() (Path, Errno)
	Root() (Path, Errno)
	// FDs are its descriptors, in ascending order, and File what one refers to, with a
	// reference added, or nil.
	FDs() []int
	File(fd int) *File
	// Owner is who the files of its directory belong to.
	Owner() (uid, gid uint32)
}

// SystemFiles are the files about the whole system, by their names below /proc.
var SystemFiles = []string{
	"cmdline", "cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version",
	"sys/fs/file-max", "sys/fs/nr_open", "sys/fs/pipe-max-size",
	"sys/kernel/cap_last_cap", "sys/kernel/hostname", "sys/kernel/domainname", "sys/kernel/ngroups_max", "sys/kernel/osrelease",
	"sys/kernel/ostype", "sys/kernel/overflowgid", "sys/kernel/overflowuid", "sys/kernel/pid_max",
	"sys/kernel/random/boot_id", "sys/kernel/random/entropy_avail", "sys/kernel/random/poolsize", "sys/kernel/random/uuid",
	"sys/kernel/threads-max", "sys/kernel/version",
	"sys/net/core/somaxconn", "sys/vm/max_map_count", "sys/vm/mmap_min_addr", "sys/vm/overcommit_memory",
}

// ProcessFiles are the files about a thread that Process.Text makes.
var ProcessFiles = []string{
	"auxv", "cgroup", "cmdline", "comm", "environ", "limits", "maps", "oom_score", "oom_score_adj", "smaps", "stat", "statm", "status",
}

const procMagic = 0x9fa0

// procFS is /proc.
type procFS struct {
	src   Processes
	start time.Time
}

// NewProc makes /proc.
func NewProc(src Processes, start time.Time) *FS {
	p := &procFS{src, start}
	root := &procRoot{fs: p, fixed: newSynthDir(p.synth("", S_IFDIR|0o555), p.files)}
	return newFS("proc", root, func() Statfs { return Statfs{Type: procMagic, Bsize: pageSize, Namelen: NameMax} })
}

// files makes what does not belong to processes.
func (p *procFS) files() map[string]Node {
	nodes := p.texts("", SystemFiles)
	nodes["self"] = p.link("self", func(c *Caller) string { return strconv.Itoa(c.PID) })
	nodes["thread-self"] = p.link("thread-self", func(c *Caller) string { return fmt.Sprintf("%d/task/%d", c.PID, c.TID) })
	nodes["mounts"] = p.link("mounts", func(*Caller) string { return "self/mounts" })
	return nodes
}

// synth makes the common part of a file; key tells files apart.
func (p *procFS) synth(key string, mode uint32) synth {
	return synth{ino: inoOf(key), mode: mode, time: p.start}
}

func (p *procFS) link(key string, target func(*Caller) string) Node {
	return &synthLink{synth: p.synth(key, S_IFLNK|0o777), target: target}
}

// texts makes the files of a directory of the system, and the directories below. prefix
// is the directory's name, with a slash; names are those of the files from there.
func (p *procFS) texts(prefix string, names []string) map[string]Node {
	nodes, below := map[string]Node{}, map[string][]string{}
	for _, name := range names {
		if dir, rest, more := strings.Cut(name, "/"); more {
			below[dir] = append(below[dir], rest)
			continue
		}
		full := prefix + name
		nodes[name] = &textFile{synth: p.synth(full, S_IFREG|0o444), text: func(*Caller) ([]byte, Errno) {
			if b := p.src.System(full); b != nil {
				return b, 0
			}
			return nil, syscall.ENOENT
		}}
	}
	for dir, names := range below {
		full := prefix + dir
		nodes[dir] = newSynthDir(p.synth(full, S_IFDIR|0o555), func() map[string]Node { return p.texts(full+"/", names) })
	}
	return nodes
}

// procRoot is the root of /proc: what stays the same, and the processes.
type procRoot struct {
	base
	fs    *procFS
	fixed *synthDir
}

func (r *procRoot) Ino() uint64             { return r.fixed.ino }
func (r *procRoot) Type() uint32            { return S_IFDIR }
func (r *procRoot) Attr() (Attr, Errno)     { return r.fixed.Attr() }
func (r *procRoot) SetAttr(c *Change) Errno { return r.fixed.SetAttr(c) }

func (r *procRoot) Create(string, *NewFile) (Node, Errno) { return nil, syscall.ENOENT }

func (r *procRoot) Lookup(c *Caller, name string) (Node, Errno) {
	if id, ok := number(name); ok {
		if p := r.fs.src.Process(id); p != nil {
			return r.fs.process(p, p.Pid()), 0
		}
		return nil, syscall.ENOENT
	}
	return r.fixed.Lookup(c, name)
}

func (r *procRoot) List(c *Caller) ([]Dirent, Errno) {
	list, _ := r.fixed.List(c)
	for _, pid := range r.fs.src.Pids() {
		list = append(list, Dirent{strconv.Itoa(pid), inoOf(strconv.Itoa(pid)), S_IFDIR})
	}
	return list, 0
}

// number is the number that a name is, without leading zeros.
func number(name string) (int, bool) {
	n, err := strconv.Atoi(name)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == name
}

// procDir is a directory that belongs to a process.
type procDir struct {
	synth
	fs     *procFS
	p      Process
	lookup func(name string) (Node, Errno)
	list   func() []Dirent
}

// dir makes a directory of a process; lookup and list are for the caller to set.
func (p *procFS) dir(proc Process, key string) *procDir {
	return &procDir{synth: p.synth(key, S_IFDIR|0o555), fs: p, p: proc}
}

// Stale reports whether the process has ended: another one may have got its number.
func (d *procDir) Stale() bool { return d.fs.src.Process(d.p.Pid()) != d.p }

func (d *procDir) Attr() (Attr, Errno) {
	a, e := d.synth.Attr()
	a.UID, a.GID = d.p.Owner()
	return a, e
}

func (d *procDir) Lookup(_ *Caller, name string) (Node, Errno) {
	if d.Stale() {
		return nil, syscall.ENOENT
	}
	return d.lookup(name)
}

func (d *procDir) List(*Caller) ([]Dirent, Errno) {
	if d.Stale() {
		return nil, syscall.ENOENT
	}
	return d.list(), 0
}

// process makes the directory of a process.
func (p *procFS) process(proc Process, pid int) Node {
	key := strconv.Itoa(pid)
	d := p.thread(proc, pid, key)
	files := d.lookup
	task := func() Node { return p.tasks(proc, key+"/task") }
	d.lookup = func(name string) (Node, Errno) {
		if name == "task" {
			return task(), 0
		}
		return files(name)
	}
	list := d.list
	d.list = func() []Dirent { return append(list(), Dirent{"task", task().Ino(), S_IFDIR}) }
	return d
}

// tasks makes the directory of a process's threads.
func (p *procFS) tasks(proc Process, key string) Node {
	d := p.dir(proc, key)
	d.lookup = func(name string) (Node, Errno) {
		if tid, ok := number(name); ok && slices.Contains(proc.Threads(), tid) {
			return p.thread(proc, tid, key+"/"+name), 0
		}
		return nil, syscall.ENOENT
	}
	d.list = func() []Dirent { return numbered(key, proc.Threads(), S_IFDIR) }
	return d
}

// numbered lists entries whose names are numbers.
func numbered(key string, ids []int, typ uint32) []Dirent {
	list := make([]Dirent, len(ids))
	for i, id := range ids {
		list[i] = Dirent{strconv.Itoa(id), inoOf(key + "/" + strconv.Itoa(id)), typ}
	}
	slices.SortFunc(list, func(a, b Dirent) int { return cmp.Or(len(a.Name)-len(b.Name), cmp.Compare(a.Name, b.Name)) })
	return list
}

// thread makes the directory of a thread.
func (p *procFS) thread(proc Process, tid int, key string) *procDir {
	d := p.dir(proc, key)
	nodes := map[string]Node{}
	for _, name := range ProcessFiles {
		nodes[name] = p.text(proc, tid, key+"/"+name, name)
	}
	for name, text := range map[string]func(*Caller) ([]byte, Errno){
		"mounts":    func(c *Caller) ([]byte, Errno) { return c.NS.Mounts(), 0 },
		"mountinfo": func(c *Caller) ([]byte, Errno) { return c.NS.MountInfo(), 0 },
	} {
		nodes[name] = &textFile{synth: p.synth(key+"/"+name, S_IFREG|0o444), text: text}
	}
	for name, jump := range map[string]func() (Path, Errno){"exe": proc.Exe, "cwd": proc.Cwd, "root": proc.Root} {
		nodes[name] = &jumpLink{synth: p.synth(key+"/"+name, S_IFLNK|0o777), to: jump}
	}
	nodes["fd"], nodes["fdinfo"] = p.fds(proc, key+"/fd"), p.fdinfo(proc, key+"/fdinfo")
	d.lookup = func(name string) (Node, Errno) {
		if n := nodes[name]; n != nil {
			return n, 0
		}
		return nil, syscall.ENOENT
	}
	d.list = func() []Dirent { return direntsOf(nodes) }
	return d
}

// text makes a file about a thread.
func (p *procFS) text(proc Process, tid int, key, name string) Node {
	f := &textFile{
		synth: p.synth(key, S_IFREG|0o444),
		text:  func(*Caller) ([]byte, Errno) { return proc.Text(tid, name) },
	}
	switch name {
	case "comm":
		f.mode |= 0o200
		f.write = func(b []byte) Errno { return proc.SetComm(tid, b) }
	case "oom_score_adj": // daemons set it; there is nobody to be killed instead
		f.mode |= 0o200
		f.write = func([]byte) Errno { return 0 }
	}
	return f
}

// fds makes the directory of a process's descriptors.
func (p *procFS) fds(proc Process, key string) Node {
	d := p.dir(proc, key)
	d.lookup = func(name string) (Node, Errno) {
		fd, ok := number(name)
		if !ok || !slices.Contains(proc.FDs(), fd) {
			return nil, syscall.ENOENT
		}
		return &jumpLink{synth: p.synth(key+"/"+name, S_IFLNK|0o700), to: func() (Path, Errno) {
			f := proc.File(fd)
			if f == nil {
				return Path{}, syscall.ENOENT
			}
			defer f.Unref()
			return f.Path, 0
		}}, 0
	}
	d.list = func() []Dirent { return numbered(key, proc.FDs(), S_IFLNK) }
	return d
}

// fdinfo makes the directory of what is known about them (proc_pid_fdinfo(5)).
func (p *procFS) fdinfo(proc Process, key string) Node {
	d := p.dir(proc, key)
	d.lookup = func(name string) (Node, Errno) {
		fd, ok := number(name)
		if !ok || !slices.Contains(proc.FDs(), fd) {
			return nil, syscall.ENOENT
		}
		return &textFile{synth: p.synth(key+"/"+name, S_IFREG|0o400), text: func(*Caller) ([]byte, Errno) {
			f := proc.File(fd)
			if f == nil {
				return nil, syscall.ENOENT
			}
			defer f.Unref()
			// Without f.mu: the file may be the one that is being read.
			return fmt.Appendf(nil, "pos:\t%d\nflags:\t0%o\nmnt_id:\t1\nino:\t%d\n", f.off.Load(), f.Flags(), f.Path.Node().Ino()), 0
		}}, 0
	}
	d.list = func() []Dirent { return numbered(key, proc.FDs(), S_IFREG) }
	return d
}

// jumpLink is a link that leads to a place itself, whatever its name.
type jumpLink struct {
	synth
	to func() (Path, Errno)
}

func (l *jumpLink) Jump(*Caller) (Path, Errno) { return l.to() }

func (l *jumpLink) Readlink(c *Caller) (string, Errno) {
	p, e := l.to()
	if e != 0 {
		return "", e
	}
	return c.Name(p), 0
}
