//go:build linux && amd64

package sandbox

import (
	"encoding/binary"
	"io"
	"math/bits"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readRandom fills b with randomness. It fails with EIO where the source ends.
func (k *Kernel) readRandom(b []byte) syscall.Errno {
	k.random.Lock()
	defer k.random.Unlock()
	if _, err := io.ReadFull(k.random.Reader, b); err != nil {
		return syscall.EIO
	}
	return 0
}

func sysGetrandom(t *Task, c *Call) (uint64, syscall.Errno) {
	const insecure, most = 4, 1<<25 - 1 // GRND_INSECURE; what Linux gives at most
	flags := c.Uint(2)
	if flags&^(unix.GRND_NONBLOCK|unix.GRND_RANDOM|insecure) != 0 || flags&(unix.GRND_RANDOM|insecure) == unix.GRND_RANDOM|insecure {
		return 0, syscall.EINVAL
	}
	n, done := min(c.Args[1], most), uint64(0)
	b := make([]byte, min(n, 4096))
	for done < n {
		b = b[:min(uint64(len(b)), n-done)]
		if e := t.K.readRandom(b); e != 0 {
			return 0, e
		}
		if e := t.copyOut(c.Args[0]+done, b); e != 0 {
			return 0, e
		}
		done += uint64(len(b))
	}
	return n, 0
}

// sysinfo is struct sysinfo.
type sysinfo struct {
	Uptime                                                  int64
	Loads                                                   [3]uint64
	TotalRAM, FreeRAM, SharedRAM, BufferRAM, Swap, SwapFree uint64
	Procs, _                                                uint16
	TotalHigh, FreeHigh                                     uint64
	Unit                                                    uint32
	_                                                       uint32
}

// ram is how much memory the machine seems to have, if there is no limit.
const ram = 4 << 30

func sysSysinfo(t *Task, c *Call) (uint64, syscall.Errno) {
	total, used := t.K.ram()
	t.K.mu.Lock()
	s := sysinfo{
		Uptime: t.K.clock.Monotonic() / int64(time.Second), TotalRAM: total, FreeRAM: total - min(used, total),
		Procs: uint16(min(len(t.K.tasks), 1<<16-1)), Unit: 1,
	}
	t.K.mu.Unlock()
	return 0, t.writeObject(c.Args[0], &s)
}

// ram is how much memory the machine has, and how much of that is in use.
func (k *Kernel) ram() (total, used uint64) {
	used, _, _ = k.budget.Used()
	if total = k.cfg.Limits.Memory; total == 0 {
		total = max(ram, used)
	}
	return total, used
}

// Scheduling is the host's. Tasks are of one class, and run on any of the processors that there seem to be.

func sysSchedYield(*Task, *Call) (uint64, syscall.Errno) {
	runtime.Gosched()
	return 0, 0
}

// task is that of an ID as system calls take it: 0 is the caller's. It is nil if there is none.
func (t *Task) task(tid int) *Task {
	if tid == 0 {
		return t
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.K.tasks[tid]
}

// cpus is the set of processors.
func (k *Kernel) cpus() []byte {
	n := k.cfg.CPUs
	set := make([]byte, (n+63)/64*8)
	for i := range n {
		set[i/8] |= 1 << (i % 8)
	}
	return set
}

func sysSchedGetaffinity(t *Task, c *Call) (uint64, syscall.Errno) {
	set := t.K.cpus()
	n := c.Uint(1)
	switch {
	case uint64(n)*8 < uint64(t.K.cfg.CPUs), n%8 != 0:
		return 0, syscall.EINVAL
	case t.task(c.Int(0)) == nil:
		return 0, syscall.ESRCH
	}
	set = set[:min(len(set), int(n))]
	return uint64(len(set)), t.copyOut(c.Args[2], set)
}

// sysSchedSetaffinity checks what is asked for; the host chooses.
func sysSchedSetaffinity(t *Task, c *Call) (uint64, syscall.Errno) {
	b, e := t.copyIn(c.Args[2], min(uint64(c.Uint(1)), 1024))
	if e != 0 {
		return 0, e
	}
	if t.task(c.Int(0)) == nil {
		return 0, syscall.ESRCH
	}
	for i, have := range t.K.cpus() {
		if i < len(b) && b[i]&have != 0 {
			return 0, 0
		}
	}
	return 0, syscall.EINVAL
}

// schedOther is SCHED_OTHER, the policy of all tasks; SCHED_BATCH and SCHED_IDLE count as that.
const (
	schedOther = 0
	schedBatch = 3
	schedIdle  = 5
)

func sysSchedSetscheduler(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[2] == 0 || c.Int(1) < 0 {
		return 0, syscall.EINVAL
	}
	prio, f := t.Mem.Load(c.Args[2], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	return 0, t.setPolicy(c.Int(0), c.Int(1), int32(prio))
}

func (t *Task) setPolicy(tid, policy int, prio int32) syscall.Errno {
	switch policy {
	case schedOther, schedBatch, schedIdle:
		if prio != 0 {
			return syscall.EINVAL
		}
	case 1, 2: // SCHED_FIFO and SCHED_RR
		return syscall.EPERM
	default:
		return syscall.EINVAL
	}
	if t.task(tid) == nil {
		return syscall.ESRCH
	}
	return 0
}

func sysSchedSetparam(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 {
		return 0, syscall.EINVAL
	}
	prio, f := t.Mem.Load(c.Args[1], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	return 0, t.setPolicy(c.Int(0), schedOther, int32(prio))
}

func sysSchedGetscheduler(t *Task, c *Call) (uint64, syscall.Errno) {
	if t.task(c.Int(0)) == nil {
		return 0, syscall.ESRCH
	}
	return schedOther, 0
}

func sysSchedGetparam(t *Task, c *Call) (uint64, syscall.Errno) {
	switch {
	case c.Args[1] == 0:
		return 0, syscall.EINVAL
	case t.task(c.Int(0)) == nil:
		return 0, syscall.ESRCH
	}
	return 0, faultErrno(t.Mem.Store(c.Args[1], 4, 0))
}

// schedPriority returns the handler of sched_get_priority_max(2) and _min, for policies of real time.
func schedPriority(realTime uint64) Handler {
	return func(_ *Task, c *Call) (uint64, syscall.Errno) {
		switch c.Int(0) {
		case 1, 2:
			return realTime, 0
		case schedOther, schedBatch, schedIdle, 6:
			return 0, 0
		}
		return 0, syscall.EINVAL
	}
}

func sysSchedRRGetInterval(t *Task, c *Call) (uint64, syscall.Errno) {
	if t.task(c.Int(0)) == nil {
		return 0, syscall.ESRCH
	}
	return 0, t.writeTimespec(c.Args[1], int64(4*time.Millisecond))
}

// schedAttr is struct sched_attr.
type schedAttr struct {
	Size, Policy              uint32
	Flags                     uint64
	Nice                      int32
	Priority                  uint32
	Runtime, Deadline, Period uint64
	UtilMin, UtilMax          uint32
}

func sysSchedGetattr(t *Task, c *Call) (uint64, syscall.Errno) {
	const size0, size = 48, 56
	n := c.Uint(2)
	switch {
	case c.Args[1] == 0, n < size0, uint64(n) > t.Mem.PageSize(), c.Uint(3) != 0:
		return 0, syscall.EINVAL
	case t.task(c.Int(0)) == nil:
		return 0, syscall.ESRCH
	}
	a := schedAttr{Size: min(n, size), UtilMax: 1024}
	b, _ := binary.Append(nil, binary.LittleEndian, &a)
	return 0, t.copyOut(c.Args[1], b[:min(n, size)])
}

func sysSchedSetattr(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 || c.Uint(2) != 0 {
		return 0, syscall.EINVAL
	}
	var a schedAttr
	b, e := t.copyIn(c.Args[1], 48)
	if e != 0 {
		return 0, e
	}
	_, _ = binary.Decode(append(b, make([]byte, 8)...), binary.LittleEndian, &a)
	return 0, t.setPolicy(c.Int(0), int(a.Policy), int32(a.Priority))
}

func sysGetcpu(t *Task, c *Call) (uint64, syscall.Errno) {
	for i, v := range []uint64{uint64(t.TID % t.K.cfg.CPUs), 0} {
		if c.Args[i] != 0 && t.Mem.Store(c.Args[i], 4, v) != nil {
			return 0, syscall.EFAULT
		}
	}
	return 0, 0
}

// sysGetpriority says that all are equal: 20 minus a nice value of 0.
func sysGetpriority(t *Task, c *Call) (uint64, syscall.Errno) {
	if e := t.checkPriority(c); e != 0 {
		return 0, e
	}
	return 20, 0
}

func sysSetpriority(t *Task, c *Call) (uint64, syscall.Errno) { return 0, t.checkPriority(c) }

func (t *Task) checkPriority(c *Call) syscall.Errno {
	switch c.Int(0) {
	case unix.PRIO_PROCESS:
		if t.task(c.Int(1)) == nil {
			return syscall.ESRCH
		}
	case unix.PRIO_PGRP, unix.PRIO_USER:
	default:
		return syscall.EINVAL
	}
	return 0
}

// Commands of membarrier(2) (linux/membarrier.h).
const (
	membarrierQuery            = 0
	membarrierGlobal           = 1 << 0
	membarrierGlobalExp        = 1 << 1
	membarrierRegisterGlobal   = 1 << 2
	membarrierPrivate          = 1 << 3
	membarrierRegisterPrivate  = 1 << 4
	membarrierSyncCore         = 1 << 5
	membarrierRegisterSyncCore = 1 << 6

	membarriers = membarrierGlobal | membarrierGlobalExp | membarrierRegisterGlobal | membarrierPrivate |
		membarrierRegisterPrivate | membarrierSyncCore | membarrierRegisterSyncCore
)

// sysMembarrier has all threads of the process order their accesses to memory: the host's kernel does it for
// all threads of this process, which the guest's are some of.
func sysMembarrier(t *Task, c *Call) (uint64, syscall.Errno) {
	cmd := c.Int(0)
	if c.Uint(1) != 0 || bits.OnesCount32(uint32(cmd)) > 1 || cmd&^membarriers != 0 {
		return 0, syscall.EINVAL
	}
	switch cmd {
	case membarrierQuery:
		return membarriers, 0
	case membarrierSyncCore:
		t.mm.flushCode()
	}
	if cmd&(membarrierGlobal|membarrierGlobalExp|membarrierPrivate|membarrierSyncCore) != 0 {
		barrier()
	}
	return 0, 0
}

// barrier has all threads of this process order their accesses to memory.
func barrier() {
	const register, private = membarrierRegisterPrivate, membarrierPrivate
	if _, _, e := syscall.RawSyscall(unix.SYS_MEMBARRIER, private, 0, 0); e == syscall.EPERM {
		_, _, _ = syscall.RawSyscall(unix.SYS_MEMBARRIER, register, 0, 0)
		_, _, _ = syscall.RawSyscall(unix.SYS_MEMBARRIER, private, 0, 0)
	}
}
