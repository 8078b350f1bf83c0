//go:build linux

package binfmt

import (
	"debug/elf"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// header returns the beginning of an ELF file.
func header(class elf.Class, data elf.Data, typ elf.Type, machine elf.Machine) []byte {
	b := make([]byte, headSize)
	copy(b, elf.ELFMAG)
	b[4], b[5], b[6] = byte(class), byte(data), 1
	b[16], b[18], b[19] = byte(typ), byte(machine), byte(machine>>8)
	return b
}

func TestForELF(t *testing.T) {
	e := ForELF("x", elf.EM_RISCV, "/i")
	abi := header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_DYN, elf.EM_RISCV)
	abi[elf.EI_OSABI] = byte(elf.ELFOSABI_LINUX)
	for _, c := range []struct {
		name string
		head []byte
		want bool
	}{
		{"program", header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_EXEC, elf.EM_RISCV), true},
		{"position-independent", header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_DYN, elf.EM_RISCV), true},
		{"another ABI", abi, true},
		{"object file", header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_REL, elf.EM_RISCV), false},
		{"core file", header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_CORE, elf.EM_RISCV), false},
		{"32 bits", header(elf.ELFCLASS32, elf.ELFDATA2LSB, elf.ET_EXEC, elf.EM_RISCV), false},
		{"big-endian", header(elf.ELFCLASS64, elf.ELFDATA2MSB, elf.ET_EXEC, elf.EM_RISCV), false},
		{"x86-64", header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_EXEC, elf.EM_X86_64), false},
		{"short", []byte(elf.ELFMAG), false},
	} {
		if got := e.Matches(c.head); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestMatchesRealProgram(t *testing.T) {
	cc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("riscv64-linux-gnu-gcc is missing")
	}
	bin := t.TempDir() + "/prog"
	cmd := exec.Command(cc, "-static", "-x", "c", "-o", bin, "-")
	cmd.Stdin = strings.NewReader("int main(void) { return 0; }")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if e := ForELF("x", elf.EM_RISCV, "/i"); !e.Matches(b[:headSize]) {
		t.Error("no match")
	}
}

func TestLine(t *testing.T) {
	e := ForELF("n", elf.EM_RISCV, "/a:b")
	line, err := e.Line()
	if err != nil || !strings.HasPrefix(line, `,n,M,0,\x7f\x45\x4c\x46\x02`) || !strings.HasSuffix(line, `\xff,/a:b,OCPF`) {
		t.Errorf("%s, %v", line, err)
	}
	e.Interpreter = "/" + strings.Repeat("a", 2000)
	if _, err := e.Line(); err == nil {
		t.Error("no error for a long path")
	}
	e.Interpreter = "/:,|@!"
	if _, err := e.Line(); err == nil {
		t.Error("no error without a delimiter")
	}
}

func TestParse(t *testing.T) {
	// As Linux 6.18 shows them.
	e, err := parse("q", "enabled\ninterpreter /usr/libexec/qemu-binfmt/riscv64-binfmt-P\nflags: PO\noffset 0\n"+
		"magic 7f454c460201010000000000000000000200f300\nmask ffffffffffffff00fffffffffffffffffeffffff\n")
	own := ForELF("own", elf.EM_RISCV, "/i")
	if err != nil || !e.Enabled || !e.Has('P') || e.Has('C') || len(Conflicts([]Entry{e}, &own)) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = parse("j", "disabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n")
	if err != nil || e.Enabled || e.Extension != "jar" || e.Matches(header(elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_EXEC, elf.EM_RISCV)) {
		t.Errorf("%+v, %v", e, err)
	}
	for _, bad := range []string{"", "enabled\n", "enabled\ninterpreter /i\nmagic xyz\n", "enabled\ninterpreter /i\nmagic 00\nmask 0000\n", "what\n"} {
		if _, err := parse("b", bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
