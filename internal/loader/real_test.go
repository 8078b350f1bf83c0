package loader

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// compile builds a C file for riscv64.
func (f *files) compile(t *testing.T, name, src string, flags ...string) {
	t.Helper()
	cc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("riscv64-linux-gnu-gcc is not installed")
	}
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(cc, append(flags, "-O1", "-o", path, src)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
}

// run executes a loaded program that only writes and exits.
func run(t *testing.T, as *mem.Space, img *Image, arch guest.Arch) (output string, status uint64) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	c := arch.NewCPU(as)
	c.SetPC(img.Entry)
	c.SetSP(img.SP)
	var out strings.Builder
	for {
		e := c.Run()
		if e.Kind != guest.ExitSyscall {
			t.Fatalf("exit %+v at %#x after %q", e, c.PC(), out.String())
		}
		switch nr, args := c.Syscall(); nr {
		case 64:
			out.Write(peek(t, as, args[1], args[2]))
			c.SetResult(int64(args[2]))
		case 94:
			return out.String(), args[0]
		default:
			t.Fatalf("unexpected system call %d", nr)
		}
	}
}

// TestRun has programs of each kind look at what the loader made of them.
func TestRun(t *testing.T) {
	// No relaxation: it makes code that needs gp, which nobody has set.
	common := []string{"-ffreestanding", "-fno-builtin", "-nostdlib", "-mcmodel=medany", "-fno-tree-loop-distribute-patterns",
		"-Wl,--no-relax"}
	for name, flags := range map[string][]string{
		"static":          {"-static", "-no-pie"},
		"static PIE":      {"-pie", "-fpie", "-Wl,--no-dynamic-linker"},
		"dynamic":         {"-pie", "-fpie", "-Wl,--dynamic-linker=/lib/ld.so"},
		"dynamic, fixed":  {"-no-pie", "-Wl,--dynamic-linker=/lib/ld.so", "-Wl,--no-as-needed"},
		"large alignment": {"-pie", "-fpie", "-Wl,--no-dynamic-linker", "-Wl,-z,max-page-size=0x200000"},
		"separate code":   {"-static", "-no-pie", "-Wl,-z,separate-code"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			f.compile(t, "lib/ld.so", "testdata/stack.c", slices.Concat(common, []string{"-DLDSO", "-shared", "-fpic"})...)
			if name == "dynamic, fixed" {
				flags = append(flags, filepath.Join(f.dir, "lib/ld.so")) // a library makes it dynamic
			}
			f.compile(t, "prog", "testdata/stack.c", slices.Concat(common, flags)...)
			onMappings(t, func(t *testing.T, as *mem.Space) {
				cfg := f.config("prog")
				cfg.Argv = []string{"zero", "one two", ""}
				cfg.Env = []string{"A=b", "PATH=/bin"}
				cfg.ExecFn = "./prog"
				copy(cfg.Random[:], "0123456789abcdef")
				img := mustLoad(t, cfg, as)
				got, status := run(t, as, img, cfg.Arch)
				want := "sp: ok\nargc: ok\nargument zero\nargument one two\nargument \nenvironment A=b\nenvironment PATH=/bin\n" +
					"file ./prog\nAT_ENTRY: ok\nAT_PHDR: ok\nAT_SYSINFO_EHDR: ok\nAT_RANDOM: ok\ndata: ok\nbss: ok\nwrite: ok\n"
				if img.InterpBase != 0 {
					want = "AT_BASE: ok\ninterpreter data: ok\n" + want
				}
				if strings.HasPrefix(name, "dynamic") != (img.InterpBase != 0) {
					t.Errorf("interpreter at %#x", img.InterpBase)
				}
				if diff := cmp.Diff(want, got); diff != "" || status != 42 {
					t.Errorf("status %d, output:\n%s", status, diff)
				}
			})
		})
	}
}

// checkContents compares each segment in memory with the file.
func checkContents(t *testing.T, as *mem.Space, path string, bias uint64) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		want := make([]byte, p.Memsz)
		if _, err := p.ReadAt(want[:p.Filesz], 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(peek(t, as, bias+p.Vaddr, p.Memsz), want) {
			t.Errorf("%s: segment at %#x differs from the file", filepath.Base(path), p.Vaddr)
		}
	}
}

const helloC = "#include <stdio.h>\nchar big[1<<20];\nint main(void) { puts(\"hello\"); return big[5]; }\n"

// TestGlibc loads what gcc makes with the C library.
func TestGlibc(t *testing.T) {
	const sysroot = "/usr/riscv64-linux-gnu"
	f := newFiles(t)
	src := f.write("hello.c", []byte(helloC), 0o644)
	for name, flags := range map[string][]string{
		"static": {"-static"}, "pie": {"-pie"}, "no-pie": {"-no-pie"},
	} {
		t.Run(name, func(t *testing.T) {
			f.compile(t, name, src, flags...)
			onMappings(t, func(t *testing.T, as *mem.Space) {
				cfg := f.config(name)
				cfg.Open = func(path string) (File, string, error) {
					if strings.HasPrefix(path, "/lib/") {
						path = filepath.Join(sysroot, path)
						file, err := os.Open(path)
						return file, path, err
					}
					return f.open(path)
				}
				p := mustProbe(t, cfg)
				interp := p.interp // Load closes its file
				img, err := p.Load(as)
				if err != nil {
					t.Fatal(err)
				}
				checkContents(t, as, filepath.Join(f.dir, name), img.Bias)
				if interp != nil {
					checkContents(t, as, interp.host, img.InterpBase)
				}
				if (interp != nil) != (name != "static") || (img.Bias != 0) != (name == "pie") {
					t.Errorf("interpreter %v, bias %#x", interp, img.Bias)
				}
			})
		})
	}
}

// TestGo loads what the Go compiler makes.
func TestGo(t *testing.T) {
	f := newFiles(t)
	src := f.write("hello.go", []byte("package main\n\nfunc main() { println(\"hello\") }\n"), 0o644)
	out := filepath.Join(f.dir, "prog")
	cmd := exec.Command("go", "build", "-o", out, src)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0", "GOFLAGS=")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("cannot build for riscv64: %v\n%s", err, msg)
	}
	onMappings(t, func(t *testing.T, as *mem.Space) {
		img := mustLoad(t, f.config("prog"), as)
		checkContents(t, as, out, 0)
		if img.Bias != 0 || img.Entry != img.ProgramEntry {
			t.Errorf("image %+v", img)
		}
	})
}
