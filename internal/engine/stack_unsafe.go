//go:build linux && amd64

package engine

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
)

// Sizes of a CPU's stack of return addresses, in bytes; a guard is below it. Above it is a stack for what
// is called of the host's: a vdso that was compiled to probe its stack touches the page below its frame.
const (
	stackSize     = 64 << 10
	stackGuard    = 4 << 10
	callStackSize = 16 << 10
)

// equipment is what a CPU needs to run: a context, and a stack of return addresses.
type equipment struct {
	ctx   *jit.Context
	stack []byte
}

// idle is the equipment of CPUs that have been parked.
var idle struct {
	mu   sync.Mutex
	list []equipment
}

// maxKept is how much of it is kept: a Context has some 270 KiB, of which few are touched.
const maxKept = 64

// equip returns equipment.
func equip() (equipment, error) {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if n := len(idle.list); n > 0 {
		e := idle.list[n-1]
		idle.list = idle.list[:n-1]
		return e, nil
	}
	b, err := unix.Mmap(-1, 0, stackGuard+stackSize+callStackSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		err = unix.Mprotect(b[:stackGuard], unix.PROT_NONE)
	}
	if err != nil {
		return equipment{}, fmt.Errorf("no memory for a stack: %w", err)
	}
	e := equipment{new(jit.Context), b}
	e.ctx.Init()
	e.ctx.SetCallStack(uintptr(unsafe.Pointer(unsafe.SliceData(b))) + uintptr(len(b)))
	return e, nil
}

// release keeps equipment for another CPU, or gives it back to the host.
func (e equipment) release() {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if len(idle.list) < maxKept {
		idle.list = append(idle.list, e)
		return
	}
	_ = unix.Munmap(e.stack)
}

// unpark gives the CPU what it needs to run. It reports false if the host grants no memory.
func (c *CPU) unpark() bool {
	e, err := equip()
	if err != nil {
		return false
	}
	c.unused = runtime.AddCleanup(c, func(b []byte) { _ = unix.Munmap(b) }, e.stack)
	c.parking.Lock()
	defer c.parking.Unlock()
	c.ctx, c.stack = e.ctx, e.stack
	c.moveRegisters(&c.ctx.Registers)
	c.stale.Store(true)
	return true
}

// park gives that back. The CPU must not run.
func (c *CPU) park() {
	if c.ctx == nil {
		return
	}
	c.move(nil)
	c.unused.Stop()
	c.parking.Lock()
	defer c.parking.Unlock()
	c.moveRegisters(new(ir.Registers))
	equipment{c.ctx, c.stack}.release()
	c.ctx, c.stack = nil, nil
}

// moveRegisters moves the guest's registers, the interrupt word among them.
func (c *CPU) moveRegisters(to *ir.Registers) {
	c.MoveRegisters(to)
	c.word.Store(&to.IRQ)
}

// Park gives back most of the memory that a CPU has which will not run for long. It may run again at any
// time. It does nothing unless translations are shared: see Arch.Code, and IRQ.
func (c *CPU) Park() {
	if c.space.code != nil {
		c.park()
	}
}

// setBottom has returns for which the stack is empty go on at a host address.
func (c *CPU) setBottom(host uintptr) {
	last := c.stack[stackGuard+stackSize-8:]
	binary.LittleEndian.PutUint64(last, uint64(host))
	c.ctx.SetStack(uintptr(unsafe.Pointer(&last[0])))
}
