package hospes

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/hospes-vm/hospes/internal/guarded"
	"github.com/hospes-vm/hospes/internal/sandbox"
	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// FakeClock is a Clock that stands still, but for Advance, and where all threads of the guest sleep: then it goes on to the
// time that the first of them waits for. Processor time is a nanosecond for each instruction, which are counted for that, as
// under Limits.Instructions. Threads and processes run one at a time, in an order that is the same in each run. One is for one instance.
type FakeClock struct{ c *sandbox.FakeClock }

// NewFakeClock returns a clock whose real time is start, of a machine that has been on for a second: programs take 0 for no time.
func NewFakeClock(start time.Time) *FakeClock {
	c := &FakeClock{sandbox.NewFakeClock(start.Add(-time.Second))}
	c.Advance(time.Second)
	return c
}

// Monotonic implements Clock.
func (c *FakeClock) Monotonic() int64 { return c.c.Monotonic() }

// Realtime implements Clock.
func (c *FakeClock) Realtime() int64 { return c.c.Realtime() }

// AfterFunc implements Clock.
func (c *FakeClock) AfterFunc(at int64, f func()) func() { return c.c.AfterFunc(at, f) }

// Advance has time pass.
func (c *FakeClock) Advance(d time.Duration) { c.c.Advance(d) }

// clock is the kernel's.
func (o *Options) clock() sandbox.Clock {
	switch c := o.Clock.(type) {
	case nil:
		return nil
	case *FakeClock:
		return c.c
	}
	return o.Clock
}

// files is what the kernel is told about files; done releases what has been opened for it.
func (o *Options) files() (cfg sandbox.FileConfig, done func(), err error) {
	cfg = sandbox.FileConfig{
		Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Dir: o.Dir, Descriptors: o.Limits.Files, Output: o.Limits.Output, Dial: o.Dial,
	}
	done = func() {
		for _, m := range cfg.Mounts {
			_ = m.FS.Close()
		}
	}
	for _, m := range o.Mounts {
		fsys, err := m.open(o.clock())
		if err != nil {
			done()
			return cfg, nil, err
		}
		readOnly := m.FS != nil || m.Dir != "" && !m.Writable
		cfg.Mounts = append(cfg.Mounts, sandbox.Mount{Target: m.Target, FS: fsys, MountOptions: vfs.MountOptions{ReadOnly: readOnly}})
	}
	return cfg, done, nil
}

// defaultSize is how many bytes of files in memory there may be.
const defaultSize = 64 << 20

// open makes the file system of a mount.
func (m *Mount) open(clock sandbox.Clock) (*vfs.FS, error) {
	bad := func(why string) (*vfs.FS, error) { return nil, fmt.Errorf("hospes: mount on %q: %s", m.Target, why) }
	switch {
	case !path.IsAbs(m.Target):
		return bad("not an absolute path")
	case m.FS != nil && m.Dir != "":
		return bad("FS and Dir")
	case m.FS != nil && m.Writable:
		return bad("an FS cannot be written to")
	case m.Size < 0:
		return bad("Size is negative")
	}
	switch {
	case m.FS != nil:
		return vfs.NewIO(m.FS), nil
	case m.Dir != "":
		return vfs.NewHost(m.Dir, vfs.HostOptions{ReadOnly: !m.Writable})
	}
	o := vfs.MemOptions{Size: m.Size}
	if o.Size == 0 {
		o.Size = defaultSize
	}
	if clock != nil {
		o.Now = func() time.Time { return time.Unix(0, clock.Realtime()) }
	}
	return vfs.NewMem(o), nil
}

// fileError gives errors of the kernel's files the types of this package.
func fileError(err error) error {
	var output *sandbox.OutputError
	if errors.As(err, &output) {
		return &LimitError{OutputLimit}
	}
	var p *guarded.Panic
	if errors.As(err, &p) {
		return &HostError{p.What, &PanicError{p.Value, p.Stack}}
	}
	return err
}

// path is what the guest calls the program.
func (o *Options) path(m *Module) string {
	if o.Path == "" {
		return "/" + m.Name()
	}
	return path.Clean(o.Path)
}
