package symbols

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNM compares the functions of a program with what nm says.
func TestNM(t *testing.T) {
	const cc, nm = "riscv64-linux-gnu-gcc", "riscv64-linux-gnu-nm"
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, " is missing")
	}
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	text := `
int first(int x) { return x * 3; }
static __attribute__((noinline)) int second(int x) { return first(x) + 1; }
int main(int argc, char **argv) { return second(argc); }`
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{"pie": {"-pie"}, "static": {"-static"}, "stripped": {"-shared", "-fPIC", "-s"}} {
		t.Run(name, func(t *testing.T) {
			args := append(flags, "-O1", "-fno-inline", "-o", prog, src)
			if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			args = []string{"--defined-only", prog}
			if name == "stripped" {
				args = append(args, "-D")
			}
			out, err := exec.Command(nm, args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(prog)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			table, err := Read(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, fn := range []string{"first", "second", "main"} {
				if name == "stripped" && fn == "second" {
					continue
				}
				checkFunction(t, table, string(out), fn)
			}
		})
	}
}

func checkFunction(t *testing.T, table *Table, nm, fn string) {
	t.Helper()
	for line := range strings.Lines(nm) {
		if field := strings.Fields(line); field[2] == fn {
			addr, err := strconv.ParseUint(field[0], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			s := table.segments[0]
			name, distance, ok := table.At(addr + 2 - s.Vaddr + s.Off)
			if name != fn || distance != 2 || !ok {
				t.Errorf("%s+2 is %q+%d, %v", fn, name, distance, ok)
			}
			return
		}
	}
	t.Errorf("nm does not list %s", fn)
}

// TestGaps: what lies between functions, and outside of what is executed, has no name.
func TestGaps(t *testing.T) {
	table := &Table{funcs: []function{{0x100, 0x110, "a"}, {0x120, 0x120, "b"}, {0x140, 0x144, "c"}}}
	for addr, want := range map[uint64]string{0xff: "", 0x100: "a", 0x10f: "a", 0x110: "", 0x120: "b", 0x13f: "b", 0x143: "c", 0x144: ""} {
		if name, _, ok := table.find(addr); name != want || ok != (want != "") {
			t.Errorf("%#x is in %q, want %q", addr, name, want)
		}
	}
	if _, _, ok := table.At(0x100); ok {
		t.Error("a function outside of all segments")
	}
	if _, err := Read(strings.NewReader("no ELF file")); err == nil {
		t.Error("no error for what is no ELF file")
	}
}
