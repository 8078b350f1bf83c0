package riscv

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/vdso"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Arch is RISC-V 64 under Linux.
var Arch guest.Arch = arch{}

type arch struct{}

// ELF header flags (RISC-V ELF psABI, "File Header").
const (
	efFloatABI     = 0x0006 // EF_RISCV_FLOAT_ABI: soft, single, double, quad
	efFloatABIQuad = 0x0006
	efRVE          = 0x0008
)

func (arch) Name() string { return "riscv64" }

func (arch) Machine() elf.Machine { return elf.EM_RISCV }

// CheckELF accepts what Linux on RV64GC can run: the soft, single and double
// float ABIs, with and without compressed instructions. RVC and TSO are no
// obstacles: the former is implemented, the latter is what the host gives, and
// flags that have no meaning yet are ignored as Linux does.
func (arch) CheckELF(machine elf.Machine, flags uint32) error {
	switch {
	case machine != elf.EM_RISCV:
		return fmt.Errorf("not a RISC-V 64 program (ELF machine %s)", guest.MachineName(machine))
	case flags&efRVE != 0:
		return errors.New("built for the RVE base with 16 registers, which Linux does not support")
	case flags&efFloatABI == efFloatABIQuad:
		return errors.New("built for the quad-precision float ABI, which needs the Q extension")
	}
	return nil
}

func (arch) Sysroots() []string { return []string{"/usr/riscv64-linux-gnu", "/usr/riscv64-linux-musl"} }

func (arch) NewCPU(as *mem.Space) guest.CPU { return New(as) }

// HWCap holds a bit for each single-letter extension, counted from A
// (COMPAT_HWCAP_ISA in Linux's arch/riscv/include/uapi/asm/hwcap.h).
func (arch) HWCap() uint64 {
	var bits uint64
	for _, e := range extensions {
		if len(e.name) == 1 {
			bits |= 1 << (e.name[0] - 'a')
		}
	}
	return bits
}

func (arch) HWCap2() uint64 { return 0 }

// AuditArch is AUDIT_ARCH_RISCV64: the ELF machine, 64 bits, little-endian.
func (arch) AuditArch() uint32 { return uint32(elf.EM_RISCV) | 0x80000000 | 0x40000000 }

// Platform is empty: Linux gives no AT_PLATFORM on RISC-V.
func (arch) Platform() string { return "" }

// MinSigStackSize is the size of the largest signal frame, as in Linux's
// init_rt_signal_env; the vector extension would add to it.
func (arch) MinSigStackSize() uint64 { return frameSize }

func (arch) VDSO(as *mem.Space) []byte {
	var values [vdso.HWProbeKeys]uint64
	for key := range values {
		values[key], _ = hwprobeValue(as, int64(key))
	}
	return vdso.Fill(&values)
}

func (arch) CPUInfo(as *mem.Space, n int) []byte { return cpuInfo(as.Limit(), n) }

// extension is one part of the instruction set that programs are told of.
type extension struct {
	name    string // in lower case, as in /proc/cpuinfo
	hwprobe uint64 // RISCV_HWPROBE_EXT_ bit of key IMA_EXT_0; 0 if there is none
}

// extensions is the single list behind AT_HWCAP, riscv_hwprobe and /proc/cpuinfo,
// in the order of the latter (riscv_isa_ext in Linux's cpufeature.c). Programs
// select code by it, so only what works entirely may stand here: Zicntr does
// not, because cycle and instret trap in user mode as they do on Linux >= 6.6.
var extensions = []extension{
	{"i", 0},
	{"m", 0},
	{"a", 0},
	{"f", 0},
	{"d", extFD},
	{"c", extC},
	{"zicbom", extZicbom},
	{"zicbop", 0},
	{"zicboz", extZicboz},
	{"zicond", extZicond},
	{"zicsr", 0},
	{"zifencei", 0},
	{"zihintntl", extZihintntl},
	{"zihintpause", extZihintpause},
	{"zimop", extZimop},
	{"zaamo", extZaamo},
	{"zabha", extZabha},
	{"zacas", extZacas},
	{"zalrsc", extZalrsc},
	{"zawrs", extZawrs},
	{"zfa", extZfa},
	{"zfhmin", extZfhmin},
	{"zca", extZca},
	{"zcb", extZcb},
	{"zcd", extZcd},
	{"zcmop", extZcmop},
	{"zba", extZba},
	{"zbb", extZbb},
	{"zbs", extZbs},
}
