package riscv

import (
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Keys of riscv_hwprobe(2) (Linux 6.16, arch/riscv/include/uapi/asm/hwprobe.h).
const (
	keyMVendorID = iota
	keyMArchID
	keyMImpID
	keyBaseBehavior
	keyIMAExt0
	keyCPUPerf0
	keyZicbozBlockSize
	keyHighestVirtAddress
	keyTimeCSRFreq
	keyMisalignedScalarPerf
	keyMisalignedVectorPerf
	keyVendorExtThead0
	keyZicbomBlockSize
	keyVendorExtSifive0
)

// Bits of keyIMAExt0: RISCV_HWPROBE_IMA_ and RISCV_HWPROBE_EXT_.
const (
	extFD          = 1 << 0
	extC           = 1 << 1
	extZba         = 1 << 3
	extZbb         = 1 << 4
	extZbs         = 1 << 5
	extZicboz      = 1 << 6
	extZfhmin      = 1 << 28
	extZihintntl   = 1 << 29
	extZfa         = 1 << 32
	extZacas       = 1 << 34
	extZicond      = 1 << 35
	extZihintpause = 1 << 36
	extZimop       = 1 << 42
	extZca         = 1 << 43
	extZcb         = 1 << 44
	extZcd         = 1 << 45
	extZcmop       = 1 << 47
	extZawrs       = 1 << 48
	extZicbom      = 1 << 55
	extZaamo       = 1 << 56
	extZalrsc      = 1 << 57
	extZabha       = 1 << 58
)

const (
	baseBehaviorIMA             = 1
	misalignedFast              = 3
	misalignedVectorUnsupported = 4

	whichCPUs = 1 << 0 // RISCV_HWPROBE_WHICH_CPUS
)

// Results of system calls: Linux's numbers, whatever the host.
const (
	efault = -14
	einval = -22
)

// Syscalls are the calls that only RISC-V has.
func (arch) Syscalls() []guest.Syscall {
	return []guest.Syscall{
		{Nr: 258, Name: "riscv_hwprobe", Args: "pairs:ptr pair_count:size cpusetsize:size cpus:ptr flags:hex", Do: sysHWProbe},
		{Nr: 259, Name: "riscv_flush_icache", Args: "start:ptr end:ptr flags:hex", Do: sysFlushICache},
	}
}

// hwprobeValue is what key has on every hart; known is false for keys that
// Linux 6.16 does not know.
func hwprobeValue(as *mem.Space, key int64) (value uint64, known bool) {
	switch key {
	case keyMVendorID, keyMArchID, keyMImpID:
		return 0, true
	case keyBaseBehavior:
		return baseBehaviorIMA, true
	case keyIMAExt0:
		for _, e := range extensions {
			value |= e.hwprobe
		}
		return value, true
	case keyCPUPerf0, keyMisalignedScalarPerf:
		return misalignedFast, true
	case keyZicbozBlockSize, keyZicbomBlockSize:
		return cboBlock, true
	case keyHighestVirtAddress:
		// TASK_SIZE itself, not the byte before it: so the kernel has it.
		return as.Limit(), true
	case keyTimeCSRFreq:
		return TimebaseHz, true
	case keyMisalignedVectorPerf:
		return misalignedVectorUnsupported, true
	case keyVendorExtThead0, keyVendorExtSifive0:
		return 0, true
	}
	return 0, false
}

// bitmaskKey reports whether a key's value is a set, so that asking for a value
// means asking for a superset.
func bitmaskKey(key int64) bool {
	switch key {
	case keyBaseBehavior, keyIMAExt0, keyCPUPerf0, keyVendorExtThead0, keyVendorExtSifive0:
		return true
	}
	return false
}

// pairSize is sizeof(struct riscv_hwprobe): __s64 key, __u64 value.
const pairSize = 16

// sysHWProbe is riscv_hwprobe(pairs, pair_count, cpusetsize, cpus, flags); see
// Documentation/arch/riscv/hwprobe.rst. All harts are equal.
func sysHWProbe(_ guest.CPU, as *mem.Space, a [6]uint64) int64 {
	pairs, n, size, cpus, flags := a[0], a[1], a[2], a[3], uint32(a[4])
	switch flags {
	case 0:
		return hwprobeValues(as, pairs, n, size, cpus)
	case whichCPUs:
		return hwprobeCPUs(as, pairs, n, size, cpus)
	}
	return einval
}

// hwprobeValues fills in the values of n pairs for a set of CPUs. A key that is
// not known becomes -1 and the call goes on.
func hwprobeValues(as *mem.Space, pairs, n, size, cpus uint64) int64 {
	if size != 0 || cpus != 0 {
		set, ok := readCPUs(as, cpus, size)
		if !ok {
			return efault
		}
		if set.and(onlineCPUs()).empty() {
			return einval
		}
	}
	for ; n > 0; n, pairs = n-1, pairs+pairSize {
		key, f := as.Load(pairs, 8)
		if f != nil {
			return efault
		}
		value, known := hwprobeValue(as, int64(key))
		if !known {
			key = ^uint64(0) // keyUnknown
		}
		if !writePair(as, pairs, key, value) {
			return efault
		}
	}
	return 0
}

// hwprobeCPUs reduces a set of CPUs to those that have all n pairs: with equal
// harts that is all of the set or none. An empty set stands for all CPUs.
func hwprobeCPUs(as *mem.Space, pairs, n, size, cpus uint64) int64 {
	if size == 0 || cpus == 0 {
		return einval
	}
	set, ok := readCPUs(as, cpus, size)
	if !ok {
		return efault
	}
	if set.empty() {
		set = onlineCPUs()
	}
	set = set.and(onlineCPUs())
	for ; n > 0; n, pairs = n-1, pairs+pairSize {
		var pair [pairSize]byte
		if as.CopyIn(pair[:], pairs) != nil {
			return efault
		}
		key := int64(binary.LittleEndian.Uint64(pair[:]))
		want := binary.LittleEndian.Uint64(pair[8:])
		value, known := hwprobeValue(as, key)
		switch {
		case !known:
			if !writePair(as, pairs, ^uint64(0), 0) {
				return efault
			}
			set = cpuSet{}
		case bitmaskKey(key) && value&want != want, !bitmaskKey(key) && value != want:
			set = cpuSet{}
		}
	}
	if as.CopyOut(cpus, set[:min(size, cpuSetSize)]) != nil {
		return efault
	}
	return 0
}

func writePair(as *mem.Space, addr, key, value uint64) bool {
	var b [pairSize]byte
	binary.LittleEndian.PutUint64(b[:], key)
	binary.LittleEndian.PutUint64(b[8:], value)
	return as.CopyOut(addr, b[:]) == nil
}

// cpuSetSize is the size in bytes of the kernel's cpumask, here for 1024 CPUs
// like glibc's cpu_set_t.
const cpuSetSize = 128

// cpuSet is a set of CPU numbers as the guest's memory has it.
type cpuSet [cpuSetSize]byte

func readCPUs(as *mem.Space, addr, size uint64) (set cpuSet, ok bool) {
	return set, as.CopyIn(set[:min(size, cpuSetSize)], addr) == nil
}

func (s cpuSet) empty() bool { return s == cpuSet{} }

func (s cpuSet) and(t cpuSet) cpuSet {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

// add puts the CPUs first to last into s; numbers that do not fit are dropped.
func (s *cpuSet) add(first, last int) {
	for i := max(first, 0); i <= min(last, cpuSetSize*8-1); i++ {
		s[i/8] |= 1 << (i % 8)
	}
}

// onlineCPUs are the host's: the guest's affinity masks are the host's as well.
var onlineCPUs = sync.OnceValue(func() cpuSet {
	list, _ := os.ReadFile("/sys/devices/system/cpu/online") // absent outside Linux
	set := parseCPUList(string(list))
	if set.empty() {
		set.add(0, runtime.NumCPU()-1)
	}
	return set
})

// parseCPUList reads a list such as "0-3,8"; what is malformed is left out.
func parseCPUList(list string) (set cpuSet) {
	for item := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		lo, hi, isRange := strings.Cut(item, "-")
		if !isRange {
			hi = lo
		}
		first, err1 := strconv.Atoi(lo)
		last, err2 := strconv.Atoi(hi)
		if err1 == nil && err2 == nil {
			set.add(first, last)
		}
	}
	return set
}

const flushLocal = 1 // SYS_RISCV_FLUSH_ICACHE_LOCAL

// sysFlushICache is riscv_flush_icache(start, end, flags), for this hart alone or for all
// harts of the address space. Linux takes no account of the range and flushes everything;
// here it tells which translations to look at anew.
func sysFlushICache(c guest.CPU, as *mem.Space, a [6]uint64) int64 {
	start, end, flags := a[0], a[1], a[2]
	switch {
	case flags&^flushLocal != 0:
		return einval
	case start < end:
		as.CodeChanged(start, end-start)
	case flags == flushLocal:
		c.FlushCode()
	default:
		as.SyncCode()
	}
	return 0
}
