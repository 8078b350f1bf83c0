package guest

import (
	"debug/elf"
	"fmt"
)

// machines are the names by which people know the machines whose programs they
// are most likely to try.
var machines = map[elf.Machine]string{
	elf.EM_386:       "i386",
	elf.EM_68K:       "m68k",
	elf.EM_AARCH64:   "AArch64",
	elf.EM_ARM:       "ARM",
	elf.EM_BPF:       "BPF",
	elf.EM_LOONGARCH: "LoongArch",
	elf.EM_MIPS:      "MIPS",
	elf.EM_PPC:       "PowerPC",
	elf.EM_PPC64:     "PowerPC 64",
	elf.EM_RISCV:     "RISC-V",
	elf.EM_S390:      "s390",
	elf.EM_SPARCV9:   "SPARC 64",
	elf.EM_X86_64:    "x86-64",
}

// MachineName is the usual name of an ELF e_machine value, for messages.
func MachineName(m elf.Machine) string {
	if s, ok := machines[m]; ok {
		return s
	}
	return fmt.Sprintf("number %d", uint16(m))
}
