//go:build linux

package sandbox

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// FileConfig is what a kernel is told about files. Without anything there is /dev and /proc, no input, and
// output goes nowhere.
type FileConfig struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal, if set, has the three seem to be a terminal of that size.
	Terminal *WindowSize
	// Mounts are made in this order; one of "/" is the root. Their file systems are the embedder's to close.
	// Where none of them is mounted, /proc, /dev and /dev/shm are the kernel's.
	Mounts []Mount
	// Dir is the working directory of the first process; "" is "/".
	Dir string
	// Descriptors is how many all processes together may have; open(2) fails with EMFILE then. The default is 4096. It bounds the
	// memory that pipes and sockets take, too: at most 192 KiB for each.
	Descriptors int
	// Memory is how many bytes of files /dev/shm and memfd_create(2) may hold. The default is 64 MiB.
	Memory int64
	// Output is how many bytes may be written to Stdout and Stderr together; 0 is any number. Beyond it the
	// kernel ends with an *OutputError.
	Output int64
	// Dial makes connections to addresses that are not the sandbox's; network is "tcp". Without it there are none.
	Dial func(ctx context.Context, network, address string) (io.ReadWriteCloser, error)
}

// Mount is a file system and where it is mounted.
type Mount struct {
	Target string // absolute
	FS     *vfs.FS
	vfs.MountOptions
}

// WindowSize is a terminal's in characters, as struct winsize has it.
type WindowSize struct{ Rows, Columns uint16 }

// OutputError says that a guest has written more than it may.
type OutputError struct{ Limit int64 }

func (e *OutputError) Error() string { return fmt.Sprintf("more than %d bytes of output", e.Limit) }

// kernelFiles is what all processes of a kernel share of files.
type kernelFiles struct {
	k       *Kernel // set by the first newTaskFiles
	cfg     FileConfig
	ns      *vfs.Namespace
	own     []*vfs.FS // to be closed
	shm     *vfs.FS
	output  chan struct{} // held (by a value in it) while something is written to an io.Writer
	written int64         // bytes; guarded by output
	input   *input
	open    atomic.Int64 // descriptors
	watches atomic.Int64 // entries of epoll(7) instances: at most eight for each descriptor
	lastIno atomic.Uint64
	sockets socketNames
	stopped chan struct{} // closed by stop
}

const (
	defaultDescriptors = 4096
	defaultFileMemory  = 64 << 20
)

// newKernelFiles makes the files of a kernel, and mounts what cfg says.
func newKernelFiles(cfg FileConfig) (*kernelFiles, error) {
	if cfg.Descriptors <= 0 {
		cfg.Descriptors = defaultDescriptors
	}
	if cfg.Memory <= 0 {
		cfg.Memory = defaultFileMemory
	}
	kf := &kernelFiles{cfg: cfg, output: make(chan struct{}, 1), stopped: make(chan struct{})}
	if cfg.Stdin != nil {
		kf.input = &input{r: cfg.Stdin}
	}
	return kf, nil
}

// mount makes the namespace. It needs the kernel's clock and processes.
func (kf *kernelFiles) mount() error {
	now := func() time.Time { return kf.k.realtime() }
	var root *vfs.FS
	var opts vfs.MountOptions
	mounts, has := []Mount{}, map[string]bool{}
	for _, m := range kf.cfg.Mounts {
		has[strings.TrimRight(m.Target, "/")] = true
		if m.Target == "/" && root == nil {
			root, opts = m.FS, m.MountOptions
		} else {
			mounts = append(mounts, m)
		}
	}
	kf.shm = vfs.NewMem(vfs.MemOptions{Size: kf.cfg.Memory, Now: now})
	kf.own = append(kf.own, kf.shm)
	var own []Mount
	for _, m := range []Mount{
		{Target: "/proc", FS: vfs.NewProc((*procSource)(kf.k), now())},
		{Target: "/dev", FS: vfs.NewDev(kf.k.readRandom, now())},
		{Target: "/dev/shm", FS: kf.shm},
	} {
		if !has[m.Target] && !(m.Target == "/dev/shm" && has["/dev"]) {
			own = append(own, m)
		}
	}
	for _, m := range kf.cfg.Mounts {
		m.FS.OnPanic(kf.k.Kill)
	}
	kf.ns = vfs.NewNamespace(root, opts)
	for _, m := range append(own, mounts...) {
		if err := kf.ns.Mount(m.FS, m.Target, m.MountOptions); err != nil {
			return err
		}
	}
	return nil
}

// stop is called when all processes are to end: nothing of the host's is waited for any longer.
func (kf *kernelFiles) stop() { close(kf.stopped) }

// close is called when no task is left.
func (kf *kernelFiles) close() {
	if kf.input != nil {
		kf.input.stop()
	}
	kf.sockets.close()
	for _, fs := range kf.own {
		_ = fs.Close()
	}
}

// newIno is a number for a file that is in no file system.
func (kf *kernelFiles) newIno() uint64 { return kf.lastIno.Add(1) }

// realtime is what the clock shows.
func (k *Kernel) realtime() time.Time { return time.Unix(0, k.clock.Realtime()) }

// newTaskFiles is that of the first task: descriptors 0 to 2 are the standard files.
func (kf *kernelFiles) newTaskFiles(k *Kernel) (f taskFiles, err error) {
	kf.k = k
	if err := kf.mount(); err != nil {
		return f, err
	}
	root := kf.ns.Root()
	f = taskFiles{fds: newFDTable(kf), fs: &fsInfo{root: root, cwd: root, umask: 0o022}}
	f.fs.users.Store(1)
	if dir := kf.cfg.Dir; dir != "" {
		c := vfs.Caller{NS: kf.ns, Root: root, Cwd: root}
		p, e := c.Walk(root, dir, vfs.Follow)
		if e == 0 {
			e = c.Chdir(p)
		}
		if e != 0 {
			return f, fmt.Errorf("working directory %s: %w", dir, e)
		}
		f.fs.cwd = p
	}
	for _, file := range kf.standardFiles() {
		if _, e := f.fds.add(file, 0, false); e != 0 {
			k.refused.Or(uint32(RefusedFiles))
			return f, fmt.Errorf("the standard files: %w", e)
		}
	}
	return f, nil
}

// sysUnshare is unshare(2): of flags, only CLONE_FILES and CLONE_FS have an effect.
func sysUnshare(t *Task, c *Call) (uint64, syscall.Errno) {
	const known = unix.CLONE_FILES | unix.CLONE_FS | unix.CLONE_SYSVSEM
	flags := c.Args[0]
	if flags&^known != 0 {
		return 0, syscall.EPERM
	}
	if flags&unix.CLONE_FILES != 0 {
		t.files.unshareFDs()
	}
	if flags&unix.CLONE_FS != 0 {
		t.files.unshareFS()
	}
	return 0, 0
}
