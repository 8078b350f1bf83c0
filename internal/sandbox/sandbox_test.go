//go:build linux && amd64

package sandbox

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

const testLimit = 1 << 38

// newMachine makes a machine that translates.
func newMachine() (*Machine, error) {
	m, err := offset.New(testLimit)
	if err != nil {
		return nil, err
	}
	opts := engine.DefaultOptions
	opts.CacheSize = 4 << 20
	arch := &engine.Arch{Arch: riscv.Arch, Options: opts}
	return &Machine{Mem: mem.New(m, mem.PageSize, defaultStack), Arch: arch, Close: arch.Close}, nil
}

// newInterpreter makes a machine that interprets.
func newInterpreter() (*Machine, error) {
	m, err := offset.New(testLimit)
	if err != nil {
		return nil, err
	}
	return &Machine{Mem: mem.New(m, mem.PageSize, defaultStack), Arch: riscv.Arch}, nil
}

// image is a program file in memory.
type image struct{ *bytes.Reader }

func (image) Close() error { return nil }

func (i image) Stat() (fs.FileInfo, error) { return i, nil }

func (image) Name() string { return "program" }

func (image) Mode() fs.FileMode { return 0o755 }

func (image) ModTime() time.Time { return time.Time{} }

func (image) IsDir() bool { return false }

func (image) Sys() any { return nil }

// compile builds a static program of C code.
func compile(t *testing.T, source string, options ...string) loader.File {
	t.Helper()
	const cc = "riscv64-linux-gnu-gcc"
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, "is missing")
	}
	dir := t.TempDir()
	src, out := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-static", "-O1", "-pthread", "-w", "-o", out, src}, options...)
	if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return image{bytes.NewReader(b)}
}

// result is what can be seen of a run.
type result struct {
	stdout, stderr string
	exit           Exit
}

// execute runs a program with a configuration that change has changed.
func execute(t *testing.T, file loader.File, change func(*Config), argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cfg := Config{NewMachine: newMachine, Files: FileConfig{Stdout: &stdout, Stderr: &stderr}}
	if change != nil {
		change(&cfg)
	}
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := k.Run(ctx, Program{Path: "/program", File: file, Argv: append([]string{"program"}, argv...)})
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("not finished\nstandard output:\n%s\nstandard error:\n%s", &stdout, &stderr)
	}
	return result{stdout.String(), stderr.String(), exit}
}

// TestHello runs a program that needs nothing but write and exit_group.
func TestHello(t *testing.T) {
	file := compile(t, `
		static long call(long nr, long a, long b, long c) {
			register long a7 asm("a7") = nr, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c;
			asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
			return a0;
		}
		void _start(void) {
			call(64, 1, (long)"hello\n", 6);
			call(64, 2, (long)"error\n", 6);
			call(94, 42, 0, 0);
		}`, "-nostdlib")
	for name, machine := range map[string]func() (*Machine, error){"translated": newMachine, "interpreted": newInterpreter} {
		t.Run(name, func(t *testing.T) {
			got := execute(t, file, func(c *Config) { c.NewMachine = machine })
			if want := (result{"hello\n", "error\n", Exit{Status: Status{42, 0}}}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestUseMemory: memory that somebody looks at stays until he has done so, though the guest has ended.
func TestUseMemory(t *testing.T) {
	file := compile(t, `void _start(void) { asm volatile("li a7, 94; ecall"); }`, "-nostdlib")
	k, err := New(Config{NewMachine: newMachine})
	if err != nil {
		t.Fatal(err)
	}
	task, err := k.Start(Program{Path: "/program", File: file, Argv: []string{"program"}})
	if err != nil {
		t.Fatal(err)
	}
	at := task.mm.image.SP
	used := task.UseMemory(func(s *mem.Space) {
		task.Close()
		if argc, f := s.Load(at, 8); argc != 1 || f != nil {
			t.Errorf("argc is %d, %v", argc, f)
		}
	})
	if !used {
		t.Error("no memory before the end")
	}
	if task.UseMemory(func(*mem.Space) {}) {
		t.Error("memory after the end")
	}
}
