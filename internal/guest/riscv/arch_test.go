package riscv

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckELF(t *testing.T) {
	for _, tt := range []struct {
		machine elf.Machine
		flags   uint32
		want    string // part of the error; empty if the program can run
	}{
		{elf.EM_RISCV, 0x0, ""}, // soft float
		{elf.EM_RISCV, 0x1, ""}, // RVC, soft
		{elf.EM_RISCV, 0x2, ""}, // single
		{elf.EM_RISCV, 0x5, ""}, // RVC, double
		{elf.EM_RISCV, 0x15, ""},
		{elf.EM_RISCV, 0x6, "quad"},
		{elf.EM_RISCV, 0x7, "quad"},
		{elf.EM_RISCV, 0x8, "RVE"},
		{elf.EM_X86_64, 0, "not a RISC-V 64 program (ELF machine x86-64)"},
		{elf.EM_AARCH64, 0x5, "not a RISC-V 64 program (ELF machine AArch64)"},
		{elf.Machine(4711), 0, "ELF machine number 4711"},
	} {
		err := Arch.CheckELF(tt.machine, tt.flags)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, flags %#x: %v, want %q", tt.machine, tt.flags, err, tt.want)
		}
	}
}

func TestHWCap(t *testing.T) {
	// The values of COMPAT_HWCAP_ISA_ in the kernel's uapi/asm/hwcap.h.
	const i, m, a, f, d, c = 1 << 8, 1 << 12, 1 << 0, 1 << 5, 1 << 3, 1 << 2
	if got, want := Arch.HWCap(), uint64(i|m|a|f|d|c); got != want {
		t.Errorf("AT_HWCAP %#x, want %#x", got, want)
	}
	if Arch.HWCap2() != 0 || Arch.Platform() != "" || Arch.MinSigStackSize() != 1088 || Arch.Name() != "riscv64" {
		t.Error("AT_HWCAP2, AT_PLATFORM, AT_MINSIGSTKSZ or the name differ from Linux's")
	}
}

// tableOf names the instruction tables that make up an announced extension where
// that is not a table of the same name. Zaamo and Zalrsc divide A; Zca and Zcd
// divide C.
var tableOf = map[string]string{
	"i":      "rv64i",
	"zaamo":  "a",
	"zalrsc": "a",
	"zca":    "c",
	"zcd":    "c",
}

// prefixOf names rows of an extension that shares its table with others.
var prefixOf = map[string]string{
	"zaamo":       "amoadd",
	"zalrsc":      "lr.",
	"zcd":         "c.fld",
	"zicbom":      "cbo.clean",
	"zicbop":      "prefetch",
	"zicboz":      "cbo.zero",
	"zihintntl":   "ntl.",
	"zihintpause": "pause",
}

// TestAnnounced checks that every announced extension has instructions, and that
// every extension with instructions is announced.
func TestAnnounced(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range extensions {
		table := e.name
		switch {
		case tableOf[e.name] != "":
			table = tableOf[e.name]
		case strings.HasPrefix(e.name, "zicbo"):
			table = "zicbo"
		case strings.HasPrefix(e.name, "zihint"):
			table = "zihint"
		}
		seen[table] = true
		found := false
		for _, r := range Table() {
			found = found || r.Ext == table && strings.HasPrefix(r.Name, prefixOf[e.name])
		}
		if !found {
			t.Errorf("%s is announced, but table %s has no instruction %s*", e.name, table, prefixOf[e.name])
		}
	}
	for _, r := range Table() {
		if !seen[r.Ext] {
			t.Errorf("%s of extension %s is not announced", r.Name, r.Ext)
			seen[r.Ext] = true
		}
	}
}

func TestCPUInfo(t *testing.T) {
	const isa = "rv64imafdc_zicbom_zicbop_zicboz_zicond_zicsr_zifencei_zihintntl_zihintpause_zimop_" +
		"zaamo_zabha_zacas_zalrsc_zawrs_zfa_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbs"
	one := func(n string) string {
		return "processor\t: " + n + "\nhart\t\t: " + n + "\nisa\t\t: " + isa + "\nmmu\t\t: sv39\n" +
			"mvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: " + isa + "\n\n"
	}
	if diff := cmp.Diff(one("0")+one("1"), string(Arch.CPUInfo(newMachine(t, "table").as, 2))); diff != "" {
		t.Error(diff)
	}
}

func TestSyscallNumbers(t *testing.T) {
	var nrs []uint64
	for _, s := range Arch.Syscalls() {
		nrs = append(nrs, s.Nr)
	}
	if !slices.Equal(nrs, []uint64{258, 259}) {
		t.Errorf("RISC-V's own system calls are %d", nrs)
	}
}
