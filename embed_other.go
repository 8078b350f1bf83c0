//go:build !linux

package hospes

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// moduleHost is what a module has of the host's: nothing here.
type moduleHost struct{}

// open reports that this host cannot run guests: the sandbox's kernel is for Linux so far.
func (m *Module) open() error {
	return fmt.Errorf("running Linux programs needs a Linux host; this is %s/%s", runtime.GOOS, runtime.GOARCH)
}

// Close gives back what the module has.
func (m *Module) Close() error { return nil }

// Instance is a guest; there are none on this host.
type Instance struct{ _ int }

// errNone says that there are no instances.
var errNone = errors.New("hospes: no instances on this host")

// Instantiate reports that this host cannot run guests.
func (m *Module) Instantiate(Options) (*Instance, error) { return nil, errNone }

// Run runs the guest to its end.
func (*Instance) Run(context.Context) error { return errNone }

// Start runs the guest until it waits.
func (*Instance) Start(context.Context) error { return errNone }

// Call calls a function of the guest's.
func (*Instance) Call(context.Context, string, ...any) (Result, error) { return Result{}, errNone }

// Symbol is the guest address of a symbol of the program.
func (*Instance) Symbol(string) (uint64, error) { return 0, errNone }

// Memory is the guest's memory.
func (*Instance) Memory() Memory { return Memory{} }

// Instructions is how many instructions have been executed.
func (*Instance) Instructions() uint64 { return 0 }

// Close gives back what the instance has.
func (*Instance) Close() error { return nil }

// Caller is the guest's call of a Go function.
type Caller struct{ _ int }

// Context is that of who runs the guest.
func (*Caller) Context() context.Context { return context.Background() }

// Instance is the instance whose guest has called.
func (*Caller) Instance() *Instance { return nil }

// Memory is the memory of the process that has called.
func (*Caller) Memory() Memory { return Memory{} }

// Call calls a function of the guest's.
func (*Caller) Call(string, ...any) (Result, error) { return Result{}, errNone }

// Memory is the memory of a guest.
type Memory struct{ _ int }

// Read fills b with what is at addr.
func (Memory) Read(uint64, []byte) error { return errNone }

// Write puts b at addr.
func (Memory) Write(uint64, []byte) error { return errNone }

// ReadString reads a string that ends with a NUL byte.
func (Memory) ReadString(uint64, int) (string, error) { return "", errNone }

func (Memory) load(uint64, int) (uint64, error) { return 0, errNone }
func (Memory) store(uint64, int, uint64) error  { return errNone }

// FakeClock is a Clock that stands still, but for Advance.
type FakeClock struct{ start, now int64 }

// NewFakeClock returns a clock whose real time is start.
func NewFakeClock(start time.Time) *FakeClock { return &FakeClock{start: start.UnixNano()} }

// Monotonic implements Clock.
func (c *FakeClock) Monotonic() int64 { return c.now }

// Realtime implements Clock.
func (c *FakeClock) Realtime() int64 { return c.start + c.now }

// AfterFunc implements Clock; nobody calls it.
func (c *FakeClock) AfterFunc(int64, func()) (stop func()) { return func() {} }

// Advance has time pass.
func (c *FakeClock) Advance(d time.Duration) { c.now += int64(d) }
