package hospes

import (
	"time"

	"github.com/hospes-vm/hospes/internal/sandbox"
)

// FakeClock is a Clock that stands still, but for Advance, and where all threads of the guest sleep: then it goes on to the
// time that the first of them waits for. Processor time is a nanosecond for each instruction, which are counted for that, as
// under Limits.Instructions. One is for one instance.
type FakeClock struct{ c *sandbox.FakeClock }

// NewFakeClock returns a clock whose real time is start.
func NewFakeClock(start time.Time) *FakeClock { return &FakeClock{sandbox.NewFakeClock(start)} }

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

// files is what the kernel is told about files.
func (o *Options) files() (sandbox.FileConfig, error) {
	return sandbox.FileConfig{Stdout: o.Stdout, Stderr: o.Stderr}, nil
}

// fileError gives errors of the kernel's files the types of this package.
func fileError(err error) error { return err }
