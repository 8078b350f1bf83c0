package difftest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Emulator is a command that runs a riscv64 program given as its last argument.
type Emulator struct {
	Name    string
	Command []string
}

// CPU is qemu's -cpu option for what hospes implements: RVA23's scalar part as far as
// hospes has it, and nothing else, so that illegal encodings are illegal there too.
const CPU = "rv64,v=false,h=false,svadu=false," +
	"zba=true,zbb=true,zbc=false,zbs=true,zbkb=false,zbkc=false,zbkx=false," +
	"zfa=true,zfh=false,zfhmin=true,zfbfmin=false," +
	"zcb=true,zcmp=false,zcmt=false,zimop=true,zcmop=true," +
	"zacas=true,zabha=true,zawrs=true,zicond=true,zicbom=true,zicboz=true,zicbop=true," +
	"zihintpause=true,zihintntl=true,zicntr=true,zihpm=false," +
	"zknd=false,zkne=false,zknh=false,zkr=false,zksed=false,zksh=false"

// QEMUOptions make QEMU a reference. One instruction per translation block keeps it from
// optimising across instructions, where QEMU 10.0 has two errors: after amocas with rd =
// x0, x0 reads as the old memory value, and a froundnx whose result is overwritten loses
// its inexact flag.
var QEMUOptions = []string{"-one-insn-per-tb", "-cpu", CPU}

// run executes a program file and returns what it wrote.
func (e *Emulator) run(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	args := append(e.Command[1:len(e.Command):len(e.Command)], path)
	cmd := exec.CommandContext(ctx, e.Command[0], args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w (%d bytes of output)\n%s", e.Name, err, out.Len(), tail(errs.String()))
	}
	return out.Bytes(), nil
}

func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Mismatch is a case whose outcome differs.
type Mismatch struct {
	Case      Built
	Want, Got Record
}

// String has the instruction, its operands, and both results.
func (m *Mismatch) String() string {
	return m.Case.Text + "\n" + Diff(&m.Want, &m.Got, "want", "got")
}

// Compare runs a program under both emulators, in files below dir, and returns the cases
// in which b's result is not a's.
func Compare(p *Program, a, b *Emulator, dir string) ([]Mismatch, error) {
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, p.ELF, 0o755); err != nil {
		return nil, err
	}
	want, err := p.outcome(a, path)
	if err != nil {
		return nil, err
	}
	got, err := p.outcome(b, path)
	if err != nil {
		return nil, err
	}
	var diff []Mismatch
	for i := range want {
		if want[i] != got[i] {
			diff = append(diff, Mismatch{p.Cases[i], want[i], got[i]})
		}
	}
	return diff, nil
}

// Configurations are the ways to execute code that programs of many blocks are run in: how
// hospes is called in each.
var Configurations = []struct {
	Name    string
	Options []string
}{
	{"default", []string{"--translate=on"}},
	{"at-once", []string{"--translate=on", "--threshold=0"}},
	{"optimised-at-once", []string{"--translate=on", "--threshold=0", "--optimise-threshold=0"}},
	{"optimised", []string{"--translate=on", "--threshold=0", "--optimise-threshold=20"}},
	{"optimised-chance", []string{"--threshold=0", "--optimise-threshold=0", "--optimise-chance=1"}},
	{"optimised-table", []string{"--mapping=table", "--threshold=0", "--optimise-threshold=0", "--optimise-chance=2"}},
	{"optimised-direct", []string{"--mapping=direct", "--threshold=0", "--optimise-threshold=0", "--optimise-chance=3", "--wx"}},
	{"small-cache", []string{"--translate=on", "--threshold=0", "--code-cache=128K"}},
	{"check", []string{"--check"}},
	{"interpreter", []string{"--translate=off"}},
	{"table", []string{"--mapping=table", "--threshold=0"}},
	{"direct", []string{"--mapping=direct", "--threshold=0"}},
}

// configured returns the emulator in each configuration.
func configured(e *Emulator) (list []*Emulator) {
	for _, c := range Configurations {
		list = append(list, &Emulator{c.Name, append(e.Command[:len(e.Command):len(e.Command)], c.Options...)})
	}
	return list
}

func (p *Program) outcome(e *Emulator, path string) ([]Record, error) {
	out, err := e.run(path)
	if err != nil {
		return nil, err
	}
	r, err := p.Records(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	return r, nil
}
