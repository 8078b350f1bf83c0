//go:build linux

package sandbox

import (
	"io"
	"math/bits"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hostRandom reads the host's getrandom(2). So does crypto/rand, but that brings 32 MiB of zeroed data to each
// program that links it.
type hostRandom struct{}

func (hostRandom) Read(b []byte) (int, error) {
	for {
		n, err := unix.Getrandom(b, 0)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

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

func sysGetcpu(t *Task, c *Call) (uint64, syscall.Errno) {
	for i, v := range []uint64{uint64(t.TID % t.K.cfg.CPUs), 0} {
		if c.Args[i] != 0 && t.Mem.Store(c.Args[i], 4, v) != nil {
			return 0, syscall.EFAULT
		}
	}
	return 0, 0
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
