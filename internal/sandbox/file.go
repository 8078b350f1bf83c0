//go:build linux && amd64

package sandbox

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
)

// FileConfig is what a kernel is told about files.
type FileConfig struct {
	Stdout, Stderr io.Writer
}

// kernelFiles is what all processes of a kernel share of files.
type kernelFiles struct {
	cfg FileConfig
}

func newKernelFiles(cfg FileConfig) (*kernelFiles, error) { return &kernelFiles{cfg: cfg}, nil }

// close is called when no task is left.
func (*kernelFiles) close() {}

// taskFiles is what a task has of files: descriptors (CLONE_FILES), and the working directory, root
// and umask (CLONE_FS), each of which tasks may share.
type taskFiles struct{}

// newTaskFiles is that of the first task.
func (*kernelFiles) newTaskFiles() (taskFiles, error) { return taskFiles{}, nil }

// clone is what a child gets: the parts that flags (CLONE_FILES, CLONE_FS) tell to share, and
// copies of the others. Task.leave releases it.
func (f *taskFiles) clone(_ uint64) taskFiles { return *f }

// exec prepares for another program: nothing is shared any longer, and descriptors that are
// close-on-exec are closed.
func (*taskFiles) exec() {}

// release is called when the task ends.
func (*taskFiles) release() {}

// openProgram opens a program for execve(2). The name is what the program is called from now on: absolute,
// without symbolic links, as in /proc/self/exe.
func (*Task) openProgram(_ int, _ string, _ int) (f loader.File, name string, e syscall.Errno) {
	return nil, "", syscall.ENOENT
}

// mappedFile describes an open file for a mapping with permissions prot.
func (*Task) mappedFile(_ int, _ mem.Prot, _ bool) (*mem.File, syscall.Errno) {
	return nil, syscall.EBADF
}

// sysUnshare is unshare(2): of flags, only CLONE_FILES and CLONE_FS have an effect.
func sysUnshare(t *Task, c *Call) (uint64, syscall.Errno) {
	const known = unix.CLONE_FILES | unix.CLONE_FS | unix.CLONE_SYSVSEM
	flags := c.Args[0]
	if flags&^known != 0 {
		return 0, syscall.EPERM
	}
	old := t.files
	t.files = old.clone((unix.CLONE_FILES | unix.CLONE_FS) &^ flags)
	old.release()
	return 0, 0
}

func sysWrite(t *Task, c *Call) (uint64, syscall.Errno) {
	w := t.K.files.cfg.Stdout
	switch c.Int(0) {
	case 1:
	case 2:
		w = t.K.files.cfg.Stderr
	default:
		return 0, syscall.EBADF
	}
	b, e := t.copyIn(c.Args[1], min(c.Args[2], 1<<20))
	if e != 0 || w == nil {
		return uint64(len(b)), e
	}
	n, err := w.Write(b)
	if n == 0 && err != nil {
		return 0, syscall.EIO
	}
	return uint64(n), 0
}
